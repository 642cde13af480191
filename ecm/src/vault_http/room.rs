//! Room for the answers of a vault: however many calls are under way and whatever the vault sends,
//! the bytes of all answers that are held at a time have a limit.
//!
//! Every call has a share of its own before it is sent, enough for nearly all answers. A longer
//! answer takes all that it may still need in one step, from what is left beside the shares. So an
//! answer waits for room at most twice and never while it holds what another one waits for: whoever
//! waits for a share holds nothing, and whoever has the rest waits for nothing any more. No order of
//! events can make two of them wait for each other, as long as nobody keeps an answer while asking
//! for another.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The share of each call. Over HTTP/2 it is also what a vault may send of an answer that is not
/// yet read, so that answers which wait for room leave the way free for those that have it.
pub(super) const SHARE_BYTES: u32 = 64 * 1024;

const KIB: usize = 1024;

/// The room of one pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct AnswerRoom {
    shares: Arc<Semaphore>,
    /// What longer answers share, in KiB.
    rest_kib: Arc<Semaphore>,
}

/// What one answer has of it, given back on drop.
#[derive(Debug, Default)]
pub(super) struct Room {
    _share: Option<OwnedSemaphorePermit>,
    more_kib: Option<OwnedSemaphorePermit>,
}

impl AnswerRoom {
    /// Room for `held_bytes_max` in all: a quarter in shares, the rest for longer answers, and
    /// never less than one of `answer_bytes_max` needs.
    pub(super) fn new(held_bytes_max: usize, answer_bytes_max: usize) -> Self {
        let rest_bytes = (held_bytes_max / 4 * 3).max(answer_bytes_max);
        let rest_kib = rest_bytes.div_ceil(KIB).min(Semaphore::MAX_PERMITS);
        Self {
            shares: Arc::new(Semaphore::new(calls_max(held_bytes_max))),
            rest_kib: Arc::new(Semaphore::new(rest_kib)),
        }
    }

    /// Waits for the share of a call.
    pub(super) async fn share(&self) -> Room {
        Room {
            // It is never closed.
            _share: Arc::clone(&self.shares).acquire_owned().await.ok(),
            more_kib: None,
        }
    }

    /// Waits until `room`, which must be a bare share, is enough for `bytes`.
    pub(super) async fn widen(&self, room: &mut Room, bytes: usize) {
        let more = bytes.saturating_sub(SHARE_BYTES as usize);
        if let Ok(kib @ 1..) = u32::try_from(more.div_ceil(KIB)) {
            let rest = Arc::clone(&self.rest_kib);
            room.more_kib = rest.acquire_many_owned(kib).await.ok();
        }
    }
}

impl Room {
    /// Gives back what an answer of `bytes` does not need.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let kept = bytes.saturating_sub(SHARE_BYTES as usize).div_ceil(KIB);
        if let Some(more) = &mut self.more_kib {
            drop(more.split(more.num_permits().saturating_sub(kept)));
        }
    }
}

/// How many calls may be under way at a time.
pub(super) fn calls_max(held_bytes_max: usize) -> usize {
    (held_bytes_max / 4 / SHARE_BYTES as usize).max(1)
}
