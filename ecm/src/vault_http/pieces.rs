//! The body of a request in small pieces. The HTTP/2 library gathers short pieces of all requests
//! that go out together and writes them at once; each longer one is written by itself, as a TLS record
//! and a system call of its own.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Longest piece that is gathered, bytes.
const PIECE_BYTES: usize = 255;
/// Longest body that goes out in pieces, bytes; a copy of a longer one costs more than it saves.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// What a request carries, in pieces where that pays.
pub(super) fn in_pieces(body: Bytes) -> reqwest::Body {
    let pays = (PIECE_BYTES + 1..=BODY_BYTES_MAX).contains(&body.len());
    if pays {
        reqwest::Body::wrap(Pieces(body))
    } else {
        body.into()
    }
}

struct Pieces(Bytes);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.0.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.0.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
