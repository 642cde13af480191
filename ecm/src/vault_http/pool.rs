//! The connections that are open to a vault. Calls that find none at the same time share the first
//! one's; only when that turns out to speak HTTP/1.1, which carries one exchange at a time, each
//! opens its own, and takes one that is given back if that comes first.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use h2::client::SendRequest;
use tokio::sync::{Notify, oneshot};
use url::{Position, Url};

use super::exchange::{Failed, Incoming, Outgoing};
use super::http1::{self, Lease};
use super::http2;
use super::opening::{Opened, Opener, Sender};
use super::trouble::{TransportError, broken};
use crate::clock::{Stopwatch, within};

/// How long an unused connection is taken to be good: what lies between may forget it silently. One
/// that is older is closed by the vault, or when the next call comes.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How long a kept connection may take to become ready. It is ready as a rule; one whose request the
/// vault has never read to its end is not.
const READY_LIMIT: Duration = Duration::from_millis(250);

/// How often a connection is opened for one exchange when each ends at once.
const OPENED_MAX: u32 = 3;

/// Where connections lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) is_https: bool,
    /// As in a URL, so an IPv6 address has brackets.
    pub(super) host: String,
    pub(super) port: u16,
    authority: String,
}

impl Origin {
    fn of(url: &Url) -> Result<Self, TransportError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(TransportError::Connect("the address has no host".into()));
        };
        Ok(Self {
            is_https: url.scheme() == "https",
            host: host.to_owned(),
            port,
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
        })
    }

    fn is_of(&self, url: &Url) -> bool {
        self.is_https == (url.scheme() == "https")
            && Some(&*self.host) == url.host_str()
            && Some(self.port) == url.port_or_known_default()
    }

    /// The host, with the port unless that is the usual one.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }
}

/// The connections to one vault. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    opener: Opener,
    /// One for each origin, of which a vault has one.
    held: Mutex<Vec<Held>>,
}

/// What is open, or being opened, to one origin.
struct Held {
    origin: Arc<Origin>,
    http2: Option<Http2>,
    idle: Vec<Idle>,
    /// Whether the last connection turned out to speak HTTP/1.1.
    speaks_http1: bool,
    opening: Option<Opening>,
    /// Told of each HTTP/1.1 connection that is given back.
    given_back: Arc<Notify>,
    /// The number of the last HTTP/2 connection.
    last_number: u64,
}

struct Http2 {
    sender: SendRequest<Bytes>,
    number: u64,
    /// Since it was last taken for a call.
    taken: Stopwatch,
}

struct Idle {
    sender: http1::Sender,
    since: Stopwatch,
}

/// Done when the connection is in the pool.
type Opening = Shared<BoxFuture<'static, Result<(), TransportError>>>;

/// Done when the connection is there for the call that began it; `None` if it is held for all.
type OwnOpening = oneshot::Receiver<Result<Option<http1::Sender>, TransportError>>;

/// The task that was to connect has ended without an outcome.
fn lost() -> TransportError {
    TransportError::Connect("the task that connects was lost".into())
}

/// A connection that is ready for an exchange.
pub(super) enum Ready {
    Http1(Lease),
    Http2(SendRequest<Bytes>),
}

impl Ready {
    /// Sends `request`, and waits for the head of its answer.
    pub(super) async fn send(self, request: &Outgoing) -> Result<Incoming, Failed> {
        match self {
            Self::Http1(lease) => http1::send(lease, request).await,
            Self::Http2(sender) => http2::send(sender, request).await,
        }
    }
}

/// What the pool has at a moment.
enum Found {
    Http2(SendRequest<Bytes>, u64),
    Idle(http1::Sender),
    /// Nothing, and one that is opened helps one call only. It is told when another is given back.
    OpenOwn(Arc<Notify>),
    Wait(Opening),
}

