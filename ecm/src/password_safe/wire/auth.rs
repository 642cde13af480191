//! What proves a caller: the `PS-Auth` header (documented psafe:§1.3) and the session's cookies.

use std::fmt;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::secret::Secret;
use crate::wiped::Wiped;

/// The key of an API registration: 128 characters, or a GUID from an older version.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::password_safe) struct RegistrationKey(Secret);

/// Why a text is no registration key. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::password_safe) enum NotAKey {
    #[error("it is required and empty")]
    Empty,
    #[error("it holds a semicolon; give the key alone, without runas= or pwd=")]
    NotAlone,
    #[error("it holds a blank or a character that no key has")]
    Malformed,
}

impl RegistrationKey {
    /// Accepts `text` without the blanks around it.
    ///
    /// # Errors
    /// It cannot stand in a `PS-Auth` header.
    pub(in crate::password_safe) fn new(text: &Secret) -> Result<Self, NotAKey> {
        let text = text.expose().trim();
        if text.is_empty() {
            Err(NotAKey::Empty)
        } else if text.contains(';') {
            Err(NotAKey::NotAlone)
        } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(NotAKey::Malformed)
        }
    }

    /// `text` without the key, should a vault repeat it in its words.
    pub(in crate::password_safe) fn struck_from(&self, text: &str) -> String {
        text.replace(self.0.expose(), "***")
    }
}

impl fmt::Debug for RegistrationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RegistrationKey(***)")
    }
}

/// The name that a session runs as: `user`, `DOMAIN\user` or `user@domain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::password_safe) struct RunAs(String);

impl RunAs {
    /// Accepts a name that the header can carry. The grammar quotes nothing, so a `;` would end
    /// the value and let the rest of the name pass for another one.
    pub(in crate::password_safe) fn new(name: &str) -> Option<Self> {
        let name = name.trim();
        let fits =
            !name.is_empty() && !name.contains([';', '"']) && !name.contains(char::is_control);
        fits.then(|| Self(name.to_owned()))
    }

    /// Names are compared without regard to letter case (recorded psafe:§2.10).
    pub(in crate::password_safe) fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for RunAs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The value of `Authorization`. A name beyond ASCII goes out as UTF-8 (assumed psafe:§1.3).
pub(in crate::password_safe) fn authorization(
    key: &RegistrationKey,
    run_as: &RunAs,
) -> HeaderValue {
    let text = Wiped::new(format!(
        "PS-Auth key={}; runas={};",
        key.0.expose(),
        run_as.0
    ));
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .expect("key and name were checked to hold no control characters");
    value.set_sensitive(true);
    value
}

/// Most bytes of cookies that are kept; a server that sends more gets none of the excess back.
const COOKIE_BYTES_MAX: usize = 8 * 1024;

/// The cookies of an answer as the value of one `Cookie` header: several headers led to 401
/// (recorded psafe:§1.4). `None` when it set none, since a session may rest on `Authorization`
/// alone.
pub(in crate::password_safe) fn cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    let mut bytes = 0;
    for line in headers.get_all(SET_COOKIE) {
        let Some((name, value)) = line.to_str().ok().and_then(cookie_pair) else {
            continue;
        };
        bytes += name.len() + value.len() + 3;
        if bytes > COOKIE_BYTES_MAX {
            break;
        }
        kept.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            kept.push((name, value));
        }
    }
    let pairs: Vec<_> = kept
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let joined = Wiped::new(pairs.join("; "));
    let mut value = HeaderValue::from_str(&joined)
        .ok()
        .filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

/// `text` without the values of `cookie`, should a vault repeat them in its words.
pub(in crate::password_safe) fn cookie_struck_from(cookie: &HeaderValue, text: &str) -> String {
    let pairs = cookie.to_str().unwrap_or_default().split("; ");
    let values = pairs.filter_map(|pair| pair.split_once('=').map(|(_, value)| value));
    values.fold(text.to_owned(), |text, value| text.replace(value, "***"))
}

/// Name and value of a `Set-Cookie` line, without its attributes.
fn cookie_pair(line: &str) -> Option<(&str, &str)> {
    let pair = line.split(';').next()?;
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    (!name.is_empty() && !value.contains(',')).then_some((name, value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn header(key: &str, name: &str) -> HeaderValue {
        authorization(
            &RegistrationKey::new(&key.into()).unwrap(),
            &RunAs::new(name).unwrap(),
        )
    }

    #[test]
    fn the_header_has_the_documented_form_for_every_form_of_a_name() {
        for name in [
            "joe.user",
            "ACME\\joe.user",
            "joe.user@acme-inc.com",
            "m\u{fc}ller",
        ] {
            let value = header("K1", name);
            assert_eq!(
                value.as_bytes(),
                format!("PS-Auth key=K1; runas={name};").as_bytes()
            );
        }
    }

    #[test]
    fn the_header_is_debugged_without_the_key() {
        let value = header("canary", "joe");
        assert!(!format!("{value:?}").contains("canary"));
    }

    #[test]
    fn all_cookies_go_back_in_one_header_without_their_attributes() {
        let mut headers = HeaderMap::new();
        for line in [
            "ASP.NET_SessionId=abcdefghijklmnopqrstuvwx; path=/; secure; HttpOnly; SameSite=Lax",
            "__RequestVerificationToken=t=1; path=/",
            "gone=; expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "nonsense",
        ] {
            headers.append(SET_COOKIE, line.parse().unwrap());
        }
        let value = cookies(&headers).unwrap();
        assert_eq!(
            value.as_bytes(),
            b"ASP.NET_SessionId=abcdefghijklmnopqrstuvwx; __RequestVerificationToken=t=1"
        );
        assert!(!format!("{value:?}").contains("abcdef"));
    }

    #[test]
    fn an_answer_without_cookies_or_with_a_flood_of_them_is_survived() {
        assert_eq!(cookies(&HeaderMap::new()), None);
        let mut headers = HeaderMap::new();
        for at in 0..100 {
            let line = format!("c{at}={}", "x".repeat(1_000));
            headers.append(SET_COOKIE, line.parse().unwrap());
        }
        assert!(cookies(&headers).unwrap().len() <= COOKIE_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn a_name_never_adds_a_second_value_to_the_header(name in "\\PC{0,40}") {
            if let Some(run_as) = RunAs::new(&name) {
                let key = RegistrationKey::new(&"K".into()).unwrap();
                let value = authorization(&key, &run_as);
                let semicolons = value.as_bytes().iter().filter(|byte| **byte == b';').count();
                prop_assert_eq!(semicolons, 2);
            }
        }
    }
}
