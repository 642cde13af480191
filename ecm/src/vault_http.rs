//! HTTP towards a vault: one kept connection pool, https only unless allowed otherwise, no
//! redirects followed, no proxy taken from the environment, every wait and every body bounded, and
//! all bodies together.

mod exchange;
mod http1;
mod http2;
mod opening;
mod pool;
mod room;
mod trouble;

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio::task::JoinError;
use url::Url;

use self::exchange::{Incoming, Outgoing};
use self::opening::Opener;
use self::pool::Pool;
use self::room::{AnswerRoom, Room, SHARE_BYTES, calls_max};
use crate::clock::within;
use crate::tls::TlsSetupError;
use crate::wiped::Wiped;

pub use self::trouble::TransportError;

/// How often a request is sent again that the vault has not handled, by its own word or because it
/// never left.
const REPEATS_MAX: u32 = 2;

/// Most bytes of answers that are held at a time, unless configured otherwise.
pub const HELD_ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;

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
    /// Most bytes of answers that are held at a time, all calls together; never less than one
    /// answer needs.
    pub held_answers_bytes_max: usize,
}

impl Default for HttpRules {
    fn default() -> Self {
        Self {
            ca_file: None,
            allow_plain_http: false,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(25),
            answer_bytes_max: 4 * 1024 * 1024,
            held_answers_bytes_max: HELD_ANSWERS_BYTES_MAX,
        }
    }
}

/// A pool of connections to one vault. Clones share it.
#[derive(Debug, Clone)]
pub struct VaultHttp {
    pool: Pool,
    rules: Arc<HttpRules>,
    room: AnswerRoom,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The media type with its parameters, lower case; empty when missing.
    pub content_type: String,
    /// Where a redirect points, without its query and a user's name and password.
    pub location: Option<String>,
    /// The body, complete.
    pub body: Body,
}

/// Whether a redirect from `from` to `location` gives up encryption.
pub(crate) fn is_downgrade(from: &Url, location: &str) -> bool {
    from.scheme() == "https" && from.join(location).is_ok_and(|to| to.scheme() == "http")
}

/// The body of an answer. It is zeroed on drop, since it may hold a secret, and takes room that
/// other answers wait for: nobody may keep it while asking for another.
pub struct Body {
    bytes: Wiped<Vec<u8>>,
    _room: Room,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Longest answer that is read where it arrived.
pub(crate) const READ_AT_ONCE_BYTES_MAX: usize = SHARE_BYTES as usize;

/// What `read` makes of an answer of so many bytes. A long one is read on a thread that may be kept
/// for as long as that takes, since a vault decides how long it is.
pub(crate) async fn read_aside<T: Send + 'static>(
    body_bytes: usize,
    read: impl FnOnce() -> T + Send + 'static,
) -> T {
    if body_bytes <= READ_AT_ONCE_BYTES_MAX {
        return read();
    }
    match tokio::task::spawn_blocking(read)
        .await
        .map_err(JoinError::try_into_panic)
    {
        Ok(read) => read,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and whoever waits here with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            _room: Room::default(),
        }
    }
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

impl VaultHttp {
    /// Makes the pool; nothing is connected yet.
    ///
    /// # Errors
    /// The CA file cannot be used, or no authority is there to trust.
    pub fn new(rules: HttpRules) -> Result<Self, TlsSetupError> {
        let opener = Opener::new(&rules, window_bytes(&rules))?;
        Ok(Self {
            pool: Pool::new(opener),
            room: AnswerRoom::new(rules.held_answers_bytes_max, rules.answer_bytes_max),
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
        let request = Outgoing::new(method, url, headers, body)?;
        let limit = self.rules.answer_timeout;
        let mut waits_for = WaitsFor::Room;
        let exchange = self.exchange(url, &request, &mut waits_for);
        let outcome = within(limit, exchange).await;
        outcome.unwrap_or_else(|| match waits_for {
            WaitsFor::Room => Err(TransportError::NoRoom(limit)),
            WaitsFor::Connection => Err(TransportError::ConnectTimeout(limit)),
            WaitsFor::Answer => {
                self.pool.distrust(url);
                Err(TransportError::AnswerTimeout(limit))
            }
        })
    }

    /// One exchange; `waits_for` tells for what at the moment.
    async fn exchange(
        &self,
        url: &Url,
        request: &Outgoing,
        waits_for: &mut WaitsFor,
    ) -> Result<(Answer, HeaderMap), TransportError> {
        let room = self.room.share().await;
        let mut repeats_left = REPEATS_MAX;
        let incoming = loop {
            *waits_for = WaitsFor::Connection;
            let connection = self.pool.connection(url).await?;
            *waits_for = WaitsFor::Answer;
            match connection.send(request).await {
                Ok(incoming) => break incoming,
                Err(failed) if failed.was_not_handled && repeats_left > 0 => repeats_left -= 1,
                Err(failed) => return Err(failed.error),
            }
        };
        self.accept(&incoming)?;
        self.answer(url, incoming, room, waits_for).await
    }

    /// Refuses an answer whose head says that it is not to be read.
    fn accept(&self, incoming: &Incoming) -> Result<(), TransportError> {
        let encoding = text(&incoming.head.headers, CONTENT_ENCODING);
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(TransportError::Compressed(crate::error::shortened(
                &encoding.to_ascii_lowercase(),
                20,
            )));
        }
        let limit = self.rules.answer_bytes_max;
        match incoming.content_length() {
            Some(length) if length > limit as u64 => Err(TransportError::TooLong(limit)),
            _ => Ok(()),
        }
    }

    /// Reads the body of `incoming`, in `room` and what it needs beyond.
    async fn answer(
        &self,
        url: &Url,
        mut incoming: Incoming,
        room: Room,
        waits_for: &mut WaitsFor,
    ) -> Result<(Answer, HeaderMap), TransportError> {
        let mut reading = Reading {
            bytes: Wiped::default(),
            bytes_max: self.rules.answer_bytes_max,
            room,
            room_bytes: SHARE_BYTES as usize,
        };
        let announced = incoming.content_length();
        if let Some(length) = announced {
            // It was compared with the limit.
            let length = usize::try_from(length).unwrap_or(reading.bytes_max);
            self.widen(&mut reading, length, waits_for).await;
            reading.bytes.reserve_exact(length);
        }
        loop {
            let chunk = match incoming.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // Nothing is missing, however the stream ended.
                Err(_) if announced == Some(reading.bytes.len() as u64) => break,
                Err(error) => return Err(error),
            };
            if reading.bytes.len() + chunk.len() > reading.room_bytes {
                // Nobody said how long it is, so it may become as long as any.
                self.widen(&mut reading, self.rules.answer_bytes_max, waits_for)
                    .await;
            }
            reading.take(&chunk)?;
        }
        let Parts {
            status, headers, ..
        } = incoming.complete();
        let location = without_user(url, text(&headers, LOCATION).split(['?', '#']).next());
        let answer = Answer {
            status,
            content_type: text(&headers, CONTENT_TYPE).to_ascii_lowercase(),
            location,
            body: reading.complete(),
        };
        Ok((answer, headers))
    }

