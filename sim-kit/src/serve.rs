//! The accept loop: TLS, time-outs, bounds, faulty deliveries, and an orderly end.
//!
//! This file, with its children, is the only one that knows the HTTP library.

mod body;
mod wire_end;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::exchange::{BodyError, Delivery, HeaderValue, Reply, Request, StatusCode, header};
use crate::pki::ServerIdentity;
use body::ReplyBody;
use wire_end::{ClearEnd, Ending, SocketEnd};

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. A panic ends the connection and is kept in [`Running::panics`].
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;
}

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest request body, bytes.
    pub body_bytes_max: usize,
    /// Time for the head of a request, seconds.
    pub header_read_s: u64,
    /// Time for the body of a request, seconds.
    pub body_read_s: u64,
    /// Time for the TLS handshake, seconds.
    pub handshake_s: u64,
    /// Connections at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// Time that running requests get when the listener stops, seconds.
    pub drain_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 * 1024 * 1024,
            header_read_s: 30,
            body_read_s: 30,
            handshake_s: 10,
            connections_max: 10_000,
            drain_s: 5,
        }
    }
}

/// Whether and how connections are encrypted.
#[derive(Clone)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// TLS 1.2 or 1.3 with this identity.
    Server(ServerIdentity),
}

/// A bound listener that does not answer yet.
#[derive(Debug)]
pub struct BoundListener {
    listener: TcpListener,
    local: SocketAddr,
}

impl BoundListener {
    /// The address, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

/// Why an address could not be bound. The message names the cure.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something else listens there.
    #[error(
        "listen on {0}: the port is in use; stop the other program, or take another port (0 for any)"
    )]
    InUse(SocketAddr),
    /// Only a privileged user may.
    #[error("listen on {0}: not permitted; take a port above 1023 (0 for any)")]
    NotPermitted(SocketAddr),
    /// The address is not this machine's.
    #[error("listen on {0}: this machine has no such address; 127.0.0.1 always works")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Binds a listener.
///
/// # Errors
/// When the address is in use, not permitted, or not this machine's.
pub async fn bind(addr: SocketAddr) -> Result<BoundListener, BindError> {
    let bound = async {
        let listener = TcpListener::bind(addr).await?;
        let local = listener.local_addr()?;
        Ok(BoundListener { listener, local })
    };
    bound.await.map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(addr),
        io::ErrorKind::PermissionDenied => BindError::NotPermitted(addr),
        io::ErrorKind::AddrNotAvailable => BindError::NotOurs(addr),
        _ => BindError::Other(addr, error),
    })
}

/// Counters of a listener at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StatsSnapshot {
    /// Connections accepted.
    pub connections: u64,
    /// TLS handshakes completed.
    pub tls_handshakes: u64,
    /// TLS handshakes that failed: above all clients that do not trust the certificate.
    pub tls_failures: u64,
    /// Requests whose head arrived.
    pub requests: u64,
}

#[derive(Default)]
struct Stats {
    connections: AtomicU64,
    tls_handshakes: AtomicU64,
    tls_failures: AtomicU64,
    requests: AtomicU64,
}

/// A listener that answers. Dropping it stops at once; [`Running::stop`] drains.
pub struct Running {
    local: SocketAddr,
    tls: bool,
    stats: Arc<Stats>,
    panics: Arc<Mutex<Vec<String>>>,
    stopping: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl Running {
    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// `https://127.0.0.1:port` or `http://…`, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!(
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.local
        )
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> StatsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsSnapshot {
            connections: read(&self.stats.connections),
            tls_handshakes: read(&self.stats.tls_handshakes),
            tls_failures: read(&self.stats.tls_failures),
            requests: read(&self.stats.requests),
        }
    }

    /// Messages of panics in the handler. Anything here is a bug of ours.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        self.panics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Stops accepting, lets running requests end within the drain time, then cuts the rest.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// Starts answering.
#[must_use]
pub fn serve<H: Handler>(
    bound: BoundListener,
    tls: &Tls,
    handler: Arc<H>,
    limits: Limits,
) -> Running {
    let stats = Arc::<Stats>::default();
    let panics = Arc::<Mutex<Vec<String>>>::default();
    let stopping = CancellationToken::new();
    let acceptor = match tls {
        Tls::Off => None,
        Tls::Server(identity) => Some(identity.acceptor()),
    };
    let tls = acceptor.is_some();
    let listener = Listener {
        handler,
        acceptor,
        limits,
        local: bound.local,
        stats: Arc::clone(&stats),
        stopping: stopping.clone(),
    };
    let accepting = tokio::spawn(accept(
        bound.listener,
        Arc::new(listener),
        Arc::clone(&panics),
    ));
    Running {
        local: bound.local,
        tls,
        stats,
        panics,
        stopping,
        accepting: Some(accepting),
    }
}

struct Listener<H> {
    handler: Arc<H>,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    limits: Limits,
    local: SocketAddr,
    stats: Arc<Stats>,
    stopping: CancellationToken,
}

