//! Which release requests are held for which sessions. The vault's request *is* the record of a
//! release; this only knows who still uses one, because `reuse` lets sessions of one user share it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most requests that are known at once; the one with the smallest id, the oldest, makes room.
/// What is forgotten is found again by its reason.
const REQUESTS_MAX: usize = 10_000;

/// The one who uses a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) session_id: String,
    pub(super) credential_id: String,
}

#[derive(Debug, Default)]
struct Held {
    /// Whether this integration made the request; one that the user made elsewhere is left alone.
    ours: bool,
    holders: BTreeSet<Holder>,
}

/// The requests in use.
#[derive(Debug, Default)]
pub(super) struct Releases(Mutex<BTreeMap<i32, Held>>);

/// What a holder leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Left {
    /// Whether the holder was known at all.
    pub(super) known: bool,
    /// The requests of ours that nobody uses any more.
    pub(super) unused: Vec<i32>,
}

impl Releases {
    /// Notes that `holder` uses a request.
    pub(super) fn hold(&self, request_id: i32, ours: bool, holder: Holder) {
        let mut requests = self.locked();
        let held = requests.entry(request_id).or_default();
        held.ours |= ours;
        held.holders.insert(holder);
        if requests.len() > REQUESTS_MAX {
            requests.pop_first();
        }
    }

    /// Notes that `holder` uses nothing any more.
    pub(super) fn leave(&self, holder: &Holder) -> Left {
        let mut left = Left::default();
        self.locked().retain(|request_id, held| {
            if !held.holders.remove(holder) {
                return true;
            }
            left.known = true;
            if held.holders.is_empty() && held.ours {
                left.unused.push(*request_id);
            }
            !held.holders.is_empty()
        });
        left
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<i32, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(session_id: &str) -> Holder {
        Holder {
            session_id: session_id.into(),
            credential_id: "c".into(),
        }
    }

    #[test]
    fn a_shared_request_is_unused_when_the_last_session_ends() {
        let releases = Releases::default();
        releases.hold(124, true, holder("a"));
        releases.hold(124, false, holder("b"));
        releases.hold(124, false, holder("b"));
        assert_eq!(
            releases.leave(&holder("a")),
            Left {
                known: true,
                unused: vec![]
            }
        );
        assert_eq!(
            releases.leave(&holder("b")),
            Left {
                known: true,
                unused: vec![124]
            }
        );
        assert_eq!(releases.leave(&holder("b")), Left::default());
    }

    #[test]
    fn a_request_that_the_user_made_elsewhere_is_left_alone() {
        let releases = Releases::default();
        releases.hold(124, false, holder("a"));
        assert_eq!(
            releases.leave(&holder("a")),
            Left {
                known: true,
                unused: vec![]
            }
        );
    }

    #[test]
    fn what_is_known_is_bounded() {
        let releases = Releases::default();
        for id in 0..20_000 {
            releases.hold(id, true, holder("a"));
        }
        assert_eq!(releases.leave(&holder("a")).unused.len(), REQUESTS_MAX);
    }
}