    /// Waits until there is room for `bytes`.
    async fn widen(&self, reading: &mut Reading, bytes: usize, waits_for: &mut WaitsFor) {
        if bytes > reading.room_bytes {
            *waits_for = WaitsFor::Room;
            self.room.widen(&mut reading.room, bytes).await;
            *waits_for = WaitsFor::Answer;
            reading.room_bytes = bytes;
        }
    }
}

/// What an exchange cannot go on without.
#[derive(Clone, Copy)]
enum WaitsFor {
    Room,
    Connection,
    Answer,
}

/// A body that is being read.
struct Reading {
    bytes: Wiped<Vec<u8>>,
    bytes_max: usize,
    room: Room,
    /// What `room` is enough for.
    room_bytes: usize,
}

impl Reading {
    fn take(&mut self, chunk: &[u8]) -> Result<(), TransportError> {
        let length = self.bytes.len() + chunk.len();
        if length > self.bytes_max {
            return Err(TransportError::TooLong(self.bytes_max));
        }
        if length > self.bytes.capacity() {
            // By hand, since a vector that grows leaves its bytes behind, and takes what it likes.
            let capacity = (2 * length).clamp(FIRST_BYTES, self.room_bytes.max(length));
            let mut longer = Wiped::new(Vec::with_capacity(capacity));
            longer.extend_from_slice(&self.bytes);
            self.bytes = longer;
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn complete(mut self) -> Body {
        self.room.shrink(self.bytes.capacity());
        Body {
            bytes: self.bytes,
            _room: self.room,
        }
    }
}

/// First capacity for an answer of unknown length.
const FIRST_BYTES: usize = 8 * 1024;

/// All that answers may send over one connection before they are read: the shares of all calls.
fn window_bytes(rules: &HttpRules) -> u32 {
    const WINDOW_BYTES_MAX: usize = (1 << 31) - 1;
    let shares = calls_max(rules.held_answers_bytes_max) * SHARE_BYTES as usize;
    u32::try_from(shares.min(WINDOW_BYTES_MAX)).unwrap_or(SHARE_BYTES)
}

/// Where a redirect of `from` points, without a user's name and password; `None` when that is
/// nowhere.
fn without_user(from: &Url, location: Option<&str>) -> Option<String> {
    let location = location.filter(|location| !location.is_empty())?;
    let mut to = match from.join(location) {
        Ok(to) if !to.username().is_empty() || to.password().is_some() => to,
        _ => return Some(location.to_owned()),
    };
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Some(to.into())
}

/// A header as text; empty when it is missing.
fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    let value = headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_redirect_is_told_without_a_user() {
        let from = Url::parse("https://vault/a/b").unwrap();
        let check = |location: &str, expected: Option<&str>| {
            let told = without_user(&from, Some(location));
            assert_eq!(told.as_deref(), expected, "{location}");
        };
        check("https://v/a", Some("https://v/a"));
        check("https://joe:hunter2@v:1/a@b", Some("https://v:1/a@b"));
        check("//joe:hunter@2@v/", Some("https://v/"));
        check("https:///joe:hunter2@v/", Some("https://v/"));
        check("https:\\\\joe:hunter2@v/", Some("https://v/"));
        check("/a//b@c", Some("/a//b@c"));
        check("a@b", Some("a@b"));
        check("", None);
    }
}
