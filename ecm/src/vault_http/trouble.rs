//! Why there is no answer: what the layers below said, sorted by type and not by their words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::error::shortened;
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
    /// What came back is not HTTP.
    #[error("what came back is not HTTP: {0}")]
    NotHttp(String),
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

/// The host name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct LookupFailed {
    pub(super) host: String,
    pub(super) reason: String,
}

/// Why no connection was opened within `limit`.
pub(super) fn not_connected(error: &(dyn StdError + 'static), limit: Duration) -> TransportError {
    let kind = |error: &(dyn StdError + 'static)| error.downcast_ref().map(io::Error::kind);
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(LookupFailed { host, reason }) = error.downcast_ref() {
            return TransportError::NameLookup {
                host: host.clone(),
                reason: reason.clone(),
            };
        }
        if let Some(error) = error.downcast_ref() {
            return from_tls(error);
        }
        match kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => return TransportError::Refused,
            Some(io::ErrorKind::TimedOut) => return TransportError::ConnectTimeout(limit),
            _ => cause = next_cause(error),
        }
    }
    TransportError::Connect(innermost(error).to_string())
}

/// Why a body ended early: whatever it was, there was an answer before.
pub(super) fn cut_off(error: &(dyn StdError + 'static)) -> TransportError {
    TransportError::Broken(words(innermost(error)))
}

/// What an error says, within bounds: over HTTP/2 the vault's own words stand in it.
fn words(error: &(dyn StdError + 'static)) -> String {
    shortened(&error.to_string(), WORDS_CHARS_MAX)
}

const WORDS_CHARS_MAX: usize = 200;

/// Why an exchange ended before its answer.
pub(super) fn broken(error: &(dyn StdError + 'static)) -> TransportError {
    let innermost = innermost(error);
    if let Some(error) = innermost.downcast_ref() {
        return from_tls(error);
    }
    let hyper: Option<&hyper::Error> = error.downcast_ref();
    match hyper.is_some_and(hyper::Error::is_parse) {
        true => TransportError::NotHttp(words(innermost)),
        false => TransportError::Broken(words(innermost)),
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
/// for its source, and the TLS layer wraps its errors in just that way; HTTP/2 names none at all.
fn next_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return error.get_io().map(|error| error as _);
    }
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
