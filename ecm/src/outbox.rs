//! Check-ins are owed until the vault confirmed them.
//!
//! A vault may check a secret out as soon as it is asked for it, so the debt is on the disk before
//! the plugin is called, and stays there until the plugin's release succeeded. Whatever kills the
//! ECM in between, the next start finds the debt and pays it. Paying twice is harmless: a release
//! is idempotent by contract ([`crate::plugin::Plugin::release_credential`]).
//!
//! A debt goes through three phases. *Fetched*: the credential was asked for and has not left the
//! ECM; a restart makes it due at once. *Delivered*: a session uses it; it waits for the
//! appliance's notice of the session's end, and after a restart no longer than
//! `check_in.orphan_after_s`. *Due*: it is paid now, or retried with growing pauses until
//! `check_in.give_up_after_s` have passed.
//!
//! Every method that writes blocks on the disk: call it where blocking is allowed.

mod file;
mod record;
mod state;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::file::RecordFile;
use self::record::Record;
use self::state::{Debt, PAID_MAX, Phase, State};
use crate::clock::Stopwatch;
use crate::config::CheckInConfig;
use crate::link::wire::SessionFrame;

/// More debts than this mean that nothing is ever paid; fetching more would make it worse.
const DEBTS_MAX: usize = 10_000;

/// What a debt belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DebtKey {
    /// The appliance's id of the session.
    pub session_id: String,
    /// The plugin's id of the credential.
    pub credential_id: String,
}

/// A debt that is to be paid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCheckIn {
    /// The session that held the credential.
    pub session: SessionFrame,
    /// The credential.
    pub credential_id: String,
    /// When the session ended, Unix seconds.
    pub ended_at_unix: i64,
    /// How often it was tried before.
    pub attempts: u32,
}

/// What the outbox wants to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Pay this debt, then report [`Outbox::paid`] or [`Outbox::failed`].
    Pay(DueCheckIn),
    /// This debt was given up just now.
    GivenUp(DueCheckIn),
    /// Nothing for so long, or until [`Outbox::changed`] when there is no time.
    Wait(Option<Duration>),
}

/// What became of a release that the appliance asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// It is to be paid now.
    Pay,
    /// It was paid before.
    Paid,
    /// The credential is still being fetched; it will be paid as soon as that is over.
    Later,
}

/// Why a debt could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The disk refused.
    #[error(
        "the check-in that would be owed could not be recorded in {}: {reason}; free space on \
         the disk or make the directory writable",
        path.display()
    )]
    Disk {
        /// The outbox file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// There are too many debts already.
    #[error(
        "{DEBTS_MAX} check-ins are owed already; see the log for why the vault does not take them"
    )]
    Full,
}

/// What was found when the outbox was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Debts of an earlier run.
    pub owed: usize,
    /// Whether the file ended in a torn line, which is what a crash leaves.
    pub torn: bool,
    /// Lines that were damaged otherwise; each may have been a debt.
    pub damaged_lines: Vec<usize>,
    /// Where the damaged file was copied to.
    pub damaged_copy: Option<PathBuf>,
}

/// The check-ins that this ECM owes.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    limits: CheckInConfig,
}

