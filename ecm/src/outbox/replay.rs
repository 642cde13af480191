//! Debts from records and back: what survives a process.

use std::time::Duration;

use super::record::Record;
use super::state::{Before, Debt, Phase, Round, State, Waiting};
use crate::clock::Stopwatch;

impl State {
    /// What one record of an earlier process means for this one.
    pub(super) fn replay(&mut self, record: Record, now_unix: i64, repeat_after: Duration) {
        let due = |ended_at_unix, since_unix, round, pause| Phase::Due {
            ended_at_unix,
            since_unix,
            round,
            waiting: Waiting::start(pause),
        };
        let at_once = Duration::ZERO;
        let (key, phase) = match record {
            Record::Owed {
                session,
                credential_id,
                holders,
            } => {
                let mut debt = Debt::new(&session, &credential_id, &holders);
                let known = self.debt(&debt.key);
                let again = known.is_some_and(|debt| debt.before() != Before::Nothing);
                self.debts.retain(|known| known.key != debt.key);
                self.take_over_given_up(&debt);
                debt.phase = if again {
                    let orphaned = Some(Stopwatch::start());
                    Phase::Delivered { orphaned }
                } else {
                    // Whoever fetched it died before it was known to have arrived, or whether the
                    // vault has handled the fetch.
                    due(now_unix, now_unix, Round::First, at_once)
                };
                self.debts.push(debt);
                return;
            }
            Record::Delivered(key) => {
                let orphaned = Some(Stopwatch::start());
                (key, Phase::Delivered { orphaned })
            }
            Record::Due {
                key,
                ended_at_unix,
                due_since_unix,
                fetch_may_come_late,
            } => {
                let round = match fetch_may_come_late {
                    true => Round::First,
                    false => Round::Only,
                };
                (key, due(ended_at_unix, due_since_unix, round, at_once))
            }
            Record::Repeat {
                key,
                ended_at_unix,
                due_since_unix,
                not_before_unix,
            } => {
                let remaining_s = u64::try_from(not_before_unix - now_unix).unwrap_or(0);
                // A clock that was set back does not make the pause longer than it ever was.
                let pause = Duration::from_secs(remaining_s).min(repeat_after);
                let round = Round::Second { not_before_unix };
                let phase = due(ended_at_unix, due_since_unix, round, pause);
                (key, phase)
            }
            Record::Confirmed(key) => {
                self.confirm(&key);
                return;
            }
            Record::GivenUp { key, at_unix } => {
                self.replay_given_up(&key, at_unix.unwrap_or(now_unix));
                return;
            }
        };
        if let Some(debt) = self.debt(&key) {
            debt.phase = phase;
        }
    }
}

impl Debt {
    /// The records that lead to this debt.
    pub(super) fn records(&self) -> Vec<Record> {
        let (key, owed) = (self.key.clone(), self.owed());
        match &self.phase {
            Phase::Fetched {
                before: Before::Nothing,
            } => vec![owed],
            Phase::Fetched { .. } | Phase::Delivered { .. } => {
                vec![owed, Record::Delivered(key)]
            }
            Phase::Due {
                ended_at_unix,
                since_unix,
                round: Round::Second { not_before_unix },
                ..
            } => {
                let repeat = Record::Repeat {
                    key,
                    ended_at_unix: *ended_at_unix,
                    due_since_unix: *since_unix,
                    not_before_unix: *not_before_unix,
                };
                vec![owed, repeat]
            }
            Phase::Due {
                ended_at_unix,
                since_unix,
                round,
                ..
            } => {
                let due = Record::Due {
                    key,
                    ended_at_unix: *ended_at_unix,
                    due_since_unix: *since_unix,
                    fetch_may_come_late: *round == Round::First,
                };
                vec![owed, due]
            }
        }
    }
}
