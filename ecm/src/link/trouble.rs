//! Finds the words that matter inside the errors of the network libraries.

use std::error::Error;
use std::{fmt, io};

use http::HeaderMap;
use http::header::LOCATION;
use url::Url;

use crate::error::shortened;
use crate::tls::CertificateProblem;
use crate::vault_http::is_downgrade;

/// Where an answer of the appliance points instead of being one. It is never followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The address, without its query.
    pub target: String,
    /// Whether it leads from https to plain http.
    pub gives_up_encryption: bool,
}

impl Redirect {
    /// The redirect of an answer from `asked` with these headers.
    pub(crate) fn of(asked: &Url, headers: &HeaderMap) -> Self {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.unwrap_or_default().split(['?', '#']).next();
        let location = location.unwrap_or_default();
        Self {
            target: shortened(location, 200),
            gives_up_encryption: is_downgrade(asked, location),
        }
    }

    pub(super) fn next_action(&self) -> &'static str {
        match self.gives_up_encryption {
            true => {
                "let the appliance, or the proxy before it, redirect to https addresses only; the \
                 ECM never goes from https to http"
            }
            false => "set appliance.site_url to the address that finally answers, if you trust it",
        }
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.target.as_str() {
            "" => "an address that it does not name",
            target => target,
        };
        match self.gives_up_encryption {
            true => write!(
                out,
                "from https to plain http, {target}, which is not followed"
            ),
            false => write!(out, "to {target}, which is not followed"),
        }
    }
}

/// What kept a TCP connection from being opened; each has another cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The host's name leads to no address.
    Name,
    /// Nothing listens there, or something says no.
    Refused,
    /// Anything else.
    Other,
}

impl Obstacle {
    /// What `error`, or anything that it wraps, says about it.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let is_refused = |link: &(dyn Error + 'static)| {
            link.downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if chain(error).any(|link| link.is::<LookupFailed>()) {
            Self::Name
        } else if chain(error).any(is_refused) {
            Self::Refused
        } else {
            Self::Other
        }
    }

    pub(super) fn next_action(self) -> &'static str {
        match self {
            Self::Name => "check site_url and the name service of this host",
            Self::Refused => {
                "check the port in site_url, that the appliance runs, and that no firewall rejects \
                 the connection"
            }
            Self::Other => {
                "check that this host may connect out to the appliance on its port; loading /login \
                 in a browser on this host is a quick test"
            }
        }
    }
}

/// A name that leads to no address, by type and not by a library's words.
#[derive(Debug, thiserror::Error)]
#[error("the name {host} could not be looked up: {reason}")]
pub(crate) struct LookupFailed {
    /// The name.
    pub(crate) host: String,
    /// The system's words.
    pub(crate) reason: String,
}

/// Whose the failure of TLS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The appliance's certificate was not accepted.
    Certificate,
    /// No connection was agreed: other versions, or a port that does not speak TLS.
    Handshake,
}

impl TlsFault {
    pub(super) fn next_action(self) -> &'static str {
        match self {
            Self::Certificate => {
                "give the appliance a certificate for its name from an authority trusted here, or \
                 name its authority, or the certificate itself, with appliance.ca_file"
            }
            Self::Handshake => {
                "check that the port in site_url is one where the appliance speaks TLS, 1.2 or later"
            }
        }
    }
}

/// What TLS said, when `error` or anything that it wraps is a failure of TLS.
///
/// A certificate that was refused is described with its names; see [`crate::tls`].
pub(crate) fn tls_reason(error: &(dyn Error + 'static)) -> Option<(TlsFault, String)> {
    let found = chain(error).find_map(|link| link.downcast_ref::<rustls::Error>())?;
    Some(match found {
        rustls::Error::Other(other) if other.0.is::<CertificateProblem>() => {
            (TlsFault::Certificate, other.0.to_string())
        }
        rustls::Error::Other(other) => (TlsFault::Handshake, other.0.to_string()),
        plain => (TlsFault::Handshake, plain.to_string()),
    })
}

/// The text of the innermost error: the system's own words.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// `error` and everything that it wraps. An `io::Error` hides the error it was made from when
/// asked for its source, so it is asked otherwise.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link: &&'e (dyn Error + 'static)| {
        let wrapped = link
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => link.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_failure_is_found_below_an_io_error() {
        let tls = rustls::Error::DecryptError;
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(tls));
        let words = "cannot decrypt peer's message".to_owned();
        assert_eq!(tls_reason(&wrapped), Some((TlsFault::Handshake, words)));
        assert_eq!(innermost(&wrapped), "cannot decrypt peer's message");
    }

    #[test]
    fn another_failure_is_not_one_of_tls() {
        assert_eq!(tls_reason(&io::Error::other("refused")), None);
        assert_eq!(innermost(&io::Error::other("refused")), "refused");
    }

    #[test]
    fn what_is_in_the_way_is_told_by_type() {
        let lookup = LookupFailed {
            host: "access.acme.example".into(),
            reason: "no".into(),
        };
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (error, expected) in [
            (io::Error::other(lookup), Obstacle::Name),
            (io::Error::other(refused), Obstacle::Refused),
            // Words alone are nothing.
            (io::Error::other("connection refused"), Obstacle::Other),
        ] {
            assert_eq!(Obstacle::of(&error), expected, "{error}");
        }
    }
}
