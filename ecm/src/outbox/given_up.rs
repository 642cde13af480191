//! Check-ins that were given up, so that a restart does not hide that a secret may still be checked
//! out. One leaves when its vault user fetches or checks in the same secret, or after the time that
//! is configured.

use std::time::Duration;

use super::record::Record;
use super::state::{Debt, State};
use super::{DebtKey, DueCheckIn};

/// How many are kept, the newest.
pub(super) const GIVEN_UP_MAX: usize = 1000;

/// One of them.
#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) due: DueCheckIn,
    /// When it was given up, Unix seconds.
    at_unix: i64,
}

impl GivenUp {
    fn key(&self) -> DebtKey {
        DebtKey::new(&self.due.session.session_id, &self.due.credential_id)
    }

    /// Whether `debt` may stand for the same check-out.
    fn is_taken_over_by(&self, debt: &Debt) -> bool {
        let is_same_secret = self.due.credential_id == debt.key.credential_id;
        let mut holders = self.due.holders.iter();
        is_same_secret
            && (self.due.session.session_id == debt.key.session_id
                || holders.any(|holder| debt.holders.contains(holder)))
    }
}

impl State {
    /// Gives up a debt that is due.
    pub(super) fn give_up(&mut self, due: &DueCheckIn, now_unix: i64) {
        let key = DebtKey::new(&due.session.session_id, &due.credential_id);
        self.debts.retain(|debt| debt.key != key);
        self.remember_given_up(due.clone(), now_unix);
        self.append_or_warn(&Record::GivenUp {
            key,
            at_unix: Some(now_unix),
        });
    }

    /// What an earlier process gave up.
    pub(super) fn replay_given_up(&mut self, key: &DebtKey, at_unix: i64) {
        let Some(at) = self.debts.iter().position(|debt| debt.key == *key) else {
            return;
        };
        let debt = self.debts.remove(at);
        if let Some((due, _)) = debt.as_due() {
            self.remember_given_up(due, at_unix);
        }
    }

    fn remember_given_up(&mut self, due: DueCheckIn, at_unix: i64) {
        if self.given_up.len() == GIVEN_UP_MAX {
            self.given_up.pop_front();
        }
        self.given_up.push_back(GivenUp { due, at_unix });
    }

    /// The secret is about to be fetched for `debt`, or was checked in for it.
    pub(super) fn take_over_given_up(&mut self, debt: &Debt) {
        self.given_up.retain(|one| !one.is_taken_over_by(debt));
    }

    /// Forgets what was given up `kept` ago.
    pub(super) fn expire_given_up(&mut self, kept: Duration, now_unix: i64) {
        let kept_s = i64::try_from(kept.as_secs()).unwrap_or(i64::MAX);
        self.given_up
            .retain(|one| now_unix < one.at_unix.saturating_add(kept_s));
    }

    /// All that is to be in the file. The debts of what was given up come first, since a later debt
    /// takes them over, and that they were given up comes last.
    pub(super) fn records(&self) -> Vec<Record> {
        let owed = self.given_up.iter().flat_map(|one| {
            let DueCheckIn {
                session,
                credential_id,
                holders,
                ended_at_unix,
                ..
            } = &one.due;
            let owed = Record::Owed {
                session: Box::new(session.clone()),
                credential_id: credential_id.clone(),
                holders: holders.clone(),
            };
            let due = Record::Due {
                key: one.key(),
                ended_at_unix: *ended_at_unix,
                due_since_unix: *ended_at_unix,
                fetch_may_come_late: false,
            };
            [owed, due]
        });
        let given_up = self.given_up.iter().map(|one| Record::GivenUp {
            key: one.key(),
            at_unix: Some(one.at_unix),
        });
        let debts = self.debts.iter().flat_map(Debt::records);
        owed.chain(debts).chain(given_up).collect()
    }
}
