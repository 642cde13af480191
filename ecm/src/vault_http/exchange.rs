//! One request and its answer, over whichever version of HTTP the connection speaks.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use url::{Position, Url};

use super::trouble::TransportError;
use super::{http1, http2};

/// Who asks.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("ecm/", env!("CARGO_PKG_VERSION")));

/// What is sent, and sent again if need be.
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// With scheme and authority.
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Outgoing {
    /// A request of `method` with `headers`, and those that every request has.
    pub(super) fn new(
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, TransportError> {
        let uri = uri(url).map_err(|error| TransportError::Connect(error.to_string()))?;
        headers.insert(USER_AGENT, AGENT);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        // IIS answers 411 where it is left out.
        if !body.is_empty() || method != Method::GET {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Ok(Self {
            method,
            uri,
            headers,
            body,
        })
    }
}

/// `url` without what is nobody's business: a user's name and password, and a fragment.
fn uri(url: &Url) -> Result<Uri, http::Error> {
    Uri::builder()
        .scheme(url.scheme())
        .authority(&url[Position::BeforeHost..Position::AfterPort])
        .path_and_query(&url[Position::BeforePath..Position::AfterQuery])
        .build()
}

/// Why no head of an answer came.
pub(super) struct Failed {
    pub(super) error: TransportError,
    /// Whether the vault cannot have acted on the request, so that it may be sent again.
    pub(super) was_not_handled: bool,
}

/// An answer whose body is still to be read. Dropped before its end it takes its stream, or over
/// HTTP/1.1 its connection, with it.
pub(super) struct Incoming {
    pub(super) head: Parts,
    body: IncomingBody,
}

pub(super) enum IncomingBody {
    Http1(http1::Body),
    Http2(http2::Body),
}

impl Incoming {
    pub(super) fn new(head: Parts, body: IncomingBody) -> Self {
        Self { head, body }
    }

    /// The length that the head announces, if it does.
    pub(super) fn content_length(&self) -> Option<u64> {
        match &self.body {
            IncomingBody::Http1(body) => body.length(),
            IncomingBody::Http2(_) => {
                let length = self.head.headers.get(CONTENT_LENGTH)?;
                length.to_str().ok()?.parse().ok()
            }
        }
    }

    /// The next bytes of the body, `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match &mut self.body {
            IncomingBody::Http1(body) => body.chunk().await,
            IncomingBody::Http2(body) => body.chunk().await,
        }
    }

    /// The head, after the last chunk. A connection that can carry another exchange is kept.
    pub(super) fn complete(self) -> Parts {
        if let IncomingBody::Http1(body) = self.body {
            body.complete();
        }
        self.head
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_loses_what_is_not_for_the_vault() {
        let check = |url: &str, expected: &str| {
            let uri = uri(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(uri.to_string(), expected, "{url}");
        };
        check("https://v/a%20b?c=d%26#e", "https://v/a%20b?c=d%26");
        check("https://joe:hunter2@v:8443/", "https://v:8443/");
        check("http://[::1]:81", "http://[::1]:81/");
    }
}