impl fmt::Debug for Pool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(opener: Opener) -> Self {
        Self(Arc::new(Inner {
            opener,
            held: Mutex::default(),
        }))
    }

    /// A connection to the host of `url`, opened if there is none.
    pub(super) async fn connection(&self, url: &Url) -> Result<Ready, TransportError> {
        let mut ended = TransportError::Broken("the vault closes each connection".into());
        let mut opened = 0;
        // Stays over turns of the loop: whichever is there first, it or one that others give back.
        let mut own: Option<OwnOpening> = None;
        while opened < OPENED_MAX {
            let (origin, found) = self.find(url)?;
            match found {
                Found::Http2(sender, number) => match sender.ready().await {
                    Ok(sender) => return Ok(Ready::Http2(sender)),
                    Err(error) => {
                        self.forget(&origin, number);
                        ended = broken(&error);
                    }
                },
                Found::Idle(mut sender) => {
                    if let Some(Ok(())) = within(READY_LIMIT, sender.ready()).await {
                        return Ok(self.lease(sender, origin));
                    }
                }
                Found::OpenOwn(given_back) => {
                    let opening = own.get_or_insert_with(|| self.start_own_opening(&origin));
                    tokio::select! {
                        // One that is there for this call alone would be lost.
                        biased;
                        outcome = opening => {
                            (own, opened) = (None, opened + 1);
                            if let Some(sender) = outcome.unwrap_or_else(|_| Err(lost()))? {
                                return Ok(self.lease(sender, origin));
                            }
                        }
                        () = given_back.notified() => {}
                    }
                }
                Found::Wait(opening) => {
                    opened += 1;
                    opening.await?;
                }
            }
        }
        Err(ended)
    }

    /// What there is for `url` at this moment.
    fn find(&self, url: &Url) -> Result<(Arc<Origin>, Found), TransportError> {
        let mut all = self.held();
        let at = match all.iter().position(|held| held.origin.is_of(url)) {
            Some(at) => at,
            None => {
                all.push(Held::new(Origin::of(url)?));
                all.len() - 1
            }
        };
        let held = &mut all[at];
        let origin = Arc::clone(&held.origin);
        if let Some(found) = held.take_open() {
            return Ok((origin, found));
        }
        if held.speaks_http1 {
            return Ok((origin, Found::OpenOwn(Arc::clone(&held.given_back))));
        }
        // Asked and not only looked at: all who waited for it may have gone before it ended.
        let is_unfinished = |opening: &Opening| opening.clone().now_or_never().is_none();
        let unfinished = held.opening.take().filter(is_unfinished);
        let opening = unfinished.unwrap_or_else(|| self.start_opening(&origin));
        held.opening = Some(opening.clone());
        Ok((origin, Found::Wait(opening)))
    }

    /// Opens a connection in a task of its own, so that whoever began it may leave the others
    /// waiting.
    fn start_opening(&self, origin: &Arc<Origin>) -> Opening {
        let (pool, origin) = (self.clone(), Arc::clone(origin));
        let opening = tokio::spawn(async move {
            if let Some(sender) = pool.open(&origin).await? {
                pool.keep(&origin, sender);
            }
            Ok(())
        });
        let opened = opening.map(|joined| joined.unwrap_or_else(|_| Err(lost())));
        opened.boxed().shared()
    }

    /// Opens a connection for one call in a task of its own. It is kept for others if that call has
    /// found another one meanwhile, or was given up.
    fn start_own_opening(&self, origin: &Arc<Origin>) -> OwnOpening {
        let (pool, origin) = (self.clone(), Arc::clone(origin));
        let (tell, opening) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = pool.open(&origin).await;
            if let Err(Ok(Some(sender))) = tell.send(outcome) {
                pool.keep(&origin, sender);
            }
        });
        opening
    }

    /// Opens a connection. One that speaks HTTP/1.1 is the caller's, another is held for all.
    async fn open(&self, origin: &Arc<Origin>) -> Result<Option<http1::Sender>, TransportError> {
        let Opened { sender, running } = self.0.opener.open(origin).await?;
        let mut all = self.held();
        let held = all.iter_mut().find(|held| held.origin == *origin);
        match sender {
            Sender::Http1(sender) => {
                if let Some(held) = held {
                    held.speaks_http1 = true;
                }
                tokio::spawn(running);
                Ok(Some(sender))
            }
            Sender::Http2(sender) => {
                let number = held.map_or(0, |held| held.hold(sender));
                let (pool, origin) = (Arc::downgrade(&self.0), Arc::clone(origin));
                tokio::spawn(async move {
                    running.await;
                    if let Some(inner) = pool.upgrade() {
                        Self(inner).forget(&origin, number);
                    }
                });
                Ok(None)
            }
        }
    }

    /// Keeps a connection for the next exchange.
    pub(super) fn keep(&self, origin: &Origin, sender: http1::Sender) {
        if let Some(held) = self.held().iter_mut().find(|held| *held.origin == *origin) {
            held.idle.push(Idle::new(sender));
            held.given_back.notify_one();
        }
    }

    /// Gives up the HTTP/2 connection to the host of `url`, over which a call has waited in vain. What
    /// else is under way there goes on.
    pub(super) fn distrust(&self, url: &Url) {
        if let Some(held) = self.held().iter_mut().find(|held| held.origin.is_of(url)) {
            held.http2 = None;
        }
    }

    /// Gives up the HTTP/2 connection with `number`.
    fn forget(&self, origin: &Origin, number: u64) {
        let mut all = self.held();
        if let Some(held) = all.iter_mut().find(|held| *held.origin == *origin) {
            held.http2.take_if(|http2| http2.number == number);
        }
    }

    fn lease(&self, sender: http1::Sender, origin: Arc<Origin>) -> Ready {
        Ready::Http1(Lease {
            sender,
            origin,
            pool: self.clone(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn new(origin: Origin) -> Self {
        Self {
            origin: Arc::new(origin),
            http2: None,
            idle: Vec::new(),
            speaks_http1: false,
            opening: None,
            given_back: Arc::default(),
            last_number: 0,
        }
    }

    /// Holds an HTTP/2 connection, and gives its number.
    fn hold(&mut self, sender: SendRequest<Bytes>) -> u64 {
        self.speaks_http1 = false;
        self.last_number += 1;
        self.http2 = Some(Http2 {
            sender,
            number: self.last_number,
            taken: Stopwatch::start(),
        });
        self.last_number
    }

    /// An open connection that is not too old; those that are, are closed.
    fn take_open(&mut self) -> Option<Found> {
        self.http2.take_if(|http2| http2.taken.elapsed() > IDLE_MAX);
        self.idle
            .retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() <= IDLE_MAX);
        if let Some(http2) = &mut self.http2 {
            http2.taken = Stopwatch::start();
            return Some(Found::Http2(http2.sender.clone(), http2.number));
        }
        self.idle.pop().map(|idle| Found::Idle(idle.sender))
    }
}

impl Idle {
    fn new(sender: http1::Sender) -> Self {
        Self {
            sender,
            since: Stopwatch::start(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let check = |url: &str, host: &str, port: u16, authority: &str| {
            let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
            let seen = (&*origin.host, origin.port, origin.authority());
            assert_eq!(seen, (host, port, authority), "{url}");
        };
        check(
            "https://vault.acme.example/a?b",
            "vault.acme.example",
            443,
            "vault.acme.example",
        );
        check("https://VAULT:443", "vault", 443, "vault");
        check("http://vault:8080/", "vault", 8080, "vault:8080");
        check(
            "https://joe:secret@10.0.0.1:9443/",
            "10.0.0.1",
            9443,
            "10.0.0.1:9443",
        );
        check(
            "https://[2001:db8::1]/x",
            "[2001:db8::1]",
            443,
            "[2001:db8::1]",
        );
        check("http://[::1]:81/", "[::1]", 81, "[::1]:81");

        let origin = Origin::of(&Url::parse("https://vault/a").unwrap()).unwrap();
        let is_of = |url: &str| origin.is_of(&Url::parse(url).unwrap());
        assert!(is_of("https://Vault:443/b?c"));
        assert!(!is_of("http://vault:443/"));
        assert!(!is_of("https://vault:444/"));
        assert!(!is_of("https://vault.acme/"));
        assert!(Origin::of(&Url::parse("file:///a").unwrap()).is_err());
    }
}
