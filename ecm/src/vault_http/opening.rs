//! Opens connections to a vault: name lookup, TCP to whichever address answers, TLS, and the version
//! of HTTP that both speak.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::pool::Origin;
use super::trouble::{LookupFailed, TransportError, not_connected};
use super::{HttpRules, http1, http2};
use crate::clock::within;
use crate::tls::{TlsSetupError, client_config};

/// How often an idle connection is proved to be alive, by TCP's own means.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long bytes may wait for the vault's machine to confirm them before the connection is dead.
#[cfg(target_os = "linux")]
const UNCONFIRMED_MAX: Duration = Duration::from_secs(30);

/// What opens connections, by the rules of one vault.
pub(super) struct Opener {
    tcp: HttpConnector<SystemResolver>,
    tls: TlsConnector,
    allow_plain_http: bool,
    limit: Duration,
    window_bytes: u32,
}

/// An open connection.
pub(super) struct Opened {
    pub(super) sender: Sender,
    /// Runs the connection, and ends when that does.
    pub(super) running: Running,
}

pub(super) enum Sender {
    Http1(http1::Sender),
    Http2(SendRequest<Bytes>),
}

/// Whoever waits for an answer hears why a connection ended, so its own end says nothing.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Opener {
    /// An opener by `rules`, whose HTTP/2 connections let `window_bytes` of answers wait.
    pub(super) fn new(rules: &HttpRules, window_bytes: u32) -> Result<Self, TlsSetupError> {
        let mut tls = client_config(rules.ca_file.as_deref())?;
        // Where the vault speaks HTTP/2, searches that go out together share one connection and so
        // one handshake.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut tcp = HttpConnector::new_with_resolver(SystemResolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE));
        tcp.set_keepalive_retries(Some(3));
        // A probe is not sent while bytes wait to be confirmed, so they have a limit of their own.
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNCONFIRMED_MAX));
        // Each address has its part of the limit.
        tcp.set_connect_timeout(Some(rules.connect_timeout));
        Ok(Self {
            tcp,
            tls: TlsConnector::from(Arc::new(tls)),
            allow_plain_http: rules.allow_plain_http,
            limit: rules.connect_timeout,
            window_bytes,
        })
    }

    /// Opens a connection to `origin`.
    pub(super) async fn open(&self, origin: &Origin) -> Result<Opened, TransportError> {
        within(self.limit, self.open_unlimited(origin))
            .await
            .unwrap_or(Err(TransportError::ConnectTimeout(self.limit)))
    }

    async fn open_unlimited(&self, origin: &Origin) -> Result<Opened, TransportError> {
        if !origin.is_https && !self.allow_plain_http {
            return Err(TransportError::Connect("http: is not allowed".into()));
        }
        let address = Uri::try_from(format!("http://{}:{}", origin.host, origin.port))
            .map_err(|error| TransportError::Connect(error.to_string()))?;
        let stream = self.tcp.clone().call(address).await;
        let stream = stream
            .map_err(|error| not_connected(&error, self.limit))?
            .into_inner();
        if !origin.is_https {
            return over_http1(stream).await;
        }
        let host = origin.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            TransportError::Tls("the host name cannot stand in a certificate".into())
        })?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| not_connected(&error, self.limit))?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return over_http1(stream).await;
        }
        let (sender, connection) = http2::begin(stream, self.window_bytes).await?;
        Ok(Opened {
            sender: Sender::Http2(sender),
            running: Box::pin(async {
                let _ = connection.await;
            }),
        })
    }
}

async fn over_http1<Io>(io: Io) -> Result<Opened, TransportError>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::begin(io).await?;
    Ok(Opened {
        sender: Sender::Http1(sender),
        running: Box::pin(async {
            let _ = connection.await;
        }),
    })
}

/// The system's resolver, with an error of our own so that a failed lookup is told from a failed
/// connection by type and not by the wording of a library.
#[derive(Debug, Clone)]
struct SystemResolver;

impl Service<Name> for SystemResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupFailed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupFailed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupFailed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let failed = |reason: String| LookupFailed {
                host: host.clone(),
                reason,
            };
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0))
                .await
                .map_err(|error| failed(error.to_string()))?
                .collect();
            if found.is_empty() {
                return Err(failed("it has no address".into()));
            }
            Ok(found.into_iter())
        })
    }
}