impl Outbox {
    /// Opens the outbox at `path`, with the debts of earlier runs.
    ///
    /// # Errors
    /// The file cannot be opened, read or repaired.
    pub fn open(path: &Path, limits: CheckInConfig, now_unix: i64) -> io::Result<(Self, Found)> {
        let (file, contents) = RecordFile::open(path)?;
        let mut state = State {
            file,
            path: path.to_owned(),
            records_in_file: contents.records.len(),
            debts: Vec::new(),
            paid: VecDeque::new(),
        };
        for record in contents.records {
            state.replay(record, now_unix);
        }
        let mut found = Found {
            owed: state.debts.len(),
            torn: contents.torn,
            damaged_lines: contents.damaged_lines,
            damaged_copy: None,
        };
        if !found.damaged_lines.is_empty() {
            found.damaged_copy = Some(state.file.keep_copy()?);
        }
        if state.records_in_file > state.debts.len() || found.damaged_copy.is_some() {
            state.rewrite()?;
        }
        let this = Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            limits,
        };
        Ok((this, found))
    }

    /// Writes down that the check-in of `credential_id` is owed; the credential may be fetched
    /// only after this returned.
    ///
    /// # Errors
    /// The debt is not on the disk: do not fetch.
    pub fn owe(&self, session: &SessionFrame, credential_id: &str) -> Result<DebtKey, OutboxError> {
        let key = DebtKey::new(&session.session_id, credential_id);
        let mut state = self.lock();
        if state.debts.len() >= DEBTS_MAX {
            return Err(OutboxError::Full);
        }
        let record = Record::Owed {
            session: Box::new(session.clone()),
            credential_id: credential_id.to_owned(),
        };
        let written = state.append(&record);
        written.map_err(|reason| OutboxError::Disk {
            path: state.path.clone(),
            reason,
        })?;
        state.paid.retain(|paid| *paid != key);
        state.debts.retain(|debt| debt.key != key);
        let session = session.clone();
        state.debts.push(Debt {
            key: key.clone(),
            session,
            phase: Phase::Fetched,
            busy: true,
        });
        Ok(key)
    }

    /// Whether the fetched credential may still be handed out: not if the session ended meanwhile.
    pub fn may_deliver(&self, key: &DebtKey) -> bool {
        let mut state = self.lock();
        state
            .debt(key)
            .is_some_and(|debt| matches!(debt.phase, Phase::Fetched))
    }

    /// The credential left the ECM; its check-in waits for the session's end.
    pub fn delivered(&self, key: &DebtKey) {
        let mut state = self.lock();
        let Some(debt) = state.debt(key) else { return };
        debt.busy = false;
        if matches!(debt.phase, Phase::Fetched) {
            debt.phase = Phase::Delivered { orphaned: None };
            // Unwritten, it would be checked in at the next start rather than later: the safe way.
            state.append_or_warn(&Record::Delivered(key.clone()));
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The credential did not leave the ECM, or nobody knows; its check-in is due now.
    pub fn not_delivered(&self, key: &DebtKey, now_unix: i64) {
        let mut state = self.lock();
        state.make_due(key, now_unix, now_unix);
        if let Some(debt) = state.debt(key) {
            debt.busy = false;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Nothing came yet: the vault waits for somebody's approval. The request for it is given back
    /// when the session ends, of which [`Outbox::session_complete`] tells, since the appliance
    /// releases only what it received. As that may never be told, there is a limit.
    pub fn awaits_approval(&self, key: &DebtKey) {
        let mut state = self.lock();
        let Some(debt) = state.debt(key) else { return };
        debt.busy = false;
        if matches!(debt.phase, Phase::Fetched) {
            let orphaned = Some(Stopwatch::start());
            debt.phase = Phase::Delivered { orphaned };
            state.append_or_warn(&Record::Delivered(key.clone()));
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The appliance says that a session is over: whatever waited for that alone is due.
    pub fn session_complete(&self, session_id: &str, now_unix: i64) {
        let mut state = self.lock();
        state.end_of_waiting(session_id, now_unix);
        drop(state);
        self.changed.notify_one();
    }

    /// The appliance says that the session ended at `ended_at_unix`.
    pub fn release(&self, key: &DebtKey, ended_at_unix: i64, now_unix: i64) -> Release {
        let mut state = self.lock();
        if state.debt(key).is_none() {
            // A debt of another ECM, or of this one before its state was lost: pay it all the same.
            return if state.paid.contains(key) {
                Release::Paid
            } else {
                Release::Pay
            };
        }
        state.make_due(key, ended_at_unix, now_unix);
        match state.debt(key) {
            Some(debt) if !debt.busy => {
                debt.busy = true;
                Release::Pay
            }
            _ => Release::Later,
        }
    }

    /// The vault confirmed the check-in.
    pub fn paid(&self, key: &DebtKey) {
        let mut state = self.lock();
        let known = state.debt(key).is_some();
        state.debts.retain(|debt| debt.key != *key);
        if state.paid.len() == PAID_MAX {
            state.paid.pop_front();
        }
        state.paid.push_back(key.clone());
        if known {
            state.append_or_warn(&Record::Confirmed(key.clone()));
        }
    }

    /// The check-in failed; it stays owed and is tried again after a pause. `fraction` is a random
    /// number from 0 to 1.
    pub fn failed(&self, key: &DebtKey, fraction: f64) {
        let mut state = self.lock();
        if let Some(debt) = state.debt(key) {
            debt.busy = false;
            if let Phase::Due { waiting, .. } = &mut debt.phase {
                waiting.attempts += 1;
                waiting.since = Stopwatch::start();
                waiting.pause = waiting.backoff.pause(fraction);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What is to be done next, in the order in which the debts were made.
    pub fn step(&self, now_unix: i64) -> Step {
        let mut state = self.lock();
        state.expire_orphans(self.limits.orphan_after, now_unix);
        let mut shortest: Option<Duration> = None;
        for debt in state.debts.iter_mut().filter(|debt| !debt.busy) {
            let remaining = match &debt.phase {
                Phase::Fetched | Phase::Delivered { orphaned: None } => continue,
                Phase::Delivered {
                    orphaned: Some(since),
                } => self.limits.orphan_after.saturating_sub(since.elapsed()),
                Phase::Due { waiting, .. } => waiting.remaining(),
            };
            if remaining.is_zero()
                && let Some((due, since_unix)) = debt.as_due()
            {
                let waited_s = u64::try_from(now_unix - since_unix).unwrap_or(0);
                if due.attempts > 0 && waited_s >= self.limits.give_up_after.as_secs() {
                    let key = debt.key.clone();
                    state.give_up(&key);
                    return Step::GivenUp(due);
                }
                debt.busy = true;
                return Step::Pay(due);
            }
            shortest = Some(shortest.map_or(remaining, |shortest| shortest.min(remaining)));
        }
        Step::Wait(shortest)
    }

    /// Waits until [`Outbox::step`] may have something new to say.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How many check-ins are owed.
    pub fn owed(&self) -> usize {
        self.lock().debts.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one step on a vector; a panic in between leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DebtKey {
    /// The key of one credential of one session.
    pub fn new(session_id: &str, credential_id: &str) -> Self {
        Self {
            session_id: session_id.to_owned(),
            credential_id: credential_id.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
