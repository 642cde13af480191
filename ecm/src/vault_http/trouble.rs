//! Why there is no answer: what the layers below said, sorted by type and not by their words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::tls::CertificateProblem;

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
    Certificate(Box<CertificateProblem>),
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
    /// Other answers filled the room for all of them.
    #[error("no room for the answer within {} s", .0.as_secs())]
    NoRoom(Duration),
    /// The answer is compressed although that was not asked for.
    #[error("the answer is compressed with {0}, which was not asked for")]
    Compressed(String),
}

/// The system's resolver, with an error of our own so that a failed lookup is told from a failed
/// connection by type and not by the wording of a library.
#[derive(Debug)]
pub(super) struct SystemResolver;

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

pub(super) fn classify(error: &reqwest::Error, connect_timeout: Duration) -> TransportError {
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
            Some(problem) => TransportError::Certificate(Box::new(problem.clone())),
            None => TransportError::Tls(other.0.to_string()),
        },
        other => TransportError::Tls(other.to_string()),
    }
}

/// Whether the vault says that it has not handled the request: it refused the stream, or it was about
/// to close the connection in order (RFC 9113, section 8.7).
pub(super) fn was_not_handled(error: &reqwest::Error) -> bool {
    let innermost = innermost(error).downcast_ref::<h2::Error>();
    innermost.is_some_and(|error| {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let closing = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        error.is_remote() && (refused || closing)
    })
}

/// The cause at the bottom of the chain: the only one that says what happened, and the only one
/// that does not repeat the address.
pub(super) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
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
