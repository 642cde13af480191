//! Exchanges over HTTP/2. Requests that go out together leave in one write, heads and bodies, and so
//! in one TLS record: the library gathers what is short, and it holds a body back until its head has
//! left only from callers that wait for the window.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::{Failed, Incoming, IncomingBody, Outgoing};
use super::room::SHARE_BYTES;
use super::trouble::{TransportError, broken, cut_off};

/// Longest list of header fields of an answer, bytes.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// How many requests go out before the vault has said how many it takes; most take a hundred.
const STREAMS_AT_FIRST: usize = 100;

/// Longest piece of a body that the library gathers with others instead of writing it by itself,
/// bytes.
const PIECE_BYTES: usize = 1023;
/// Longest body that goes out in pieces, bytes; a copy of a longer one costs more than it saves.
const PIECEMEAL_BYTES_MAX: usize = 4 * 1024;

/// Begins HTTP/2 on `io`. The connection must be polled to its end.
pub(super) async fn begin<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    window_bytes: u32,
) -> Result<(SendRequest<Bytes>, Connection<Gathering<Io>, Bytes>), TransportError> {
    Builder::new()
        .initial_window_size(SHARE_BYTES)
        .initial_connection_window_size(window_bytes)
        .max_header_list_size(HEADER_BYTES_MAX)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .enable_push(false)
        .handshake(Gathering(io))
        .await
        .map_err(|error| broken(&error))
}

/// Sends `request`, and waits for the head of its answer. The sender must be ready.
pub(super) async fn send(
    mut sender: SendRequest<Bytes>,
    request: &Outgoing,
) -> Result<Incoming, Failed> {
    let mut head = Request::new(());
    *head.method_mut() = request.method.clone();
    *head.uri_mut() = request.uri.clone();
    *head.headers_mut() = request.headers.clone();
    let mut body = request.body.clone();
    let (answer, mut stream) = sender
        .send_request(head, body.is_empty())
        .map_err(|error| Failed {
            error: broken(&error),
            was_not_handled: true,
        })?;
    let piece_bytes = match body.len() {
        ..=PIECEMEAL_BYTES_MAX => PIECE_BYTES,
        longer => longer,
    };
    while !body.is_empty() {
        let piece = body.split_to(piece_bytes.min(body.len()));
        if stream.send_data(piece, body.is_empty()).is_err() {
            // The stream has ended already, and the answer tells why.
            break;
        }
    }
    let (head, body) = answer
        .await
        .map_err(|error| Failed {
            error: broken(&error),
            was_not_handled: was_not_handled(&error),
        })?
        .into_parts();
    Ok(Incoming::new(head, IncomingBody::Http2(Body(body))))
}

/// Whether the vault says that it has not handled the request: it refused the stream, or it was about
/// to close the connection in order (RFC 9113, section 8.7).
fn was_not_handled(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    let closing = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    error.is_remote() && (refused || closing)
}

/// The body of an answer.
pub(super) struct Body(RecvStream);

impl Body {
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(chunk) = self.0.data().await else {
            return Ok(None);
        };
        let chunk = chunk.map_err(|error| cut_off(&error))?;
        // It fails when more is given back than came.
        let _ = self.0.flow_control().release_capacity(chunk.len());
        Ok(Some(chunk))
    }
}

/// A stream that asks for its bytes in one piece. TLS copies them anyway, and the library gathers
/// longer pieces for such a stream.
pub(super) struct Gathering<Io>(Io);

impl<Io: AsyncRead + Unpin> AsyncRead for Gathering<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Gathering<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}
