//! Text that must not be seen: passwords, keys, tokens.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret. It has no `Display` and no `Serialize`, its `Debug` is redacted, and its memory is
/// wiped when it goes.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the answer that must carry it and for scans that look for leaks.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text itself, for what sends it away: it is no longer wiped.
    #[must_use]
    pub(crate) fn into_text(mut self) -> String {
        std::mem::take(&mut self.0)
    }

    /// Whether `presented` is this secret, compared in constant time.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_whole_and_never_printed() {
        let secret = Secret::new("P@ss".into());
        assert!(secret.matches("P@ss"));
        assert!(!secret.matches("P@s") && !secret.matches("p@ss"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
