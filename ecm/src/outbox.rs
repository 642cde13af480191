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
//! Sessions that share one check-out. A vault gives a credential out to a user, not to a session,
//! so a check-in would take it from every other session of that user. A debt that is due is
//! therefore held back while another debt of the same credential and a vault user in common is
//! fetched or delivered, and the check-in of the last one confirms them all. A fetch in turn waits
//! while such a check-in is under way ([`OutboxError::BeingCheckedIn`]).
//!
//! Fetches that may be handled late. When a fetch ended without an answer, the vault may handle it
//! after the check-in has said that there is nothing to check in. Such a debt is paid twice: at
//! once, and once more `check_in.repeat_after_s` after the first confirmation.
//!
//! Every method that writes blocks on the disk: call it where blocking is allowed.

mod file;
mod given_up;
mod peek;
mod record;
mod replay;
mod state;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use self::file::RecordFile;
pub use self::peek::is_held;
use self::record::Record;
use self::state::{Before, Debt, PAID_MAX, Phase, Round, State};
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
    /// The vault users that may hold it, most likely first.
    pub holders: Vec<String>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// It is to be paid now; report [`Outbox::paid`] or [`Outbox::failed`].
    Pay(Box<DueCheckIn>),
    /// It was paid before.
    Paid,
    /// It is written down and will be paid by [`Outbox::step`]: the credential is still being
    /// fetched, another session of the same vault user has it, or the last attempt was a moment
    /// ago.
    Later,
}

/// What follows on an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The pause before the next one.
    pub pause: Duration,
    /// When the attempts began, over restarts, Unix seconds.
    pub since_unix: i64,
}

