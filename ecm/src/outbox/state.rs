//! The debts of one outbox and the file that they are written to.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::file::RecordFile;
use super::record::Record;
use super::{DebtKey, DueCheckIn};
use crate::clock::Stopwatch;
use crate::link::backoff::Backoff;
use crate::link::wire::SessionFrame;

/// How many paid debts are remembered, so that a repeated release needs no vault.
pub(super) const PAID_MAX: usize = 1024;

/// The file is rewritten when it holds this many records more than there are debts.
pub(super) const HISTORY_RECORDS_MAX: usize = 4096;

/// First and longest pause between two attempts to pay one debt.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

#[derive(Debug)]
pub(super) struct State {
    pub(super) file: RecordFile,
    pub(super) path: PathBuf,
    pub(super) records_in_file: usize,
    pub(super) debts: Vec<Debt>,
    pub(super) paid: VecDeque<DebtKey>,
}

#[derive(Debug)]
pub(super) struct Debt {
    pub(super) key: DebtKey,
    pub(super) session: SessionFrame,
    pub(super) phase: Phase,
    /// Whether a task of this process is fetching or paying right now.
    pub(super) busy: bool,
}

#[derive(Debug)]
pub(super) enum Phase {
    Fetched,
    Delivered {
        /// Set at start for what an earlier process delivered.
        orphaned: Option<Stopwatch>,
    },
    Due {
        ended_at_unix: i64,
        /// When the attempts began, Unix seconds, over restarts.
        since_unix: i64,
        waiting: Waiting,
    },
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) since: Stopwatch,
    pub(super) pause: Duration,
    pub(super) backoff: Backoff,
    pub(super) attempts: u32,
}

impl Waiting {
    pub(super) fn start() -> Self {
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        Self {
            since: Stopwatch::start(),
            pause: Duration::ZERO,
            backoff,
            attempts: 0,
        }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.pause.saturating_sub(self.since.elapsed())
    }
}

impl Debt {
    /// The debt as it is handed out for payment, and since when it is due.
    pub(super) fn as_due(&self) -> Option<(DueCheckIn, i64)> {
        let Phase::Due {
            ended_at_unix,
            since_unix,
            waiting,
        } = &self.phase
        else {
            return None;
        };
        let due = DueCheckIn {
            session: self.session.clone(),
            credential_id: self.key.credential_id.clone(),
            ended_at_unix: *ended_at_unix,
            attempts: waiting.attempts,
        };
        Some((due, *since_unix))
    }
}

impl State {
    pub(super) fn debt(&mut self, key: &DebtKey) -> Option<&mut Debt> {
        self.debts.iter_mut().find(|debt| debt.key == *key)
    }

    /// What one record of an earlier process means for this one.
    pub(super) fn replay(&mut self, record: Record, now_unix: i64) {
        let due = |ended_at_unix, since_unix| Phase::Due {
            ended_at_unix,
            since_unix,
            waiting: Waiting::start(),
        };
        let (key, phase) = match record {
            Record::Owed {
                session,
                credential_id,
            } => {
                let key = DebtKey::new(&session.session_id, &credential_id);
                self.debts.retain(|debt| debt.key != key);
                // Whoever fetched it died before it was known to have arrived.
                let phase = due(now_unix, now_unix);
                self.debts.push(Debt {
                    key,
                    session: *session,
                    phase,
                    busy: false,
                });
                return;
            }
            Record::Delivered(key) => {
                let orphaned = Some(Stopwatch::start());
                (key, Some(Phase::Delivered { orphaned }))
            }
            Record::Due {
                key,
                ended_at_unix,
                due_since_unix,
            } => (key, Some(due(ended_at_unix, due_since_unix))),
            Record::Confirmed(key) | Record::GivenUp(key) => (key, None),
        };
        match (phase, self.debt(&key)) {
            (Some(phase), Some(debt)) => debt.phase = phase,
            (None, _) => self.debts.retain(|debt| debt.key != key),
            (Some(_), None) => {}
        }
    }

    pub(super) fn make_due(&mut self, key: &DebtKey, ended_at_unix: i64, now_unix: i64) {
        let Some(debt) = self.debt(key) else { return };
        if matches!(debt.phase, Phase::Due { .. }) {
            return;
        }
        let waiting = Waiting::start();
        debt.phase = Phase::Due {
            ended_at_unix,
            since_unix: now_unix,
            waiting,
        };
        self.append_or_warn(&Record::Due {
            key: key.clone(),
            ended_at_unix,
            due_since_unix: now_unix,
        });
    }

    pub(super) fn expire_orphans(&mut self, limit: Duration, now_unix: i64) {
        let expired = |debt: &&Debt| matches!(&debt.phase, Phase::Delivered { orphaned: Some(since) } if since.elapsed() >= limit);
        let keys: Vec<_> = self
            .debts
            .iter()
            .filter(expired)
            .map(|debt| debt.key.clone())
            .collect();
        for key in keys {
            self.make_due(&key, now_unix, now_unix);
        }
    }

    /// The session is over, so nobody waits any more for what was asked for in it and never came.
    pub(super) fn end_of_waiting(&mut self, session_id: &str, now_unix: i64) {
        let waits = |debt: &&Debt| {
            let waits = matches!(debt.phase, Phase::Delivered { orphaned: Some(_) });
            waits && debt.key.session_id == session_id
        };
        let keys: Vec<_> = self
            .debts
            .iter()
            .filter(waits)
            .map(|debt| debt.key.clone())
            .collect();
        for key in keys {
            self.make_due(&key, now_unix, now_unix);
        }
    }

    pub(super) fn give_up(&mut self, key: &DebtKey) {
        self.debts.retain(|debt| debt.key != *key);
        self.append_or_warn(&Record::GivenUp(key.clone()));
    }

    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.records_in_file > self.debts.len() + HISTORY_RECORDS_MAX {
            self.rewrite()?;
        }
        self.file.append(record)?;
        self.records_in_file += 1;
        Ok(())
    }

    /// For records whose loss makes the next start do too much rather than too little.
    pub(super) fn append_or_warn(&mut self, record: &Record) {
        if let Err(error) = self.append(record) {
            let path = self.path.display();
            tracing::warn!(%error, %path, "the outbox could not be brought up to date");
        }
    }

    /// Leaves only what is still owed in the file.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        let records: Vec<_> = self.debts.iter().flat_map(Debt::records).collect();
        self.file.rewrite(&records)?;
        self.records_in_file = records.len();
        Ok(())
    }
}

impl Debt {
    /// The records that lead to this debt.
    pub(super) fn records(&self) -> Vec<Record> {
        let key = self.key.clone();
        let owed = Record::Owed {
            session: Box::new(self.session.clone()),
            credential_id: key.credential_id.clone(),
        };
        match self.phase {
            Phase::Fetched => vec![owed],
            Phase::Delivered { .. } => vec![owed, Record::Delivered(key)],
            Phase::Due {
                ended_at_unix,
                since_unix: due_since_unix,
                ..
            } => vec![
                owed,
                Record::Due {
                    key,
                    ended_at_unix,
                    due_since_unix,
                },
            ],
        }
    }
}
