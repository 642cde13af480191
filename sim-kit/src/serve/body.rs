//! The body of a reply on its way out: whole, dripping, or cut.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::clock::pause;

pub(super) struct ReplyBody {
    rest: Bytes,
    pace: Pace,
}

enum Pace {
    Whole,
    Drip {
        chunk_bytes: usize,
        every: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    },
    /// Sends what there is, lets the library flush it, then fails.
    Cut {
        flush: Option<Pin<Box<Sleep>>>,
    },
}

impl ReplyBody {
    pub(super) fn whole(rest: Bytes) -> Self {
        Self {
            rest,
            pace: Pace::Whole,
        }
    }

    pub(super) fn drip(rest: Bytes, chunk_bytes: usize, every: Duration) -> Self {
        Self {
            rest,
            pace: Pace::Drip {
                chunk_bytes: chunk_bytes.max(1),
                every,
                wait: None,
            },
        }
    }

    pub(super) fn cut(rest: Bytes) -> Self {
        Self {
            rest,
            pace: Pace::Cut { flush: None },
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        match &mut this.pace {
            Pace::Whole if this.rest.is_empty() => Poll::Ready(None),
            Pace::Whole => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest))))),
            Pace::Drip {
                chunk_bytes,
                every,
                wait,
            } => {
                if this.rest.is_empty() {
                    return Poll::Ready(None);
                }
                if let Some(pause) = wait
                    && pause.as_mut().poll(context).is_pending()
                {
                    return Poll::Pending;
                }
                *wait = Some(Box::pin(pause(*every)));
                let piece = this.rest.split_to((*chunk_bytes).min(this.rest.len()));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Pace::Cut { flush: None } => {
                this.pace = Pace::Cut {
                    flush: Some(Box::pin(pause(Duration::from_millis(10)))),
                };
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest)))))
            }
            Pace::Cut { flush: Some(pause) } => match pause.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => Poll::Ready(Some(Err(io::Error::other("cut on purpose")))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.pace, Pace::Cut { .. }) && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.pace {
            Pace::Cut { .. } => SizeHint::default(),
            _ => SizeHint::with_exact(self.rest.len() as u64),
        }
    }
}
