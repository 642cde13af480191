//! One connection from its first byte to its last, over HTTP/1.1 or HTTP/2.

use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::Handler;
use super::alarm::OneAlarm;
use super::at_once::at_once;
use super::exchange::{Conversation, CutShort};
use super::wire_end::{ClearEnd, Ending};

/// Exchanges of one HTTP/2 connection at a time: what IIS allows (documented by Microsoft,
/// `Http2MaxConcurrentClientStreams`).
const STREAMS_MAX: u32 = 100;
/// Longest list of header fields over HTTP/2, bytes: what IIS allows (`MaxRequestBytes`).
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// A silent HTTP/2 client is asked this often whether it is still there, and given as long.
const PROBE: Duration = Duration::from_secs(30);

/// Answers over HTTP/1.1 until the connection ends or the listener stops.
pub(super) async fn over_http1<H, S>(stream: S, conversation: &Arc<Conversation<H>>)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| conversation.exchange(request));
    let header_read = Duration::from_secs(conversation.listener.limits.header_read_s);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(OneAlarm::new(header_read))
        .header_read_timeout(header_read)
        .half_close(true);
    let stream = ClearEnd::new(
        stream,
        conversation.ending.clone(),
        Some(Arc::clone(&conversation.listener.spelling)),
    );
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let ended = at_once(async {
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = conversation.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    });
    if let Err(error) = ended.await {
        tracing::debug!(peer = %conversation.peer, %error, "connection ended early");
    }
    let running = conversation
        .upgraded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(running) = running {
        AbortOnDrop(running).join().await;
    }
}

/// Answers over HTTP/2, several requests at a time. What ends a connection on HTTP/1.1 ends it
/// here too, with every exchange that is under way on it.
pub(super) async fn over_http2<H, S>(stream: S, conversation: &Arc<Conversation<H>>)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let exchanges = Exchanges {
        running: Arc::default(),
        ending: conversation.ending.clone(),
    };
    let (shared, running) = (Arc::clone(conversation), exchanges.clone());
    let service = service_fn(move |request| {
        let conversation = Arc::clone(&shared);
        let answered = running.begin(async move { conversation.exchange(request).await });
        async move { answered.await.unwrap_or(Err(CutShort)) }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(PROBE)
        .keep_alive_timeout(PROBE);
    let stream = ClearEnd::new(stream, conversation.ending.clone(), None);
    {
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut finishing = false;
        loop {
            tokio::select! {
                biased;
                () = conversation.ending.is_cut() => break,
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %conversation.peer, %error, "connection ended early");
                    }
                    break;
                }
                () = conversation.ending.is_finished(), if !finishing => {
                    finishing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = conversation.stopping.cancelled(), if !finishing => {
                    finishing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
    exchanges.end().await;
}

/// The exchanges of an HTTP/2 connection. A client that goes away does not stop them: what it asked
/// for is handled, as it is on HTTP/1.1. The connection ends with a panic in one of them.
#[derive(Clone)]
struct Exchanges {
    running: Arc<Mutex<Running>>,
    ending: Ending,
}

#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    panic: Option<Box<dyn Any + Send>>,
}

impl Running {
    fn note(&mut self, ended: Result<(), JoinError>) {
        if let Err(error) = ended
            && let Ok(payload) = error.try_into_panic()
        {
            self.panic.get_or_insert(payload);
        }
    }
}

impl Exchanges {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an exchange; its outcome goes to whoever still waits for it.
    fn begin<T: Send + 'static>(
        &self,
        exchange: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, answered) = oneshot::channel();
        let watch = CutOnPanic(self.ending.clone());
        let mut running = self.running();
        while let Some(ended) = running.tasks.try_join_next() {
            running.note(ended);
        }
        running.tasks.spawn(async move {
            // Nobody waits any more when the client went away.
            let _ = answer.send(exchange.await);
            drop(watch);
        });
        answered
    }

    /// Lets what runs come to its end, and passes the first panic on.
    async fn end(self) {
        let mut running = std::mem::take(&mut *self.running());
        while let Some(ended) = running.tasks.join_next().await {
            running.note(ended);
        }
        if let Some(payload) = running.panic {
            resume_unwind(payload);
        }
    }
}

struct CutOnPanic(Ending);

impl Drop for CutOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cut();
        }
    }
}

/// Ends the task of an upgraded connection together with the connection's own task.
struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    async fn join(mut self) {
        if let Err(error) = (&mut self.0).await
            && let Ok(payload) = error.try_into_panic()
        {
            resume_unwind(payload);
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