async fn accept<H: Handler>(
    socket: TcpListener,
    listener: Arc<Listener<H>>,
    panics: Arc<Mutex<Vec<String>>>,
) {
    let places = Arc::new(Semaphore::new(listener.limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = listener.stopping.cancelled() => break,
            Some(ended) = connections.join_next() => {
                keep_panic(ended, &panics);
                continue;
            }
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = listener.stopping.cancelled() => break,
            Some(ended) = connections.join_next() => {
                keep_panic(ended, &panics);
                continue;
            }
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let listener = Arc::clone(&listener);
                connections.spawn(async move {
                    connection(stream, peer, &listener).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors or a connection that went before it was taken: the
                // listener itself is sound, so give the machine a moment and go on.
                tracing::warn!(%error, "failed to accept a connection");
                let _ = timeout(Duration::from_millis(20), listener.stopping.cancelled()).await;
            }
        }
    }
    drop(socket);
    let drained = timeout(Duration::from_secs(listener.limits.drain_s), async {
        while let Some(ended) = connections.join_next().await {
            keep_panic(ended, &panics);
        }
    });
    if drained.await.is_err() {
        connections.shutdown().await;
    }
}

fn keep_panic(ended: Result<(), tokio::task::JoinError>, panics: &Mutex<Vec<String>>) {
    let Err(error) = ended else { return };
    let Ok(payload) = error.try_into_panic() else {
        return;
    };
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        })
        .unwrap_or_else(|| "panic without a message".to_owned());
    tracing::error!(message, "a handler panicked");
    panics
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(message);
}

async fn connection<H: Handler>(stream: TcpStream, peer: SocketAddr, listener: &Arc<Listener<H>>) {
    let number = listener.stats.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let _ = stream.set_nodelay(true);
    let ending = Ending::default();
    let end = SocketEnd::new(stream, ending.clone());
    let Some(acceptor) = &listener.acceptor else {
        return exchange(end, number, peer, listener, &ending).await;
    };
    let span = Duration::from_secs(listener.limits.handshake_s);
    match timeout(span, acceptor.accept(end)).await {
        Ok(Ok(encrypted)) => {
            listener
                .stats
                .tls_handshakes
                .fetch_add(1, Ordering::Relaxed);
            exchange(encrypted, number, peer, listener, &ending).await;
        }
        Ok(Err(error)) => {
            listener.stats.tls_failures.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => {
            listener.stats.tls_failures.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%peer, "TLS handshake did not end in time");
        }
    }
}

async fn exchange<H: Handler, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    number: u64,
    peer: SocketAddr,
    listener: &Arc<Listener<H>>,
    ending: &Ending,
) {
    let upgraded = Arc::<Mutex<Option<JoinHandle<()>>>>::default();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let upgraded = Arc::clone(&upgraded);
        async move {
            listener.stats.requests.fetch_add(1, Ordering::Relaxed);
            let request = read(request, number, peer, listener).await;
            let too_large = request.body
                == Err(BodyError::TooLarge {
                    limit_bytes: listener.limits.body_bytes_max,
                });
            let (request, switching) = take_upgrade(request);
            let mut reply = listener.handler.handle(request).await;
            if let (Some(after), Some(switching)) = (reply.after_upgrade.take(), switching) {
                let stopping = listener.stopping.clone();
                let running = tokio::spawn(async move {
                    if let Ok(upgraded) = switching.await {
                        after(Box::new(TokioIo::new(upgraded)), stopping).await;
                    }
                });
                *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
            }
            respond(reply, too_large, ending)
        }
    });
    let stream = ClearEnd::new(stream, ending.clone());
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(listener.limits.header_read_s))
        .half_close(true)
        .title_case_headers(true);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = listener.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
    let running = upgraded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(running) = running {
        let aborting = AbortOnDrop(running);
        aborting.join().await;
    }
}

/// Ends the task of an upgraded connection together with the connection's own task.
struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    async fn join(mut self) {
        if let Err(error) = (&mut self.0).await
            && let Ok(payload) = error.try_into_panic()
        {
            std::panic::resume_unwind(payload);
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
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
    let (parts, incoming) = request.into_parts();
    let limit_bytes = listener.limits.body_bytes_max;
    let limit_s = listener.limits.body_read_s;
    let collected = timeout(
        Duration::from_secs(limit_s),
        Limited::new(incoming, limit_bytes).collect(),
    )
    .await;
    let body = match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(BodyError::TooLarge { limit_bytes })
        }
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TimedOut { limit_s }),
    };
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

/// The upgrade stays here; the handler only sees that there is one.
fn take_upgrade(mut request: Request) -> (Request, Option<hyper::upgrade::OnUpgrade>) {
    let upgrade = request.upgrade.take();
    request.can_upgrade = upgrade.is_some();
    (request, upgrade)
}

fn respond(
    reply: Reply,
    close: bool,
    ending: &Ending,
) -> Result<hyper::Response<ReplyBody>, CutShort> {
    let length = reply.body.len();
    let mut close = close;
    let body = match reply.delivery {
        Delivery::Whole => ReplyBody::whole(reply.body),
        Delivery::Drip { chunk_bytes, every } => ReplyBody::drip(reply.body, chunk_bytes, every),
        Delivery::Truncate { at_bytes } => ReplyBody::cut(reply.body.slice(..at_bytes.min(length))),
        Delivery::Close => return Err(CutShort),
        Delivery::Reset => {
            ending.reset();
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
    if close {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Tells the HTTP library to end the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the reply was dropped on purpose")]
struct CutShort;
