//! Texts that must not be read by accident, and the values of a secret's items.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A password, a token or another text that must never reach a log, an error or a journal.
///
/// It has no `Display`, its `Debug` is redacted, and the memory is wiped when the last clone goes.
/// The only way to the characters is [`SecretText::expose`]: for the reply writer, the comparison
/// at log-on, and tests.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<Zeroizing<Box<str>>>);

impl SecretText {
    /// The characters. Call it only where the bytes must leave.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text.into_boxed_str())))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(Arc::new(Zeroizing::new(Box::from(text))))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretText(redacted)")
    }
}

impl PartialOrd for SecretText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SecretText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.expose().cmp(other.expose())
    }
}

impl Borrow<str> for SecretText {
    fn borrow(&self) -> &str {
        self.expose()
    }
}

/// The value of one item of a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum ItemValue {
    /// A value that anybody with View sees in a list: a machine, a user name, a file's name.
    Plain(Arc<str>),
    /// The value of a password field.
    Hidden(SecretText),
}

impl ItemValue {
    /// The characters, for the reply writer.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Hidden(text) => text.expose(),
        }
    }
}

impl fmt::Debug for ItemValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => write!(out, "{text:?}"),
            Self::Hidden(text) => write!(out, "{text:?}"),
        }
    }
}

/// The content of a file item: a private key, as a rule. Redacted and wiped like [`SecretText`].
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Arc<Zeroizing<Box<[u8]>>>);

impl SecretBytes {
    /// The bytes. Call it only where they must leave.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.into_boxed_slice())))
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretBytes({} bytes, redacted)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_debug() {
        let password = SecretText::from("p&w");
        let shown = format!(
            "{password:?} {:?} {:?}",
            ItemValue::Hidden(password.clone()),
            SecretBytes::from(b"p&w".to_vec())
        );
        assert!(!shown.contains("p&w"), "{shown}");
    }
}
