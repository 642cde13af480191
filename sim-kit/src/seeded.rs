//! Everything random comes from one printed seed: ids, tokens and the planted secrets.
//!
//! A planted secret is a *canary*: it starts with [`CANARY_MARK`], so a scan of everything that a
//! run wrote can recognise a leak without a list.

use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};

/// Every canary contains this text. Mixed case, so that no encoding folds into it by accident.
pub const CANARY_MARK: &str = "CnRy";

/// The seed of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// An independent stream of random numbers for one purpose. The same seed and purpose give the
    /// same stream, whatever else was drawn.
    #[must_use]
    pub fn stream(self, purpose: &str) -> Stream {
        // FNV-1a: stable over releases, which the standard hasher does not promise.
        let mixed = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64 ^ self.0, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Stream {
            rng: StdRng::seed_from_u64(mixed ^ self.0.rotate_left(32)),
        }
    }

    /// The canary planted for `purpose`: mark, sixteen characters, and a tail of characters that
    /// careless encoders lose (`&`, `<`, `"`, `+`, `%`, and an accented letter).
    #[must_use]
    pub fn canary(self, purpose: &str) -> String {
        format!("{CANARY_MARK}-{}-&<\"+%é", self.stream(purpose).base32(16))
    }

    /// A canary without characters that need escaping anywhere: user-typed passwords.
    #[must_use]
    pub fn plain_canary(self, purpose: &str) -> String {
        format!("{CANARY_MARK}-{}", self.stream(purpose).base32(20))
    }
}

/// A stream of random numbers.
#[derive(Debug)]
pub struct Stream {
    rng: StdRng,
}

impl Stream {
    /// `digits` lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&mut self, digits: usize) -> String {
        self.pick(digits, b"0123456789abcdef")
    }

    /// `characters` of `a–z2–7`.
    #[must_use]
    pub fn base32(&mut self, characters: usize) -> String {
        self.pick(characters, b"abcdefghijklmnopqrstuvwxyz234567")
    }

    /// `characters` letters and digits.
    #[must_use]
    pub fn alphanumeric(&mut self, characters: usize) -> String {
        // 64 symbols keep the draw unbiased; two of them stand twice.
        self.pick(
            characters,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789Aa",
        )
    }

    /// A number below `bound`; 0 when `bound` is 0.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.rng.next_u64() % bound
        }
    }

    /// `out` filled with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.rng.fill_bytes(out);
    }

    fn pick(&mut self, count: usize, alphabet: &[u8]) -> String {
        let mask = alphabet.len() - 1;
        debug_assert!(alphabet.len().is_power_of_two());
        (0..count)
            .map(|_| char::from(alphabet[self.rng.next_u32() as usize & mask]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_purposes_are_independent() {
        let seed = Seed(7);
        assert_eq!(seed.stream("token").hex(32), seed.stream("token").hex(32));
        assert_ne!(seed.stream("token").hex(32), seed.stream("tokem").hex(32));
        assert_ne!(
            seed.stream("token").hex(32),
            Seed(8).stream("token").hex(32)
        );
    }

    #[test]
    fn a_canary_carries_its_mark() {
        assert!(Seed(1).canary("x").starts_with(CANARY_MARK));
        assert!(
            Seed(1)
                .plain_canary("x")
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        );
    }
}
