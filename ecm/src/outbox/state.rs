//! The debts of one outbox and the file that they are written to.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::file::RecordFile;
use super::given_up::GivenUp;
use super::record::Record;
use super::{DebtKey, DueCheckIn, Retry};
use crate::clock::Stopwatch;
use crate::link::backoff::Backoff;
use crate::link::wire::SessionFrame;

/// How many paid debts are remembered, so that a repeated release needs no vault.
pub(super) const PAID_MAX: usize = 1024;

/// The file is rewritten when this many records were appended since it last was.
pub(super) const HISTORY_RECORDS_MAX: usize = 4096;

/// First and longest pause between two attempts to pay one debt.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

#[derive(Debug)]
pub(super) struct State {
    pub(super) file: RecordFile,
    pub(super) path: PathBuf,
    /// Since the file was last rewritten.
    pub(super) records_appended: usize,
    pub(super) debts: Vec<Debt>,
    pub(super) paid: VecDeque<DebtKey>,
    pub(super) given_up: VecDeque<GivenUp>,
}

#[derive(Debug)]
pub(super) struct Debt {
    pub(super) key: DebtKey,
    pub(super) session: SessionFrame,
    /// The vault users that may hold the credential, in lower case.
    pub(super) holders: Vec<String>,
    pub(super) phase: Phase,
    /// Whether a task of this process is fetching or paying right now.
    pub(super) busy: bool,
}

#[derive(Debug)]
pub(super) enum Phase {
    Fetched {
        /// What the session keeps, whatever becomes of this fetch.
        before: Before,
    },
    Delivered {
        /// Set at start for what an earlier process delivered.
        orphaned: Option<Stopwatch>,
    },
    Due {
        ended_at_unix: i64,
        /// When the attempts began, Unix seconds, over restarts.
        since_unix: i64,
        round: Round,
        waiting: Waiting,
    },
}

/// What a session had of a credential before it was fetched once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// The credential: the appliance will release it.
    Credential,
    /// A place in the vault's queue, or the credential from an earlier process: the end of the
    /// session or the limit for orphans gives it back.
    Orphan,
}

impl Before {
    /// The phase of a debt whose further fetch changed nothing.
    pub(super) fn kept(self) -> Option<Phase> {
        match self {
            Self::Nothing => None,
            Self::Credential => Some(Phase::Delivered { orphaned: None }),
            Self::Orphan => Some(Phase::Delivered {
                orphaned: Some(Stopwatch::start()),
            }),
        }
    }
}

/// How many confirmations settle a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// One.
    Only,
    /// Two, since the vault may handle the fetch after the first.
    First,
    /// The first of two has come.
    Second {
        /// When the other may be asked for, Unix seconds.
        not_before_unix: i64,
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
    /// Waits for `pause` before the first attempt.
    pub(super) fn start(pause: Duration) -> Self {
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        Self {
            since: Stopwatch::start(),
            pause,
            backoff,
            attempts: 0,
        }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.pause.saturating_sub(self.since.elapsed())
    }
}

impl Debt {
    /// A debt that nobody is working on yet.
    pub(super) fn new(session: &SessionFrame, credential_id: &str, holders: &[String]) -> Self {
        Self {
            key: DebtKey::new(&session.session_id, credential_id),
            session: session.clone(),
            holders: folded(holders, session),
            phase: Phase::Fetched {
                before: Before::Nothing,
            },
            busy: false,
        }
    }

    /// What a fetch that begins now finds.
    pub(super) fn before(&self) -> Before {
        match self.phase {
            Phase::Fetched { before } => before,
            Phase::Delivered { orphaned: None } => Before::Credential,
            Phase::Delivered { orphaned: Some(_) } => Before::Orphan,
            Phase::Due { .. } => Before::Nothing,
        }
    }

