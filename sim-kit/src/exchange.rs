//! One request and its reply, in terms that do not name the HTTP library.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// A request with its body already read, at most the listener's limit.
pub struct Request {
    /// Method of the request line.
    pub method: Method,
    /// Path as sent, percent-encoding untouched.
    pub path: String,
    /// Query as sent without the `?`; `None` when there was no `?`.
    pub query: Option<String>,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, or why there is none. What a vendor answers then is the simulator's to say.
    pub body: Result<Bytes, BodyError>,
    /// Who sent it.
    pub peer: SocketAddr,
    /// The listener's address.
    pub local: SocketAddr,
    /// Number of the connection on this listener, from 1.
    pub connection: u64,
    /// Whether the connection is encrypted.
    pub tls: bool,
    pub(crate) upgrade: Option<hyper::upgrade::OnUpgrade>,
    pub(crate) can_upgrade: bool,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than the listener allows. The rest was not read and the connection closes.
    #[error("body is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The listener's limit.
        limit_bytes: usize,
    },
    /// The client did not send it in time.
    #[error("body did not arrive within {limit_s} s")]
    TimedOut {
        /// The listener's limit.
        limit_s: u64,
    },
    /// The connection broke, or its framing was invalid.
    #[error("body could not be read")]
    Broken,
}

impl Request {
    /// A header's value as text; `None` when absent or not visible ASCII.
    #[must_use]
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The authority that the client asked for: the `Host` header, else the listener's address.
    #[must_use]
    pub fn authority(&self) -> String {
        self.header(header::HOST)
            .map_or_else(|| self.local.to_string(), str::to_owned)
    }

    /// Whether the client asked to switch protocols and the connection can.
    #[must_use]
    pub fn can_upgrade(&self) -> bool {
        self.can_upgrade
    }
}

impl fmt::Debug for Request {
    /// Neither headers nor body: both can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// A connection after a protocol switch.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What runs on a connection after the reply switched protocols. The token is cancelled when the
/// listener shuts down.
pub type AfterUpgrade = Box<
    dyn FnOnce(Box<dyn Duplex>, CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>>
        + Send,
>;

/// A reply, and how it is delivered.
#[must_use]
pub struct Reply {
    /// Status code.
    pub status: StatusCode,
    /// Header fields; `Content-Length`, `Date` and `Connection` are added on the way out.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// How the bytes go out.
    pub delivery: Delivery,
    /// Set by a reply 101.
    pub after_upgrade: Option<AfterUpgrade>,
}

/// How the bytes of a reply go out. All but [`Delivery::Whole`] are faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// At once and complete.
    #[default]
    Whole,
    /// `chunk_bytes` at a time with a pause between.
    Drip {
        /// Bytes in one piece, at least 1.
        chunk_bytes: usize,
        /// Pause before each piece but the first.
        every: Duration,
    },
    /// The announced length is the whole one, but the connection ends after `at_bytes` of the body.
    Truncate {
        /// Body bytes that still arrive.
        at_bytes: usize,
    },
    /// Not a byte; the connection is closed in order.
    Close,
    /// Not a byte; the connection is reset.
    Reset,
    /// The whole response twice on the connection, which then closes.
    Twice,
}

/// Room for the fields that nearly every reply has, so that the map need not grow.
const HEADERS_USUAL: usize = 8;

impl Reply {
    /// A reply with a content type and a body.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status);
        reply
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply.body = body.into();
        reply
    }

    /// A reply without a body or a content type.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::with_capacity(HEADERS_USUAL),
            body: Bytes::new(),
            delivery: Delivery::Whole,
            after_upgrade: None,
        }
    }

    /// A reply 101 whose connection goes to `after`.
    pub fn switch(headers: HeaderMap, after: AfterUpgrade) -> Self {
        Self {
            headers,
            after_upgrade: Some(after),
            ..Self::empty(StatusCode::SWITCHING_PROTOCOLS)
        }
    }

    /// The same reply with one more header field.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same reply, delivered otherwise.
    pub fn delivered(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }
}
