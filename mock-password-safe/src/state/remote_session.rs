//! Sessions through Password Safe's own proxy: started, locked, terminated, never carried.
//! psafe:§2.9.

use std::collections::BTreeMap;

use sim_kit::clock::SimTime;

use super::ids::{AccountId, RemoteSessionId, RequestId, SystemId, UserId};

/// How a session stands. The number is the wire's. `vendor-client psafe:PYLIB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    NotStarted = 0,
    Locked = 5,
    Terminated = 7,
}

/// A session that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSession {
    pub(crate) id: RemoteSessionId,
    pub(crate) user: UserId,
    pub(crate) system: SystemId,
    pub(crate) account: AccountId,
    pub(crate) request: Option<RequestId>,
    pub(crate) is_ssh: bool,
    pub(crate) status: SessionStatus,
    pub(crate) started_at: SimTime,
    pub(crate) ended_at: Option<SimTime>,
    pub(crate) record_key: String,
}

/// What ends or suspends sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intervention {
    Lock,
    Terminate,
}

/// Every session.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemoteSessions {
    pub(crate) all: BTreeMap<RemoteSessionId, RemoteSession>,
}

/// Sessions kept at most; the oldest goes first.
const KEPT_MAX: usize = 10_000;

impl RemoteSessions {
    /// The number of the next session.
    pub(crate) fn next_id(&self) -> RemoteSessionId {
        RemoteSessionId(
            self.all
                .keys()
                .next_back()
                .map_or(1, |id| id.0.saturating_add(1)),
        )
    }

    /// Files a session.
    pub(crate) fn file(&mut self, session: RemoteSession) {
        if self.all.len() >= KEPT_MAX {
            self.all.pop_first();
        }
        self.all.insert(session.id, session);
    }

    /// Locks or terminates what `concerns` picks among the sessions that are not over. Returns
    /// how many.
    pub(crate) fn intervene(
        &mut self,
        what: Intervention,
        concerns: impl Fn(&RemoteSession) -> bool,
        now: SimTime,
    ) -> usize {
        let open = self
            .all
            .values_mut()
            .filter(|session| session.status != SessionStatus::Terminated && concerns(session));
        let mut count = 0;
        for session in open {
            count += 1;
            match what {
                Intervention::Lock => session.status = SessionStatus::Locked,
                Intervention::Terminate => {
                    session.status = SessionStatus::Terminated;
                    session.ended_at = Some(now);
                }
            }
        }
        count
    }
}
