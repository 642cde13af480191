//! One request and its reply on a connection.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::body::ReplyBody;
use super::wire_end::Ending;
use super::{Handler, Limits, Listener};
use crate::exchange::{
    BodyError, Delivery, HeaderValue, Reply, Request, StatusCode, Version, header,
};

/// Bytes of a refused body that are still taken off the wire.
const PASSED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long that may take.
const PASSING_MAX: Duration = Duration::from_secs(2);

/// What all exchanges of one connection share.
pub(super) struct Conversation<H> {
    pub(super) listener: Arc<Listener<H>>,
    /// Number of the connection on its listener.
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
    pub(super) ending: Ending,
    /// Cancelled with the listener. Each connection has one of its own, since it is looked at with
    /// every request.
    pub(super) stopping: CancellationToken,
    /// What runs on the connection after it switched protocols.
    pub(super) upgraded: Mutex<Option<JoinHandle<()>>>,
}

impl<H: Handler> Conversation<H> {
    /// One request and its reply.
    pub(super) async fn exchange(
        &self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<ReplyBody>, CutShort> {
        let listener = &self.listener;
        listener.stats.requests.fetch_add(1, Ordering::Relaxed);
        let version = request.version();
        if version == Version::HTTP_11 && !has_one_host(&request) {
            tokio::spawn(pass_over(request.into_body()));
            let refusal = Reply::empty(StatusCode::BAD_REQUEST);
            return respond(refusal, version, true, &self.ending);
        }
        let request = read(request, self.number, self.peer, listener).await;
        let too_large = request.body
            == Err(BodyError::TooLarge {
                limit_bytes: listener.limits.body_bytes_max,
            });
        let (request, switching) = take_upgrade(request);
        let mut reply = listener.handler.handle(request).await;
        if let (Some(after), Some(switching)) = (reply.after_upgrade.take(), switching) {
            let stopping = self.stopping.clone();
            let running = tokio::spawn(async move {
                if let Ok(upgraded) = switching.await {
                    after(Box::new(TokioIo::new(upgraded)), stopping).await;
                }
            });
            *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        }
        respond(reply, version, too_large, &self.ending)
    }
}

/// Whether a request names its host once, as HTTP/1.1 demands (RFC 9112, section 3.2). Like other
/// requests that are not HTTP it is answered before any handler sees it.
fn has_one_host(request: &hyper::Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    hosts.next().is_some() && hosts.next().is_none()
}

async fn read<H>(
    mut request: hyper::Request<Incoming>,
    connection: u64,
    peer: SocketAddr,
    listener: &Listener<H>,
) -> Request {
    let upgrade = request
        .headers()
        .contains_key(header::UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, incoming) = request.into_parts();
    // HTTP/2 carries the authority in a field of its own; whoever reads a request wants one place.
    if let Some(authority) = parts.uri.authority()
        && !parts.headers.contains_key(header::HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    let expected = parts.headers.contains_key(header::EXPECT);
    let body = collect(incoming, expected, listener.limits).await;
    Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        version: parts.version,
        headers: parts.headers,
        body,
        peer,
        local: listener.local,
        connection,
        tls: listener.acceptor.is_some(),
        upgrade,
        can_upgrade: false,
    }
}

async fn collect(
    mut incoming: Incoming,
    expected: bool,
    limits: Limits,
) -> Result<Bytes, BodyError> {
    let limit_bytes = limits.body_bytes_max;
    let too_large = BodyError::TooLarge { limit_bytes };
    // A length announced beyond the limit is refused unread: its sender may be waiting for a
    // `100 Continue`, or never send a byte.
    if incoming.size_hint().lower() > limit_bytes as u64 {
        if !expected {
            tokio::spawn(pass_over(incoming));
        }
        return Err(too_large);
    }
    let limit_s = limits.body_read_s;
    let reading = timeout(
        Duration::from_secs(limit_s),
        whole(&mut incoming, limit_bytes),
    );
    let body = reading
        .await
        .unwrap_or(Err(BodyError::TimedOut { limit_s }));
    if body == Err(too_large) {
        tokio::spawn(pass_over(incoming));
    }
    body
}

async fn whole(incoming: &mut Incoming, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut body = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if body.len() + pieces.len() + piece.len() > limit_bytes {
            return Err(BodyError::TooLarge { limit_bytes });
        }
        // Nearly every body comes in one piece, which is kept as it is.
        if body.is_empty() && pieces.is_empty() {
            body = piece;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut body));
            pieces.extend_from_slice(&piece);
        }
    }
    Ok(if pieces.is_empty() {
        body
    } else {
        pieces.freeze()
    })
}

/// Reads and forgets what a client still sends of a body that was refused. A connection that closes
/// on unread bytes is reset, and the client might never see the answer.
async fn pass_over(mut incoming: Incoming) {
    let passing = async {
        let mut passed = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            passed += frame.data_ref().map_or(0, Bytes::len);
            if passed > PASSED_BYTES_MAX {
                return;
            }
        }
    };
    let _ = timeout(PASSING_MAX, passing).await;
}

/// The upgrade stays here; the handler only sees that there is one.
fn take_upgrade(mut request: Request) -> (Request, Option<hyper::upgrade::OnUpgrade>) {
    let upgrade = request.upgrade.take();
    request.can_upgrade = upgrade.is_some();
    (request, upgrade)
}

fn respond(
    reply: Reply,
    version: Version,
    close: bool,
    ending: &Ending,
) -> Result<hyper::Response<ReplyBody>, CutShort> {
    let length = reply.body.len();
    let mut close = close;
    let body = match reply.delivery {
        Delivery::Whole => ReplyBody::whole(reply.body),
        Delivery::Drip { chunk_bytes, every } => ReplyBody::drip(reply.body, chunk_bytes, every),
        Delivery::Truncate { at_bytes } => ReplyBody::cut(reply.body.slice(..at_bytes.min(length))),
        Delivery::Close => {
            ending.cut();
            return Err(CutShort);
        }
        Delivery::Reset => {
            ending.reset();
            ending.cut();
            return Err(CutShort);
        }
        Delivery::Twice => {
            ending.repeat();
            close = true;
            ReplyBody::whole(reply.body)
        }
    };
    let switching = reply.status == StatusCode::SWITCHING_PROTOCOLS;
    let mut response = hyper::Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if !switching {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if close && version < Version::HTTP_2 {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    } else if close {
        ending.finish();
    }
    Ok(response)
}

/// Tells the HTTP library to end the exchange without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the reply was dropped on purpose")]
pub(super) struct CutShort;
