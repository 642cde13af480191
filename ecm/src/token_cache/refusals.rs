//! Log-ons of the API account that the vault refused. Vaults lock an account after a few of them,
//! and every console user who opens a list would cause another, so for a growing pause the refusal
//! is answered from memory. A start, or an order to forget tokens, begins anew: that is how changed
//! settings come into effect.

use std::collections::HashMap;
use std::time::Duration;

use super::TokenKey;
use crate::clock::Stopwatch;
use crate::error::{ErrorKind, PluginError};
use crate::link::backoff::Backoff;

/// The refusals of one cache.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    last: HashMap<TokenKey, Refusal>,
}

#[derive(Debug)]
struct Refusal {
    error: PluginError,
    since: Stopwatch,
    pause: Duration,
    backoff: Backoff,
}

impl Refusals {
    /// The refusal that still counts.
    pub(super) fn of(&self, key: &TokenKey) -> Option<PluginError> {
        let refusal = self.last.get(key)?;
        let waited = refusal.since.elapsed();
        let remaining = refusal.pause.checked_sub(waited)?;
        let mut error = refusal.error.clone();
        error.message = format!(
            "{} (refused {} s ago; not tried again for {} s, so that the account is not locked)",
            error.message,
            waited.as_secs(),
            remaining.as_secs().max(1),
        );
        Some(error)
    }

    /// Takes note of how a log-on ended.
    pub(super) fn note<T>(
        &mut self,
        key: &TokenKey,
        outcome: &Result<T, PluginError>,
        (first, longest): (Duration, Duration),
    ) {
        match outcome {
            Err(error) if error.kind == ErrorKind::Authentication && !first.is_zero() => {
                let mut backoff = match self.last.get(key) {
                    Some(before) => before.backoff,
                    None => Backoff::new(first, longest.max(first)),
                };
                let pause = backoff.pause(0.5);
                tracing::warn!(
                    pause_s = pause.as_secs(),
                    "the vault refused to log the API account on; until the pause is over, or the \
                     ECM is restarted or its token cache cleared, no further attempt is made"
                );
                let refusal = Refusal {
                    error: error.clone(),
                    since: Stopwatch::start(),
                    pause,
                    backoff,
                };
                self.last.insert(key.clone(), refusal);
            }
            // Nobody was refused: the vault could not be asked.
            Err(_) => {}
            Ok(_) => {
                self.last.remove(key);
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.last.clear();
    }
}
