//! Opens one WebSocket to the appliance: name lookup, TCP, TLS, upgrade.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request as Upgrade;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error as WebSocketError};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use super::trouble::{self, Obstacle, Redirect, TlsFault};
use super::wire::{FRAME_BYTES_MAX, SUB_PROTOCOL};
use crate::clock::within;
use crate::error::shortened;
use crate::oauth::TokenError;
use crate::secret::Secret;
use crate::wiped::Wiped;

/// The path of the link below the site.
const CONNECT_PATH: &str = "/api/ecm/v1/connect";

/// Bytes read from the socket at a time. The library clears as many before each read, 128 KiB unless
/// told otherwise, also when there is nothing to read, and hardly any frame is longer.
const READ_BUFFER_BYTES: usize = 1024;

/// How much may wait to be written before a peer that does not read is given up.
const WRITE_BUFFER_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;

/// The open link.
pub(super) type Socket = WebSocketStream<Box<dyn Transport>>;

/// A TCP connection, encrypted or, to a loopback address only, plain.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Why the link could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no access token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The host's name leads to no address.
    #[error("the name {host} could not be looked up: {reason}")]
    Dns {
        /// The appliance's host name.
        host: String,
        /// The system's words.
        reason: String,
    },
    /// No TCP connection.
    #[error("{host}:{port} could not be reached: {reason}")]
    Tcp {
        /// The appliance's host name.
        host: String,
        /// The port.
        port: u16,
        /// What stands in the way.
        obstacle: Obstacle,
        /// The system's words.
        reason: String,
    },
    /// The appliance's certificate or TLS was not acceptable.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// The appliance's host name.
        host: String,
        /// Whether it was the certificate.
        fault: TlsFault,
        /// What was wrong.
        reason: String,
    },
    /// A step took too long.
    #[error("{step} took longer than {limit_s} s")]
    TimedOut {
        /// What was being done.
        step: &'static str,
        /// The limit.
        limit_s: u64,
    },
    /// The appliance refused the WebSocket, or the `hello` after it.
    #[error("the appliance refused the link (HTTP {status}, {code}): {message}")]
    Refused {
        /// The HTTP status, or the HTTP status that a `reject` frame stands for.
        status: u16,
        /// The appliance's error code.
        code: String,
        /// The appliance's words.
        message: String,
    },
    /// The answer to the WebSocket upgrade points elsewhere.
    #[error("the appliance redirects the link {0}")]
    Redirected(Redirect),
    /// What answered is not an ECM link.
    #[error("the answer of the appliance is not that of an ECM link: {0}")]
    NotALink(String),
}

impl ConnectError {
    /// Whether trying again is pointless until somebody changes something: no common version.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status: 426, .. })
    }

    /// Whether the access token was the reason.
    pub(super) fn is_token_refused(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// What to do about it, one sentence.
    pub fn next_action(&self) -> &'static str {
        match self {
            Self::Token(TokenError::Refused {
                status: 400 | 401 | 403,
                ..
            })
            | Self::Refused { status: 401, .. } => {
                "check client_id and client_secret against the appliance's API account; a \
                 regenerated secret must be entered here too"
            }
            Self::Refused { status: 403, .. } => {
                "enable the API account, give it the permission \"Endpoint Credential Manager \
                 API: Allow Access\" and allow this host's address on the appliance"
            }
            Self::Refused { status: 409, .. } => {
                "stop one of the ECMs that are connected in this group; this one waits its turn"
            }
            Self::Refused { status: 426, .. } => {
                "install an ECM and an appliance that share a version of the link"
            }
            Self::Token(TokenError::Refused { status, .. }) | Self::Refused { status, .. }
                if (500..=599).contains(status) =>
            {
                "check that the appliance runs and is not being updated; the ECM tries again by \
                 itself"
            }
            Self::Token(TokenError::Tls { fault, .. }) | Self::Tls { fault, .. } => {
                fault.next_action()
            }
            Self::Token(TokenError::Redirected { redirect, .. }) | Self::Redirected(redirect) => {
                redirect.next_action()
            }
            Self::Dns { .. } => Obstacle::Name.next_action(),
            Self::Tcp { obstacle, .. } | Self::Token(TokenError::Unreachable { obstacle, .. }) => {
                obstacle.next_action()
            }
            Self::TimedOut { .. } | Self::Token(TokenError::TimedOut { .. }) => {
                Obstacle::Other.next_action()
            }
            Self::Token(_) | Self::Refused { .. } | Self::NotALink(_) => {
                "check that site_url is the appliance and that nothing in between answers for it"
            }
        }
    }
}

/// Where and how to dial.
#[derive(Clone, Debug)]
pub struct Site {
    url: Url,
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    limit: Duration,
}

