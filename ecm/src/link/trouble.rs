//! Finds the words that matter inside the errors of the network libraries.

use std::error::Error;
use std::fmt;

use http::HeaderMap;
use http::header::LOCATION;
use url::Url;

use crate::error::shortened;
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

/// What TLS said, when `error` or anything that it wraps is a failure of TLS.
///
/// A certificate that was refused is described with its names; see [`crate::tls`].
pub(crate) fn tls_reason(error: &(dyn Error + 'static)) -> Option<String> {
    let found = chain(error).find_map(|link| link.downcast_ref::<rustls::Error>())?;
    Some(match found {
        rustls::Error::Other(other) => other.0.to_string(),
        plain => plain.to_string(),
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
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => link.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_tls_failure_is_found_below_an_io_error() {
        let tls = rustls::Error::DecryptError;
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, io::Error::other(tls));
        assert_eq!(
            tls_reason(&wrapped).as_deref(),
            Some("cannot decrypt peer's message")
        );
        assert_eq!(innermost(&wrapped), "cannot decrypt peer's message");
    }

    #[test]
    fn another_failure_is_not_one_of_tls() {
        assert_eq!(tls_reason(&io::Error::other("refused")), None);
        assert_eq!(innermost(&io::Error::other("refused")), "refused");
    }
}
