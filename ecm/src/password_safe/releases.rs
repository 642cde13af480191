//! Which release requests are held for which sessions, and which of them wait for an approval. The
//! vault's request *is* the record of a release; this only knows who still uses one, because `reuse`
//! lets sessions of one user share it, and which one a further attempt has to look at, because
//! `reuse` gives no request that is not approved yet (documented psafe:§4.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Most requests that are known at once; the one with the smallest id, the oldest, makes room.
/// What is forgotten is found again by its reason.
const REQUESTS_MAX: usize = 10_000;

/// The one who uses a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) session_id: String,
    pub(super) credential_id: String,
}

/// What a request asks for, and who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// The vault user, in lower case.
    pub(super) user: String,
    pub(super) system_id: i32,
    pub(super) account_id: i32,
    pub(super) application_id: Option<i32>,
}

/// Who made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The user, elsewhere: it is left alone.
    Elsewhere,
    /// It was there before; only its reason tells whose it is.
    Unclear,
    /// This integration.
    Ours,
}

#[derive(Debug)]
struct Held {
    origin: Origin,
    holders: BTreeSet<Holder>,
}

#[derive(Debug)]
struct Pending {
    request_id: i32,
    /// When it runs out by itself.
    until: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    held: BTreeMap<i32, Held>,
    pending: BTreeMap<Asked, Pending>,
}

/// The requests in use.
#[derive(Debug, Default)]
pub(super) struct Releases(Mutex<State>);

/// What a holder leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Left {
    /// Whether the holder was known at all.
    pub(super) known: bool,
    /// The requests of ours that nobody uses any more.
    pub(super) unused: Vec<i32>,
    /// Further requests that nobody uses any more, and that may be ours.
    pub(super) unclear: Vec<i32>,
}

impl Releases {
    /// Notes that `holder` uses a request. What is known about its origin is never unlearned.
    pub(super) fn hold(&self, request_id: i32, origin: Origin, holder: Holder) {
        let mut state = self.locked();
        let held = state.held.entry(request_id).or_insert_with(|| Held {
            origin,
            holders: BTreeSet::new(),
        });
        held.origin = held.origin.max(origin);
        held.holders.insert(holder);
        if state.held.len() > REQUESTS_MAX
            && let Some((oldest, _)) = state.held.pop_first()
        {
            state.forget_pending(oldest);
        }
    }

    /// Notes that `holder` uses nothing any more.
    pub(super) fn leave(&self, holder: &Holder) -> Left {
        let mut left = Left::default();
        let mut state = self.locked();
        state.held.retain(|request_id, held| {
            if !held.holders.remove(holder) {
                return true;
            }
            left.known = true;
            if held.holders.is_empty() {
                match held.origin {
                    Origin::Ours => left.unused.push(*request_id),
                    Origin::Unclear => left.unclear.push(*request_id),
                    Origin::Elsewhere => {}
                }
            }
            !held.holders.is_empty()
        });
        for request_id in left.unused.iter().chain(&left.unclear) {
            state.forget_pending(*request_id);
        }
        left
    }

    /// Whether somebody still uses a request that turned out to be ours; its last user gives it
    /// back.
    pub(super) fn is_held_as_ours(&self, request_id: i32) -> bool {
        let mut state = self.locked();
        let held = state.held.get_mut(&request_id);
        held.map(|held| held.origin = Origin::Ours).is_some()
    }

    /// Notes that a request was given back before its holders left.
    pub(super) fn gone(&self, request_id: i32) {
        let mut state = self.locked();
        state.held.remove(&request_id);
        state.forget_pending(request_id);
    }

    /// Notes that a request waits for its approval.
    pub(super) fn await_approval(&self, asked: Asked, request_id: i32, until: Timestamp) {
        let pending = Pending { request_id, until };
        self.locked().pending.insert(asked, pending);
    }

    /// The request for this that waited for an approval when it was last looked at, unless its
    /// time is up.
    pub(super) fn awaiting(&self, asked: &Asked, now: Timestamp) -> Option<i32> {
        let mut state = self.locked();
        let pending = state.pending.get(asked)?;
        if now < pending.until {
            return Some(pending.request_id);
        }
        state.pending.remove(asked);
        None
    }

    /// Notes that the request for this waits no more.
    pub(super) fn decided(&self, asked: &Asked) {
        self.locked().pending.remove(asked);
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_pending(&mut self, request_id: i32) {
        self.pending
            .retain(|_, pending| pending.request_id != request_id);
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

    fn asked(user: &str) -> Asked {
        Asked {
            user: user.into(),
            system_id: 5,
            account_id: 10,
            application_id: None,
        }
    }

    fn left(unused: &[i32], unclear: &[i32]) -> Left {
        Left {
            known: true,
            unused: unused.to_vec(),
            unclear: unclear.to_vec(),
        }
    }

    #[test]
    fn a_shared_request_is_unused_when_the_last_session_ends() {
        let releases = Releases::default();
        releases.hold(124, Origin::Ours, holder("a"));
        releases.hold(124, Origin::Unclear, holder("b"));
        releases.hold(124, Origin::Unclear, holder("b"));
        assert_eq!(releases.leave(&holder("a")), left(&[], &[]));
        assert_eq!(releases.leave(&holder("b")), left(&[124], &[]));
        assert_eq!(releases.leave(&holder("b")), Left::default());
    }

    #[test]
    fn a_request_that_the_user_made_elsewhere_is_left_alone() {
        let releases = Releases::default();
        releases.hold(124, Origin::Elsewhere, holder("a"));
        assert_eq!(releases.leave(&holder("a")), left(&[], &[]));
    }

    #[test]
    fn a_request_found_is_unclear_until_somebody_recognises_it() {
        let releases = Releases::default();
        releases.hold(124, Origin::Unclear, holder("a"));
        releases.hold(125, Origin::Unclear, holder("a"));
        assert!(releases.is_held_as_ours(125));
        assert!(!releases.is_held_as_ours(126));
        assert_eq!(releases.leave(&holder("a")), left(&[125], &[124]));
    }

    #[test]
    fn a_request_awaits_approval_for_its_user_until_it_runs_out_or_is_left() {
        let releases = Releases::default();
        let (now, until) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60));
        let until = until.unwrap_or(now);
        releases.hold(124, Origin::Ours, holder("a"));
        releases.await_approval(asked("joe"), 124, until);
        assert_eq!(releases.awaiting(&asked("joe"), now), Some(124));
        assert_eq!(releases.awaiting(&asked("eve"), now), None);
        assert_eq!(releases.awaiting(&asked("joe"), until), None);
        releases.await_approval(asked("joe"), 124, until);
        releases.leave(&holder("a"));
        assert_eq!(releases.awaiting(&asked("joe"), now), None);
    }

    #[test]
    fn what_is_known_is_bounded() {
        let releases = Releases::default();
        for id in 0..20_000 {
            releases.hold(id, Origin::Ours, holder("a"));
            releases.await_approval(asked(&id.to_string()), id, Timestamp::MAX);
        }
        assert_eq!(releases.locked().pending.len(), REQUESTS_MAX);
        assert_eq!(releases.leave(&holder("a")).unused.len(), REQUESTS_MAX);
    }
}
