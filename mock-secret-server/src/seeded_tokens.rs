//! Tokens, ids and new passwords from the run's seed: the only randomness of the vault.

use sim_kit::seeded::{CANARY_MARK, Seed, Stream};

use crate::state::{SecretText, TokenSource};

/// A source that repeats for a seed.
#[derive(Debug)]
pub struct SeededTokens {
    tokens: Stream,
    guids: Stream,
    passwords: Stream,
}

impl SeededTokens {
    /// The source of one vault.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self::after_resets(seed, 0)
    }

    /// The source of a vault that has been started anew so often. No start repeats what another
    /// gave out: a token that somebody kept is dead and not the next user's.
    #[must_use]
    pub fn after_resets(seed: Seed, resets: u64) -> Self {
        let stream = |what: &str| match resets {
            0 => seed.stream(what),
            _ => seed.stream(&format!("{what} after reset {resets}")),
        };
        Self {
            tokens: stream("secret-server tokens"),
            guids: stream("secret-server guids"),
            passwords: stream("secret-server rotated passwords"),
        }
    }
}

impl TokenSource for SeededTokens {
    /// `v2`, 256 hexadecimal digits, `:`, 32 more (recorded soap:§3.2).
    fn token(&mut self) -> SecretText {
        format!("v2{}:{}", self.tokens.hex(256), self.tokens.hex(32)).into()
    }

    fn guid(&mut self) -> String {
        let groups = [8, 4, 4, 4, 12].map(|digits| self.guids.hex(digits));
        groups.join("-")
    }

    /// A canary, so that a leak of a rotated password is found like any other.
    fn password(&mut self) -> SecretText {
        format!("{CANARY_MARK}-{}!", self.passwords.alphanumeric(16)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_recorded_form() {
        let token = SeededTokens::new(Seed(1)).token();
        let (head, tail) = token.expose().split_once(':').expect("a token has a colon");
        let hex = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        assert_eq!((head.len(), tail.len()), (258, 32));
        assert!(head.starts_with("v2") && hex(&head[2..]) && hex(tail));
    }

    #[test]
    fn a_seed_repeats_and_no_two_tokens_are_alike() {
        let mut source = SeededTokens::new(Seed(1));
        let first = source.token();
        assert_eq!(first, SeededTokens::new(Seed(1)).token());
        assert_ne!(first, source.token());
    }

    #[test]
    fn a_reset_brings_nothing_back_and_still_repeats_for_its_seed() {
        let after = |resets| SeededTokens::after_resets(Seed(1), resets);
        let (mut first, mut second) = (after(0), after(1));
        assert_ne!(first.token(), second.token());
        assert_ne!(first.guid(), second.guid());
        assert_ne!(first.password(), second.password());
        assert_eq!(after(1).token(), after(1).token());
    }

    #[test]
    fn a_guid_has_its_five_groups() {
        let guid = SeededTokens::new(Seed(1)).guid();
        let lengths: Vec<_> = guid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
