//! The accept loop: TLS, time-outs, bounds, faulty deliveries, and an orderly end.
//!
//! This file, with its children, is the only one that knows the HTTP library.

mod alarm;
mod at_once;
mod body;
mod connection;
mod exchange;
mod spelling;
mod wire_end;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::exchange::{Reply, Request};
use crate::pki::{HTTP2, ServerIdentity};
use connection::{over_http1, over_http2};
use exchange::Conversation;
use spelling::Spelling;
use wire_end::{Ending, SocketEnd};

/// Panics that are kept; the first ones tell the most.
const PANICS_MAX: usize = 100;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. A panic ends the connection and is kept in [`Running::panics`].
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// Names of header fields that HTTP/1.1 responses spell like this instead of in title case.
    /// They differ from it in nothing but case.
    fn spelled(&self) -> &'static [&'static str] {
        &[]
    }
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

impl Limits {
    /// What a listener is bounded by unless told otherwise.
    pub const DEFAULT: Self = Self {
        body_bytes_max: 4 * 1024 * 1024,
        header_read_s: 30,
        body_read_s: 30,
        handshake_s: 10,
        connections_max: 10_000,
        drain_s: 5,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whether and how connections are encrypted.
#[derive(Clone)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// TLS 1.2 or 1.3.
    Server {
        /// The certificate.
        identity: ServerIdentity,
        /// Whether a client may choose HTTP/2.
        http2: bool,
    },
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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

/// The counters of a listener, for as long as somebody looks at them.
#[derive(Default)]
pub(crate) struct Stats {
    connections: AtomicU64,
    tls_handshakes: AtomicU64,
    tls_failures: AtomicU64,
    requests: AtomicU64,
}

impl Stats {
    pub(crate) fn snapshot(&self) -> StatsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsSnapshot {
            connections: read(&self.connections),
            tls_handshakes: read(&self.tls_handshakes),
            tls_failures: read(&self.tls_failures),
            requests: read(&self.requests),
        }
    }
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
        self.stats.snapshot()
    }

    /// The counters themselves.
    pub(crate) fn counters(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
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
        Tls::Server { identity, http2 } => Some(identity.acceptor(*http2)),
    };
    let tls = acceptor.is_some();
    let listener = Listener {
        acceptor,
        limits,
        local: bound.local,
        stats: Arc::clone(&stats),
        stopping: stopping.clone(),
        spelling: Arc::new(Spelling::of(handler.spelled())),
        handler,
    };
    let kept = Arc::clone(&panics);
    let accepting = tokio::spawn(async move {
        accept(bound.listener, Arc::new(listener), kept).await;
    });
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
    spelling: Arc<Spelling>,
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
    let mut panics = panics.lock().unwrap_or_else(PoisonError::into_inner);
    if panics.len() < PANICS_MAX {
        panics.push(message);
    }
}

async fn connection<H: Handler>(stream: TcpStream, peer: SocketAddr, listener: &Arc<Listener<H>>) {
    let number = listener.stats.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let _ = stream.set_nodelay(true);
    let ending = Ending::default();
    let end = SocketEnd::new(stream, ending.clone());
    let conversation = Arc::new(Conversation {
        listener: Arc::clone(listener),
        number,
        peer,
        ending,
        stopping: listener.stopping.child_token(),
        upgraded: Mutex::default(),
    });
    let Some(acceptor) = &listener.acceptor else {
        return over_http1(end, &conversation).await;
    };
    let span = Duration::from_secs(listener.limits.handshake_s);
    match timeout(span, acceptor.accept(end)).await {
        Ok(Ok(encrypted)) => {
            listener
                .stats
                .tls_handshakes
                .fetch_add(1, Ordering::Relaxed);
            if encrypted.get_ref().1.alpn_protocol() == Some(HTTP2) {
                over_http2(encrypted, &conversation).await;
            } else {
                over_http1(encrypted, &conversation).await;
            }
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
