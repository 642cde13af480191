//! Exchanges over HTTP/1.1, one at a time on a connection.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::{Failed, Incoming, IncomingBody, Outgoing};
use super::pool::{Origin, Pool};
use super::trouble::{TransportError, broken, cut_off};

/// Sends requests over one connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Begins HTTP/1.1 on `io`. The connection must be polled to its end.
pub(super) async fn begin<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: Io,
) -> Result<(Sender, Connection<TokioIo<Io>, Full<Bytes>>), TransportError> {
    let begun = Builder::new().handshake(TokioIo::new(io)).await;
    begun.map_err(|error| broken(&error))
}

/// A connection of one's own, until the end of an answer gives it back.
pub(super) struct Lease {
    pub(super) sender: Sender,
    pub(super) origin: Arc<Origin>,
    pub(super) pool: Pool,
}

/// Sends `request`, and waits for the head of its answer. The sender must be ready.
pub(super) async fn send(mut lease: Lease, request: &Outgoing) -> Result<Incoming, Failed> {
    let mut outgoing = Request::new(Full::new(request.body.clone()));
    *outgoing.method_mut() = request.method.clone();
    *outgoing.headers_mut() = request.headers.clone();
    let path = request.uri.path_and_query().cloned();
    *outgoing.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    if let Ok(host) = HeaderValue::try_from(lease.origin.authority()) {
        outgoing.headers_mut().insert(HOST, host);
    }
    match lease.sender.try_send_request(outgoing).await {
        Ok(answer) => {
            let (head, incoming) = answer.into_parts();
            let body = IncomingBody::Http1(Body { incoming, lease });
            Ok(Incoming::new(head, body))
        }
        Err(mut failed) => Err(Failed {
            was_not_handled: failed.take_message().is_some(),
            error: broken(failed.error()),
        }),
    }
}

/// The body of an answer.
pub(super) struct Body {
    incoming: hyper::body::Incoming,
    lease: Lease,
}

impl Body {
    /// The length that is known from the head.
    pub(super) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            match self.incoming.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(cut_off(&error)),
                Some(Ok(frame)) => {
                    // Trailers say nothing that is wanted.
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// Keeps the connection for the next exchange.
    pub(super) fn complete(self) {
        let Lease {
            sender,
            origin,
            pool,
        } = self.lease;
        pool.keep(&origin, sender);
    }
}
