//! Everything random: the only file of this package that draws.
//!
//! What shows on the wire repeats with the run's seed. Keys do not: they come from the operating
//! system, so that a known seed opens no box.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sim_kit::seeded::{Seed, Stream};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The streams of one appliance.
#[derive(Debug)]
pub(crate) struct Random {
    tokens: Mutex<Stream>,
    sessions: Mutex<Stream>,
}

impl Random {
    /// The streams of this seed.
    #[must_use]
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            tokens: Mutex::new(seed.stream("appliance tokens")),
            sessions: Mutex::new(seed.stream("appliance sessions")),
        }
    }

    /// An access token: 40 characters (documented sra:§2.1).
    #[must_use]
    pub(crate) fn token(&self) -> Secret {
        Secret::new(lock(&self.tokens).alphanumeric(40))
    }

    /// A client secret: 44 characters (documented sra:§2.1).
    #[must_use]
    pub(crate) fn client_secret(&self) -> Secret {
        Secret::new(lock(&self.tokens).alphanumeric(44))
    }

    /// A session identifier: 32 hexadecimal digits (documented sra:§4.2).
    #[must_use]
    pub(crate) fn lsid(&self) -> String {
        lock(&self.sessions).hex(32)
    }
}

/// 32 bytes for a key, from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give, which leaves nothing to go on with.
#[must_use]
pub(crate) fn key_bytes() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).expect("the operating system gives random bytes");
    bytes
}

fn lock(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}