impl Site {
    /// The site at `url`, reached over `tls` unless the URL is plain `http`; each step of dialling
    /// may take `limit`. `None` when the URL has no host.
    pub fn new(url: &Url, tls: Option<Arc<rustls::ClientConfig>>, limit: Duration) -> Option<Self> {
        let host = url.host()?;
        let host = match host {
            // The URL's own form has brackets, a socket address has none.
            url::Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let port = url.port_or_known_default()?;
        Some(Self {
            url: url.clone(),
            host,
            port,
            tls,
            limit,
        })
    }

    /// The site as a log line names it.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens the WebSocket with `token`.
    pub(super) async fn dial(&self, token: &Secret) -> Result<Socket, ConnectError> {
        let stream = self.in_time("the TCP connection", self.tcp()).await??;
        let stream = self
            .in_time("the TLS handshake", self.tls(stream))
            .await??;
        let upgrade = self.upgrade(token).map_err(|error| not_a_link(&error))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX))
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX);
        let opening = client_async_with_config(upgrade, stream, Some(config));
        match self.in_time("the WebSocket upgrade", opening).await? {
            Ok((socket, _)) => Ok(socket),
            Err(WebSocketError::Http(answer)) if answer.status().is_redirection() => Err(
                ConnectError::Redirected(Redirect::of(&self.url, answer.headers())),
            ),
            Err(WebSocketError::Http(answer)) => Err(refusal(&answer)),
            Err(error) => Err(match trouble::tls_reason(&error) {
                Some((fault, reason)) => ConnectError::Tls {
                    host: self.host.clone(),
                    fault,
                    reason,
                },
                None => not_a_link(&error),
            }),
        }
    }

    async fn tcp(&self) -> Result<TcpStream, ConnectError> {
        let (host, port) = (self.host.clone(), self.port);
        let addresses = lookup_host((self.host.as_str(), port))
            .await
            .map_err(|error| ConnectError::Dns {
                host: host.clone(),
                reason: error.to_string(),
            })?;
        let mut last = io::Error::other("the name has no address");
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Frames are small and waited for; a failure to say so costs only time.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(ConnectError::Tcp {
            host,
            port,
            obstacle: Obstacle::of(&last),
            reason: last.to_string(),
        })
    }

    async fn tls(&self, stream: TcpStream) -> Result<Box<dyn Transport>, ConnectError> {
        let Some(config) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let failed = |(fault, reason)| ConnectError::Tls {
            host: self.host.clone(),
            fault,
            reason,
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| {
            let reason = "the host name cannot stand in a certificate";
            failed((TlsFault::Certificate, reason.to_owned()))
        })?;
        let connected = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await;
        connected
            .map(|stream| Box::new(stream) as Box<dyn Transport>)
            .map_err(|error| {
                let broken = || (TlsFault::Handshake, error.to_string());
                failed(trouble::tls_reason(&error).unwrap_or_else(broken))
            })
    }

    fn upgrade(&self, token: &Secret) -> Result<Upgrade, tungstenite::Error> {
        let mut url = self.url.clone();
        url.set_path(CONNECT_PATH);
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let address = url.as_str().replacen(url.scheme(), scheme, 1);
        let mut request = address.into_client_request()?;
        let mut bearer =
            HeaderValue::try_from(Wiped::new(format!("Bearer {}", token.expose())).as_str())?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let protocol = HeaderValue::from_static(SUB_PROTOCOL);
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        Ok(request)
    }

    async fn in_time<T>(
        &self,
        step: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        let limit_s = self.limit.as_secs();
        within(self.limit, work)
            .await
            .ok_or(ConnectError::TimedOut { step, limit_s })
    }
}

/// The refusal that an HTTP answer other than 101 is. Its body may be cut off, since only what
/// came with the headers is at hand; the status alone says what to do.
fn refusal(answer: &Response<Option<Vec<u8>>>) -> ConnectError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    let body = answer.body().as_deref().unwrap_or_default();
    let said: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let status = answer.status().as_u16();
    let (code, message) = match status {
        401 => (
            "access_denied",
            "the access token is missing, unknown or expired",
        ),
        403 => (
            "permission_denied",
            "the API account may not connect an ECM from here",
        ),
        409 => (
            "ecm_limit_reached",
            "the group has all the ECMs that it may have",
        ),
        426 => ("version_mismatch", "there is no common version of the link"),
        _ => ("unknown", "it did not say why"),
    };
    let or = |text: &str, fallback: &str| match text.is_empty() {
        true => fallback.to_owned(),
        false => shortened(text, 200),
    };
    ConnectError::Refused {
        status,
        code: or(&said.error, code),
        message: or(&said.message, message),
    }
}

fn not_a_link(error: &tungstenite::Error) -> ConnectError {
    ConnectError::NotALink(shortened(&error.to_string(), 200))
}