/// How a fetch ended that delivered nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    /// The vault answered, or was never asked.
    Known,
    /// No answer came: the vault may still handle the call.
    Unknown,
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
    /// The vault is taking an earlier check-in of the same credential right now. Wait for
    /// [`Outbox::settled`] and try again.
    #[error("an earlier check-in of this credential is still under way; try again in a moment")]
    BeingCheckedIn,
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
    settled: Notify,
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
            records_appended: contents.records.len(),
            debts: Vec::new(),
            paid: VecDeque::new(),
            given_up: VecDeque::new(),
        };
        for record in contents.records {
            state.replay(record, now_unix, limits.repeat_after);
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
        state.expire_given_up(limits.given_up_kept, now_unix);
        if state.records_appended > state.debts.len() || found.damaged_copy.is_some() {
            state.rewrite()?;
        }
        let this = Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            settled: Notify::new(),
            limits,
        };
        Ok((this, found))
    }

    /// Writes down that the check-in of `credential_id` is owed by one of `holders`; the credential
    /// may be fetched only after this returned.
    ///
    /// # Errors
    /// The debt is not on the disk: do not fetch.
    pub fn owe(
        &self,
        session: &SessionFrame,
        credential_id: &str,
        holders: &[String],
    ) -> Result<DebtKey, OutboxError> {
        let mut state = self.lock();
        if state.debts.len() >= DEBTS_MAX {
            return Err(OutboxError::Full);
        }
        let mut debt = Debt::new(session, credential_id, holders);
        debt.busy = true;
        if state.is_being_settled(&debt) {
            return Err(OutboxError::BeingCheckedIn);
        }
        let written = state.append(&debt.owed());
        written.map_err(|reason| OutboxError::Disk {
            path: state.path.clone(),
            reason,
        })?;
        let key = debt.key.clone();
        let before = state
            .debt(&key)
            .map_or(Before::Nothing, |debt| debt.before());
        debt.phase = Phase::Fetched { before };
        state.take_over_given_up(&debt);
        state.paid.retain(|paid| *paid != key);
        state.debts.retain(|debt| debt.key != key);
        state.debts.push(debt);
        Ok(key)
    }

    /// Whether the fetched credential may still be handed out: not if the session ended meanwhile.
    pub fn may_deliver(&self, key: &DebtKey) -> bool {
        let mut state = self.lock();
        state
            .debt(key)
            .is_some_and(|debt| matches!(debt.phase, Phase::Fetched { .. }))
    }

    /// The credential left the ECM; its check-in waits for the session's end.
    pub fn delivered(&self, key: &DebtKey) {
        let mut state = self.lock();
        let Some(debt) = state.debt(key) else { return };
        debt.busy = false;
        if matches!(debt.phase, Phase::Fetched { .. }) {
            debt.phase = Phase::Delivered { orphaned: None };
            // Unwritten, it would be checked in at the next start rather than later: the safe way.
            state.append_or_warn(&Record::Delivered(key.clone()));
        }
        drop(state);
        self.notify();
    }

    /// The credential did not leave the ECM, or nobody knows; its check-in is due now, unless the
    /// session had it from an earlier fetch.
    pub fn not_delivered(&self, key: &DebtKey, end: FetchEnd, now_unix: i64) {
        let round = match end {
            FetchEnd::Known => Round::Only,
            FetchEnd::Unknown => Round::First,
        };
        let mut state = self.lock();
        if let Some(debt) = state.debt(key) {
            debt.busy = false;
            let kept = debt.before().kept();
            match (&mut debt.phase, kept) {
                // The session ended meanwhile, which was written down as if nothing was known.
                (Phase::Due { round: written, .. }, _) => *written = round,
                (phase @ Phase::Fetched { .. }, Some(kept)) => {
                    *phase = kept;
                    state.append_or_warn(&Record::Delivered(key.clone()));
                }
                (Phase::Fetched { .. } | Phase::Delivered { .. }, _) => {
                    state.make_due(key, now_unix, now_unix, round);
                }
            }
        }
        drop(state);
        self.notify();
    }

    /// Nothing came yet: the vault waits for somebody's approval. The request for it is given back
    /// when the session ends, of which [`Outbox::session_complete`] tells, since the appliance
    /// releases only what it received. As that may never be told, there is a limit.
    pub fn awaits_approval(&self, key: &DebtKey) {
        let mut state = self.lock();
        let Some(debt) = state.debt(key) else { return };
        debt.busy = false;
        if let Phase::Fetched { before } = debt.phase {
            // Whoever had nothing waits from now on, like an orphan.
            let waits = Phase::Delivered {
                orphaned: Some(Stopwatch::start()),
            };
            debt.phase = before.kept().unwrap_or(waits);
            state.append_or_warn(&Record::Delivered(key.clone()));
        }
        drop(state);
        self.notify();
    }

    /// The appliance says that a session is over: whatever waited for that alone is due.
    pub fn session_complete(&self, session_id: &str, now_unix: i64) {
        let mut state = self.lock();
        state.end_of_waiting(session_id, now_unix);
        drop(state);
        self.notify();
    }

    /// The appliance says that the session ended at `ended_at_unix`.
    ///
    /// # Errors
    /// There are too many debts to take on one that another ECM has made.
    pub fn release(
        &self,
        session: &SessionFrame,
        credential_id: &str,
        holders: &[String],
        ended_at_unix: i64,
        now_unix: i64,
    ) -> Result<Release, OutboxError> {
        let mut state = self.lock();
        let unknown = Debt::new(session, credential_id, holders);
        let key = unknown.key.clone();
        if state.debt(&key).is_none() {
            if state.paid.contains(&key) {
                return Ok(Release::Paid);
            }
            // A debt of another ECM, or of this one before its state was lost: owed all the same.
            if state.debts.len() >= DEBTS_MAX {
                return Err(OutboxError::Full);
            }
            state.append_or_warn(&unknown.owed());
            state.take_over_given_up(&unknown);
            state.debts.push(unknown);
        }
        // While the fetch runs nobody knows its end, and a crash would leave it so.
        let fetching = state.debt(&key).is_some_and(|debt| debt.busy);
        let round = if fetching { Round::First } else { Round::Only };
        state.make_due(&key, ended_at_unix, now_unix, round);
        let due = state.pay_now(&key);
        drop(state);
        // What is not paid now is the worker's.
        self.notify();
        Ok(due.map_or(Release::Later, |due| Release::Pay(Box::new(due))))
    }

    /// The vault confirmed the check-in.
    pub fn paid(&self, key: &DebtKey, now_unix: i64) {
        let mut state = self.lock();
        if !state.begin_second_round(key, self.limits.repeat_after, now_unix) {
            for settled in state.settled_with(key) {
                let known = state.confirm(&settled);
                if state.paid.len() == PAID_MAX {
                    state.paid.pop_front();
                }
                state.paid.push_back(settled.clone());
                if known {
                    state.append_or_warn(&Record::Confirmed(settled));
                }
            }
        }
        drop(state);
        self.notify();
    }

    /// The check-in failed; it stays owed and is tried again after a pause. `fraction` is a random
    /// number from 0 to 1. `None` if it is not owed any more.
    pub fn failed(&self, key: &DebtKey, fraction: f64) -> Option<Retry> {
        let retry = self.lock().failed(key, fraction);
        self.notify();
        retry
    }

    /// What is to be done next, in the order in which the debts were made.
    pub fn step(&self, now_unix: i64) -> Step {
        let mut state = self.lock();
        state.expire_orphans(self.limits.orphan_after, now_unix);
        state.expire_given_up(self.limits.given_up_kept, now_unix);
        let mut shortest: Option<Duration> = None;
        for at in 0..state.debts.len() {
            let debt = &state.debts[at];
            if debt.busy {
                continue;
            }
            let remaining = match &debt.phase {
                Phase::Fetched { .. } | Phase::Delivered { orphaned: None } => continue,
                Phase::Delivered {
                    orphaned: Some(since),
                } => self.limits.orphan_after.saturating_sub(since.elapsed()),
                Phase::Due { waiting, .. } => waiting.remaining(),
            };
            if remaining.is_zero()
                && let Some((due, since_unix)) = debt.as_due()
            {
                if state.is_held_back(debt) {
                    state.debts[at].wait_anew(now_unix);
                    continue;
                }
                let waited_s = u64::try_from(now_unix - since_unix).unwrap_or(0);
                if due.attempts > 0 && waited_s >= self.limits.give_up_after.as_secs() {
                    state.give_up(&due, now_unix);
                    return Step::GivenUp(due);
                }
                state.debts[at].busy = true;
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

    /// To be told when a fetch or a check-in ended. Enable it before the attempt that may have to
    /// wait for it.
    pub fn settled(&self) -> Notified<'_> {
        self.settled.notified()
    }

    /// The check-ins that were given up, also by earlier processes, oldest first; one leaves when
    /// its vault user fetches or checks in the same secret, or after `check_in.given_up_kept_s`.
    pub fn given_up(&self) -> Vec<DueCheckIn> {
        let state = self.lock();
        state.given_up.iter().map(|one| one.due.clone()).collect()
    }

    /// How many check-ins are owed.
    pub fn owed(&self) -> usize {
        self.lock().debts.len()
    }

    /// [`Outbox::failed`] without the pause.
    #[cfg(test)]
    pub(crate) fn fail_at_once(&self, key: &DebtKey) {
        self.failed(key, 0.5);
        let mut state = self.lock();
        if let Some(Debt {
            phase: Phase::Due { waiting, .. },
            ..
        }) = state.debt(key)
        {
            waiting.pause = Duration::ZERO;
        }
    }

    fn notify(&self) {
        self.changed.notify_one();
        self.settled.notify_waiters();
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
