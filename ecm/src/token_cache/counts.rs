//! What a token cache was used for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    log_ons: AtomicU64,
    failed_log_ons: AtomicU64,
    withheld_log_ons: AtomicU64,
    user_log_ons: AtomicU64,
    failed_user_log_ons: AtomicU64,
}

/// What a cache was used for since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub hits: u64,
    pub misses: u64,
    /// Of the API account.
    pub log_ons: u64,
    pub failed_log_ons: u64,
    /// Not made, since an earlier one was refused.
    pub withheld_log_ons: u64,
    /// On behalf of a vault user.
    pub user_log_ons: u64,
    pub failed_user_log_ons: u64,
}

impl Counters {
    pub(super) fn hit(&self) {
        count(&self.hits);
    }

    pub(super) fn missed(&self) {
        count(&self.misses);
    }

    pub(super) fn withheld(&self) {
        count(&self.withheld_log_ons);
    }

    /// A log-on ended: the API account's, or one on behalf of a vault user.
    pub(super) fn loaded(&self, is_of_api_account: bool, succeeded: bool) {
        count(match (is_of_api_account, succeeded) {
            (true, true) => &self.log_ons,
            (true, false) => &self.failed_log_ons,
            (false, true) => &self.user_log_ons,
            (false, false) => &self.failed_user_log_ons,
        });
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            log_ons: self.log_ons.load(Relaxed),
            failed_log_ons: self.failed_log_ons.load(Relaxed),
            withheld_log_ons: self.withheld_log_ons.load(Relaxed),
            user_log_ons: self.user_log_ons.load(Relaxed),
            failed_user_log_ons: self.failed_user_log_ons.load(Relaxed),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
