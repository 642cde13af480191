//! The type that holds a secret: no `Display`, no `Serialize`, a redacted `Debug`, zeroed on drop.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::wiped::Wiped;

/// A password, key, passphrase or token. The text comes out only through [`Secret::expose`], so
/// every place where it leaves its type can be found by that name.
#[derive(Clone)]
pub struct Secret(Wiped<String>);

impl Secret {
    /// Takes ownership of `text`; its buffer is zeroed when the secret is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Wiped::new(text))
    }

    /// The secret itself. The caller must not log, format or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with `***` wherever it repeats the secret. One shorter than four bytes stays: it is
    /// part of ordinary words.
    #[must_use]
    pub fn concealed_in(&self, text: &str) -> String {
        // Looking for a long secret is dear, and most texts have no room for it.
        if self.0.len() < CONCEALED_BYTES_MIN || text.len() < self.0.len() {
            return text.to_owned();
        }
        text.replace(self.expose(), "***")
    }

    /// Whether the secret has no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const CONCEALED_BYTES_MIN: usize = 4;

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(***)")
    }
}

/// Compares in a time that does not depend on where the texts differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let shown = format!(
            "{:?} {:?}",
            Secret::from("hunter2"),
            Some(Secret::from("hunter2"))
        );
        assert_eq!(shown, "Secret(***) Some(Secret(***))");
    }

    #[test]
    fn a_text_loses_every_repetition_of_the_secret() {
        let secret = Secret::from("hunter2");
        assert_eq!(
            secret.concealed_in("hunter2 is not 'hunter2'"),
            "*** is not '***'"
        );
        assert_eq!(Secret::from("e").concealed_in("denied"), "denied");
        assert_eq!(Secret::from("").concealed_in("denied"), "denied");
    }

    #[test]
    fn equality_is_by_text() {
        assert_eq!(Secret::from("a"), Secret::from("a"));
        assert_ne!(Secret::from("a"), Secret::from("ab"));
    }
}
