//! Sessions, tokens, keys and passwords, all from the run's seed: the only file of this package
//! that draws.

use sim_kit::seeded::{CANARY_MARK, Seed, Stream};

use crate::secret::Secret;
use crate::state::Mint;
use crate::state::ids::AccountId;

/// Draws from one seed. The same seed and the same calls give the same values.
#[derive(Debug)]
pub(crate) struct SeededMint {
    seed: Seed,
    stream: Stream,
}

impl SeededMint {
    /// A mint for a run.
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            stream: seed.stream("password-safe/mint"),
        }
    }
}

impl Mint for SeededMint {
    fn session(&mut self) -> String {
        self.stream.base32(24)
    }

    fn bearer(&mut self) -> Secret {
        Secret::new(self.stream.alphanumeric(64))
    }

    fn guid(&mut self) -> String {
        let hex = self.stream.hex(30);
        // Version 4, variant 1: the form that a GUID parser expects of a random one.
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[15..18],
            &hex[18..30]
        )
    }

    fn key(&mut self) -> Secret {
        Secret::new(self.stream.hex(128))
    }

    fn password(&self, account: AccountId, generation: u32) -> Secret {
        Secret::new(
            self.seed
                .canary(&format!("password-safe/account/{}/{generation}", account.0)),
        )
    }
}

/// The key of a registration that the lab leaves to the seed: 128 digits, as new ones have.
pub(crate) fn api_key(seed: Seed, purpose: &str) -> Secret {
    Secret::new(seed.stream(purpose).hex(128))
}

/// The seed of one-time codes that the lab leaves to the seed.
pub(crate) fn totp_seed(seed: Seed, purpose: &str) -> Secret {
    Secret::new(seed.stream(purpose).base32(32))
}

/// The client secret that the lab leaves to the seed: a canary of 45 characters, since clients
/// want 36 to 64 (`vendor-client psafe:PYLIB`).
pub(crate) fn client_secret(seed: Seed, purpose: &str) -> Secret {
    let tail = seed.stream(purpose).base32(40);
    Secret::new(format!("{CANARY_MARK}-{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_forms_that_clients_check() {
        let mut mint = SeededMint::new(Seed(1));
        let guid = mint.guid();
        assert_eq!(guid.len(), 36, "{guid}");
        assert_eq!(mint.session().len(), 24);
        assert_eq!(mint.key().expose().len(), 128);
        assert_ne!(mint.session(), mint.session());
        let (first, again) = (
            mint.password(AccountId(1), 0),
            mint.password(AccountId(1), 0),
        );
        assert!(first.matches(again.expose()));
        assert!(!first.matches(mint.password(AccountId(1), 1).expose()));
    }
}
