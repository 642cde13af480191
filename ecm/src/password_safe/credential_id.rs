//! The id that a listed account carries to the appliance and back. It holds all that a fetch needs,
//! so that any ECM of the site can serve it, before or after a restart. It grants nothing: the vault
//! decides anew for the user who asks.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::trouble;
use super::wire::ManagedAccount;
use crate::error::PluginError;

/// One requestable account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CredentialId {
    pub(super) system_id: i32,
    pub(super) account_id: i32,
    pub(super) application_id: Option<i32>,
    /// Longest release that the account allows, minutes.
    pub(super) release_max_min: Option<u32>,
    pub(super) domain: Option<String>,
    pub(super) username: String,
}

const PREFIX: &str = "ps1";

/// Longer than every id that this plugin makes: names are at most 246 characters.
const ID_BYTES_MAX: usize = 8 * 1024;

/// Letters and digits stand for themselves, and a few marks that names are full of.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'@');

impl CredentialId {
    /// The id of a listed account. A directory account's name may carry its domain in front.
    pub(super) fn of(row: &ManagedAccount) -> Self {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (domain, username) = match row.account_name.split_once('\\') {
            Some((domain, name)) if !domain.is_empty() && !name.is_empty() => {
                (Some(domain.to_owned()), name.to_owned())
            }
            _ => (filled(&row.domain_name), row.account_name.clone()),
        };
        Self {
            system_id: row.system_id,
            account_id: row.account_id,
            application_id: row.application_id,
            release_max_min: row
                .release_max_min
                .and_then(|minutes| u32::try_from(minutes).ok())
                .filter(|minutes| *minutes > 0),
            domain,
            username,
        }
    }

    /// Reads an id back.
    ///
    /// # Errors
    /// It is not one of this plugin's.
    pub(super) fn parse(text: &str) -> Result<Self, PluginError> {
        Self::read(text).ok_or_else(trouble::foreign_id)
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > ID_BYTES_MAX {
            return None;
        }
        let mut parts = text.split(':');
        if parts.next()? != PREFIX {
            return None;
        }
        let id = Self {
            system_id: parts.next()?.parse().ok()?,
            account_id: parts.next()?.parse().ok()?,
            application_id: optional(parts.next()?, |part| part.parse().ok())?,
            release_max_min: optional(parts.next()?, |part| part.parse().ok())?,
            domain: optional(parts.next()?, decoded)?,
            username: decoded(parts.next()?)?,
        };
        parts.next().is_none().then_some(id)
    }
}

/// An empty part is an absent one; a part that cannot be read spoils the whole id.
fn optional<T>(part: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if part.is_empty() {
        Some(None)
    } else {
        read(part).map(Some)
    }
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

impl fmt::Display for CredentialId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}:{}:{}:", self.system_id, self.account_id)?;
        if let Some(id) = self.application_id {
            write!(out, "{id}")?;
        }
        out.write_str(":")?;
        if let Some(minutes) = self.release_max_min {
            write!(out, "{minutes}")?;
        }
        let domain = self.domain.as_deref().unwrap_or_default();
        let (domain, name) = (
            utf8_percent_encode(domain, ESCAPED),
            utf8_percent_encode(&self.username, ESCAPED),
        );
        write!(out, ":{domain}:{name}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_id_is_readable() {
        let id = CredentialId {
            system_id: 5,
            account_id: 10,
            application_id: None,
            release_max_min: Some(120),
            domain: Some("acme.example".into()),
            username: "a:b c".into(),
        };
        assert_eq!(id.to_string(), "ps1:5:10::120:acme.example:a%3Ab%20c");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "ps1",
            "42",
            "ps2:5:10::120::root",
            "ps1:5:10::120::",
            "ps1:x:10::120::root",
            "ps1:5:10::120::root:more",
            "ps1:5:99999999999::::root",
            "ps1:5:10::-1::root",
            "ps1:5:10::::%ff",
        ] {
            let known = CredentialId::parse(text);
            if text == "ps1:5:10::120::" {
                assert_eq!(known.unwrap().username, "");
            } else {
                assert_eq!(known.unwrap_err().kind, ErrorKind::NotFound, "{text}");
            }
        }
        assert!(CredentialId::parse(&format!("ps1:5:10::::{}", "a".repeat(9_000))).is_err());
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(
            system_id: i32,
            account_id: i32,
            application_id in proptest::option::of(any::<i32>()),
            release_max_min in proptest::option::of(any::<u32>()),
            domain in proptest::option::of("\\PC{1,20}"),
            username in "\\PC{0,30}",
        ) {
            let id = CredentialId {
                system_id, account_id, application_id, release_max_min, domain, username,
            };
            prop_assert_eq!(CredentialId::parse(&id.to_string()).unwrap(), id);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "(ps1)?[:0-9a-z%]{0,40}") {
            let _ = CredentialId::parse(&text);
        }
    }
}
