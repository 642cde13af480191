//! HTTP towards a vault: one kept connection pool, https only unless allowed otherwise, no
//! redirects followed, no proxy taken from the environment, every wait and every body bounded.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;
use zeroize::Zeroizing;

use crate::clock::within;
use crate::tls::{CertificateProblem, TlsSetupError, client_config};

/// Longest list of header fields of an answer over HTTP/2, bytes.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// What a pool of connections to a vault needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRules {
    /// Authorities trusted beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether `http:` addresses are allowed at all.
    pub allow_plain_http: bool,
    /// Limit on name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Limit on one exchange from its start to the last byte of the answer.
    pub answer_timeout: Duration,
    /// Longest answer that is read.
    pub answer_bytes_max: usize,
}

impl Default for HttpRules {
    fn default() -> Self {
        Self {
            ca_file: None,
            allow_plain_http: false,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(25),
            answer_bytes_max: 4 * 1024 * 1024,
        }
    }
}

/// A pool of connections to one vault. Clones share it.
#[derive(Debug, Clone)]
pub struct VaultHttp {
    client: reqwest::Client,
    rules: Arc<HttpRules>,
}

/// What came back. The body is zeroed on drop, since it may hold a secret.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The media type with its parameters, lower case; empty when missing.
    pub content_type: String,
    /// Where a redirect points, without its query.
    pub location: Option<String>,
    /// The body, complete.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The host name has no address.
    #[error("failed to look up {host}: {reason}")]
    NameLookup {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing listens there.
    #[error("the connection was refused")]
    Refused,
    /// The connection could not be opened for another reason.
    #[error("failed to connect: {0}")]
    Connect(String),
    /// The vault's certificate was not accepted.
    #[error("{0}")]
    Certificate(CertificateProblem),
    /// TLS failed for another reason.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// No connection within the limit.
    #[error("no connection within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// No complete answer within the limit.
    #[error("no complete answer within {} s", .0.as_secs())]
    AnswerTimeout(Duration),
    /// The connection broke during the exchange.
    #[error("the connection broke during the exchange: {0}")]
    Broken(String),
    /// The answer is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is compressed although that was not asked for.
    #[error("the answer is compressed with {0}, which was not asked for")]
    Compressed(String),
}

impl VaultHttp {
    /// Makes the pool; nothing is connected yet.
    ///
    /// # Errors
    /// The CA file cannot be used, or no authority is there to trust.
    pub fn new(rules: HttpRules) -> Result<Self, TlsSetupError> {
        let mut tls = client_config(rules.ca_file.as_deref())?;
        // Where the vault speaks HTTP/2, searches that go out together share one connection and so
        // one handshake.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!rules.allow_plain_http)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(60))
            .connect_timeout(rules.connect_timeout)
            .dns_resolver(SystemResolver)
            .user_agent(concat!("ecm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                TlsSetupError::Provider(rustls::Error::General(innermost(&error).to_string()))
            })?;
        Ok(Self {
            client,
            rules: Arc::new(rules),
        })
    }

    /// Posts `body` and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// No complete answer within the limits.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, TransportError> {
        self.send(Method::POST, url, headers, body)
            .await
            .map(|(answer, _)| answer)
    }

    /// Sends `body` by `method` and reads the whole answer, whatever its status. The answer's
    /// headers come beside it; they may hold a session's cookie.
    ///
    /// # Errors
    /// No complete answer within the limits.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Answer, HeaderMap), TransportError> {
        let request = self
            .client
            .request(method, url.clone())
            .headers(headers)
            .body(body);
        within(self.rules.answer_timeout, self.exchange(request))
            .await
            .unwrap_or(Err(TransportError::AnswerTimeout(
                self.rules.answer_timeout,
            )))
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(Answer, HeaderMap), TransportError> {
        let mut response = request
            .send()
            .await
            .map_err(|error| classify(&error, self.rules.connect_timeout))?;
        let text = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let encoding = text(CONTENT_ENCODING).to_ascii_lowercase();
        if !matches!(encoding.as_str(), "" | "identity") {
            return Err(TransportError::Compressed(crate::error::shortened(
                &encoding, 20,
            )));
        }
        let content_type = text(CONTENT_TYPE).to_ascii_lowercase();
        let location = text(LOCATION)
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let limit = self.rules.answer_bytes_max;
        if response
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(TransportError::TooLong(limit));
        }
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Zeroizing::new(Vec::with_capacity(8 * 1024));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| TransportError::Broken(innermost(&error).to_string()))?
        {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLong(limit));
            }
            body.extend_from_slice(&chunk);
        }
        let answer = Answer {
            status,
            content_type,
            location: (!location.is_empty()).then_some(location),
            body,
        };
        Ok((answer, headers))
    }
}

/// The system's resolver, with an error of our own so that a failed lookup is told from a failed
/// connection by type and not by the wording of a library.
#[derive(Debug)]
struct SystemResolver;

#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
struct LookupFailed {
    host: String,
    reason: String,
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
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
                return Err(failed("it has no address".into()).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn classify(error: &reqwest::Error, connect_timeout: Duration) -> TransportError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(failed) = error.downcast_ref::<LookupFailed>() {
            let LookupFailed { host, reason } = failed;
            return TransportError::NameLookup {
                host: host.clone(),
                reason: reason.clone(),
            };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return from_tls(error);
        }
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if error.downcast_ref().is_some_and(refused) {
            return TransportError::Refused;
        }
        cause = next_cause(error);
    }
    let reason = innermost(error).to_string();
    if error.is_timeout() {
        TransportError::ConnectTimeout(connect_timeout)
    } else if error.is_connect() {
        TransportError::Connect(reason)
    } else {
        TransportError::Broken(reason)
    }
}

fn from_tls(error: &rustls::Error) -> TransportError {
    match error {
        rustls::Error::Other(other) => match other.0.downcast_ref::<CertificateProblem>() {
            Some(problem) => TransportError::Certificate(problem.clone()),
            None => TransportError::Tls(other.0.to_string()),
        },
        other => TransportError::Tls(other.to_string()),
    }
}

/// The cause at the bottom of the chain: the only one that says what happened, and the only one
/// that does not repeat the address.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut innermost = error;
    while let Some(cause) = next_cause(innermost) {
        innermost = cause;
    }
    innermost
}

/// What an error was caused by. An I/O error passes over the error that it wraps when it is asked
/// for its source, and the TLS layer wraps its errors in just that way.
fn next_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