    /// Whether a session has the credential or is about to.
    fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Due { .. })
    }

    /// Whether both may stand for one check-out of the vault.
    fn shares_check_out(&self, other: &Self) -> bool {
        self.key.credential_id == other.key.credential_id
            && self
                .holders
                .iter()
                .any(|holder| other.holders.contains(holder))
    }

    /// Whether a confirmation of `paid`, which is the same user's, is one of this debt as well.
    fn is_settled_with(&self, paid: &Self) -> bool {
        let Phase::Due { round, waiting, .. } = &self.phase else {
            return false;
        };
        let ripe = match round {
            Round::Only => true,
            Round::First => false,
            Round::Second { .. } => waiting.attempts > 0 || waiting.remaining().is_zero(),
        };
        ripe && !self.busy
            && self.key.credential_id == paid.key.credential_id
            && self.holders == paid.holders
    }

    /// While a debt is held back, no attempt is in vain.
    pub(super) fn wait_anew(&mut self, now_unix: i64) {
        if let Phase::Due { since_unix, .. } = &mut self.phase {
            *since_unix = now_unix;
        }
    }

    pub(super) fn owed(&self) -> Record {
        Record::Owed {
            session: Box::new(self.session.clone()),
            credential_id: self.key.credential_id.clone(),
            holders: self.holders.clone(),
        }
    }

    /// The debt as it is handed out for payment, and since when it is due.
    pub(super) fn as_due(&self) -> Option<(DueCheckIn, i64)> {
        let Phase::Due {
            ended_at_unix,
            since_unix,
            waiting,
            ..
        } = &self.phase
        else {
            return None;
        };
        let due = DueCheckIn {
            session: self.session.clone(),
            credential_id: self.key.credential_id.clone(),
            holders: self.holders.clone(),
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

    /// Makes a debt due, unless it is.
    pub(super) fn make_due(
        &mut self,
        key: &DebtKey,
        ended_at_unix: i64,
        now_unix: i64,
        round: Round,
    ) {
        let Some(debt) = self.debt(key) else { return };
        if matches!(debt.phase, Phase::Due { .. }) {
            return;
        }
        debt.phase = Phase::Due {
            ended_at_unix,
            since_unix: now_unix,
            round,
            waiting: Waiting::start(Duration::ZERO),
        };
        self.append_or_warn(&Record::Due {
            key: key.clone(),
            ended_at_unix,
            due_since_unix: now_unix,
            fetch_may_come_late: round == Round::First,
        });
    }

    /// Hands a due debt out for payment, unless it has to wait.
    pub(super) fn pay_now(&mut self, key: &DebtKey) -> Option<DueCheckIn> {
        let debt = self.debts.iter().find(|debt| debt.key == *key)?;
        let Phase::Due { waiting, .. } = &debt.phase else {
            return None;
        };
        if debt.busy || !waiting.remaining().is_zero() || self.is_held_back(debt) {
            return None;
        }
        let (due, _) = debt.as_due()?;
        self.debt(key)?.busy = true;
        Some(due)
    }

    /// Whether a check-in now would take the credential from another session, or cross another
    /// call about it.
    pub(super) fn is_held_back(&self, debt: &Debt) -> bool {
        self.debts.iter().any(|other| {
            other.key != debt.key && (other.busy || other.is_live()) && other.shares_check_out(debt)
        })
    }

    /// Whether a fetch for `debt` would cross a check-in that is under way, or an earlier fetch of
    /// the same session.
    pub(super) fn is_being_settled(&self, debt: &Debt) -> bool {
        self.debts.iter().any(|other| {
            other.busy
                && (other.key == debt.key || (!other.is_live() && other.shares_check_out(debt)))
        })
    }

    /// After the first of two confirmations: waits for the second. Whether there is one to come.
    pub(super) fn begin_second_round(
        &mut self,
        key: &DebtKey,
        pause: Duration,
        now_unix: i64,
    ) -> bool {
        let Some(debt) = self.debt(key) else {
            return false;
        };
        let Phase::Due {
            ended_at_unix,
            round: round @ Round::First,
            since_unix,
            waiting,
        } = &mut debt.phase
        else {
            return false;
        };
        if pause.is_zero() {
            return false;
        }
        let pause_s = i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
        let not_before_unix = now_unix.saturating_add(pause_s);
        *round = Round::Second { not_before_unix };
        *since_unix = now_unix;
        *waiting = Waiting::start(pause);
        let ended_at_unix = *ended_at_unix;
        debt.busy = false;
        self.append_or_warn(&Record::Repeat {
            key: key.clone(),
            ended_at_unix,
            due_since_unix: now_unix,
            not_before_unix,
        });
        true
    }

    /// The debts that a confirmation of `key` settles: its own first.
    pub(super) fn settled_with(&self, key: &DebtKey) -> Vec<DebtKey> {
        let mut settled = vec![key.clone()];
        if let Some(paid) = self.debts.iter().find(|debt| debt.key == *key) {
            let others = self.debts.iter();
            let others = others.filter(|other| other.key != *key && other.is_settled_with(paid));
            settled.extend(others.map(|other| other.key.clone()));
        }
        settled
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
            self.make_due(&key, now_unix, now_unix, Round::Only);
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
            self.make_due(&key, now_unix, now_unix, Round::Only);
        }
    }

    /// Lets a debt wait for its next attempt.
    pub(super) fn failed(&mut self, key: &DebtKey, fraction: f64) -> Option<Retry> {
        let debt = self.debt(key)?;
        debt.busy = false;
        let Phase::Due {
            waiting,
            since_unix,
            ..
        } = &mut debt.phase
        else {
            return None;
        };
        waiting.attempts += 1;
        waiting.since = Stopwatch::start();
        waiting.pause = waiting.backoff.pause(fraction);
        Some(Retry {
            pause: waiting.pause,
            since_unix: *since_unix,
        })
    }

    /// Drops a debt that the vault has confirmed; whether there was one.
    pub(super) fn confirm(&mut self, key: &DebtKey) -> bool {
        let at = self.debts.iter().position(|debt| debt.key == *key);
        let Some(debt) = at.map(|at| self.debts.remove(at)) else {
            return false;
        };
        self.take_over_given_up(&debt);
        true
    }

    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.records_appended > HISTORY_RECORDS_MAX {
            self.rewrite()?;
        }
        self.file.append(record)?;
        self.records_appended += 1;
        Ok(())
    }

    /// For records whose loss makes the next start do too much rather than too little.
    pub(super) fn append_or_warn(&mut self, record: &Record) {
        if let Err(error) = self.append(record) {
            let path = self.path.display();
            tracing::warn!(%error, %path, "the outbox could not be brought up to date");
        }
    }

    /// Leaves only what is still owed, or was given up, in the file.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        self.file.rewrite(&self.records())?;
        self.records_appended = 0;
        Ok(())
    }
}

/// The holders as they are compared; the console user's name where nobody can tell them.
pub(super) fn folded(holders: &[String], session: &SessionFrame) -> Vec<String> {
    if holders.is_empty() {
        return vec![session.user.username.to_lowercase()];
    }
    holders.iter().map(|holder| holder.to_lowercase()).collect()
}
