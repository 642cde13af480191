//! The connection's ends, which can be told to end badly: by reset below TLS, or by saying
//! everything twice above it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::spelling::Spelling;

/// How the connection is to end. Clones share the decision; in order unless told otherwise.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<Decided>);

#[derive(Default)]
struct Decided {
    reset: AtomicBool,
    repeat: AtomicBool,
    cut: CancellationToken,
    finish: CancellationToken,
}

impl Ending {
    pub(super) fn reset(&self) {
        self.0.reset.store(true, Ordering::Release);
    }

    /// The connection ends now, whatever else is under way on it.
    pub(super) fn cut(&self) {
        self.0.cut.cancel();
    }

    /// Waits for [`Self::cut`].
    pub(super) async fn is_cut(&self) {
        self.0.cut.cancelled().await;
    }

    /// The connection ends in order after what is under way.
    pub(super) fn finish(&self) {
        self.0.finish.cancel();
    }

    /// Waits for [`Self::finish`].
    pub(super) async fn is_finished(&self) {
        self.0.finish.cancelled().await;
    }

    /// Everything written from now on is written once more before the connection closes.
    pub(super) fn repeat(&self) {
        self.0.repeat.store(true, Ordering::Release);
    }
}

/// The socket itself: resets instead of closing when told so.
pub(super) struct SocketEnd {
    stream: TcpStream,
    ending: Ending,
}

impl SocketEnd {
    pub(super) fn new(stream: TcpStream, ending: Ending) -> Self {
        Self { stream, ending }
    }

    fn is_reset(&self) -> bool {
        self.ending.0.reset.load(Ordering::Acquire)
    }
}

impl Drop for SocketEnd {
    fn drop(&mut self) {
        if self.is_reset() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for SocketEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for SocketEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_reset() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The clear-text side: spells header names as the vendor does, and repeats what it wrote when told
/// so.
pub(super) struct ClearEnd<S> {
    stream: S,
    ending: Ending,
    spelling: Option<Arc<Spelling>>,
    /// What is to go out instead of the first bytes that are next written: the rest of a head.
    head: Vec<u8>,
    again: Vec<u8>,
}

impl<S> ClearEnd<S> {
    pub(super) fn new(stream: S, ending: Ending, spelling: Option<Arc<Spelling>>) -> Self {
        Self {
            stream,
            ending,
            spelling,
            head: Vec::new(),
            again: Vec::new(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClearEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClearEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(spelling) = this.spelling.as_ref().filter(|_| this.head.is_empty()) {
            spelling.apply(bytes, &mut this.head);
        }
        let (head, rest) = (&this.head, bytes.get(this.head.len()..).unwrap_or_default());
        let stream = Pin::new(&mut this.stream);
        let written = ready!(if head.is_empty() {
            stream.poll_write(context, rest)
        } else {
            let pieces = [IoSlice::new(head), IoSlice::new(rest)];
            stream.poll_write_vectored(context, &pieces)
        })?;
        if this.ending.0.repeat.load(Ordering::Acquire) {
            let both = head.iter().chain(rest).take(written);
            this.again.extend(both);
        }
        this.head.drain(..written.min(this.head.len()));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.again.is_empty() {
            let this = &mut *self;
            let written = ready!(Pin::new(&mut this.stream).poll_write(context, &this.again))?;
            this.again.drain(..written);
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_head_that_goes_out_byte_by_byte_is_spelled_to_its_end() {
        // Room for three bytes at a time.
        let (near, mut far) = tokio::io::duplex(3);
        let spelling = Arc::new(Spelling::of(&["X-AspNet-Version"]));
        let mut end = ClearEnd::new(near, Ending::default(), Some(spelling));
        let writing = async {
            let bytes = b"HTTP/1.1 200 OK\r\nx-aspnet-version: 4\r\ncontent-length: 3\r\n\r\na-b";
            end.write_all(bytes).await?;
            end.shutdown().await
        };
        let mut text = String::new();
        let (written, read) = tokio::join!(writing, far.read_to_string(&mut text));
        written.expect("written");
        read.expect("read");
        let wanted = "HTTP/1.1 200 OK\r\nX-AspNet-Version: 4\r\nContent-Length: 3\r\n\r\na-b";
        assert_eq!(text, wanted);
    }
}
