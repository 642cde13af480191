//! What a simulator saw: a bounded list of calls, without a secret in it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::SimTime;

/// Calls kept unless told otherwise.
pub const ENTRIES_MAX: usize = 10_000;

/// Longest text of an entry, bytes. A caller chooses paths and user names, up to the size of a
/// whole body; what is longer is cut and ends in `…`.
pub const TEXT_BYTES_MAX: usize = 512;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The vendor's success.
    Success,
    /// A refusal in the vendor's business terms.
    Refused,
    /// A protocol fault.
    Fault,
    /// An HTTP status without the protocol's own answer.
    HttpError,
    /// No complete answer left: a fault rule saw to it.
    Dropped,
}

/// One call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// Running number from 1; set by [`Journal::record`].
    pub seq: u64,
    /// Simulated time of arrival.
    pub at: SimTime,
    /// The vendor's operation, or method and path where there is none.
    pub operation: Cow<'static, str>,
    /// On whose behalf, when known.
    pub user: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status sent.
    pub status: u16,
    /// Number of the connection on its listener.
    pub connection: u64,
    /// Request body, bytes.
    pub request_bytes: usize,
    /// Reply body, bytes.
    pub reply_bytes: usize,
    /// Real time from request read to reply made, microseconds.
    pub elapsed_us: u64,
    /// The fault rule that the call met.
    pub fault_rule: Option<String>,
    /// Further facts, none of them secret: name and value.
    #[schemars(with = "Vec<[String; 2]>")]
    pub detail: Vec<(&'static str, String)>,
}

impl Entry {
    fn shorten(&mut self) {
        let Self {
            operation,
            user,
            fault_rule,
            detail,
            ..
        } = self;
        if let Some(short) = shortened(operation) {
            *operation = short.into();
        }
        if let Some(short) = user.as_deref().and_then(shortened) {
            *user = Some(short.into());
        }
        let texts = detail.iter_mut().map(|(_, text)| text).chain(fault_rule);
        for text in texts {
            if let Some(short) = shortened(text) {
                *text = short;
            }
        }
    }
}

/// What is kept of a text that is too long.
fn shortened(text: &str) -> Option<String> {
    if text.len() <= TEXT_BYTES_MAX {
        return None;
    }
    let mut ends = (0..=TEXT_BYTES_MAX).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    Some(format!("{}…", &text[..end.unwrap_or_default()]))
}

/// A shared handle to the calls of one simulator.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    entries: VecDeque<Entry>,
    entries_max: usize,
    recorded: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self::bounded(ENTRIES_MAX)
    }
}

impl Journal {
    /// A journal that keeps the newest `entries_max` calls.
    #[must_use]
    pub fn bounded(entries_max: usize) -> Self {
        let inner = Inner {
            entries: VecDeque::new(),
            entries_max: entries_max.max(1),
            recorded: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Appends a call, its texts cut to [`TEXT_BYTES_MAX`]; the oldest goes when the journal is
    /// full.
    pub fn record(&self, mut entry: Entry) {
        entry.shorten();
        let mut inner = self.lock();
        inner.recorded += 1;
        entry.seq = inner.recorded;
        let is_full = inner.entries.len() == inner.entries_max;
        let oldest = is_full.then(|| inner.entries.pop_front());
        inner.entries.push_back(entry);
        // Freed without the lock.
        drop(inner);
        drop(oldest);
    }

    /// The calls that are kept, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// The calls with a number above `seq`, at most `limit`, oldest first.
    #[must_use]
    pub fn after(&self, seq: u64, limit: usize) -> Vec<Entry> {
        self.lock()
            .entries
            .iter()
            .filter(|entry| entry.seq > seq)
            .take(limit)
            .cloned()
            .collect()
    }

    /// How many calls were ever recorded.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.lock().recorded
    }

    /// The operations in order of arrival.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.lock()
            .entries
            .iter()
            .map(|entry| entry.operation.to_string())
            .collect()
    }

    /// The calls of one operation, to be narrowed further:
    /// `journal.calls_of("CheckIn").by("joe.user").count()`.
    #[must_use]
    pub fn calls_of(&self, operation: &str) -> Calls {
        Calls(
            self.lock()
                .entries
                .iter()
                .filter(|e| e.operation == operation)
                .cloned()
                .collect(),
        )
    }

    /// Forgets all calls and starts numbering anew.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.entries.clear();
        inner.recorded = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some calls of a journal. Each method narrows them.
#[derive(Clone, Debug)]
pub struct Calls(Vec<Entry>);

impl Calls {
    /// Those on behalf of `user`, compared without regard to ASCII case.
    #[must_use]
    pub fn by(mut self, user: &str) -> Self {
        self.0.retain(|e| {
            e.user
                .as_deref()
                .is_some_and(|have| have.eq_ignore_ascii_case(user))
        });
        self
    }

    /// Those that ended so.
    #[must_use]
    pub fn that_ended(mut self, outcome: Outcome) -> Self {
        self.0.retain(|entry| entry.outcome == outcome);
        self
    }

    /// Those that the vendor refused.
    #[must_use]
    pub fn refused(self) -> Self {
        self.that_ended(Outcome::Refused)
    }

    /// Those that succeeded.
    #[must_use]
    pub fn succeeded(self) -> Self {
        self.that_ended(Outcome::Success)
    }

    /// How many are left.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Asserts their number.
    ///
    /// # Panics
    /// When there are more or fewer, with the calls in the message.
    #[track_caller]
    pub fn exactly(&self, expected: usize) {
        assert_eq!(self.0.len(), expected, "calls: {:#?}", self.0);
    }

    /// The calls that are left, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str, user: &str, outcome: Outcome) -> Entry {
        Entry {
            seq: 0,
            at: SimTime::default(),
            operation: operation.to_owned().into(),
            user: Some(user.into()),
            outcome,
            status: 200,
            connection: 1,
            request_bytes: 0,
            reply_bytes: 0,
            elapsed_us: 0,
            fault_rule: None,
            detail: vec![],
        }
    }

    #[test]
    fn the_oldest_call_goes_first_and_numbers_go_on() {
        let journal = Journal::bounded(2);
        for operation in ["A", "B", "C"] {
            journal.record(entry(operation, "joe", Outcome::Success));
        }
        assert_eq!(journal.operations(), ["B", "C"]);
        assert_eq!(journal.recorded(), 3);
        assert_eq!(journal.after(2, 10).first().map(|e| e.seq), Some(3));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let journal = Journal::default();
        let long = "é".repeat(3_000_000);
        let mut call = entry(&format!("x{long}"), &long, Outcome::Refused);
        call.fault_rule = Some(long.clone());
        call.detail = vec![("path", long)];
        journal.record(call);
        let kept = journal.entries().remove(0);
        let cut = format!("{}…", "é".repeat(TEXT_BYTES_MAX / 2));
        assert_eq!(kept.operation, format!("x{}…", "é".repeat(255)));
        assert_eq!(kept.user.as_deref(), Some(&*cut));
        assert_eq!(kept.fault_rule.as_deref(), Some(&*cut));
        assert_eq!(kept.detail, [("path", cut)]);
    }

    #[test]
    fn queries_read_as_sentences() {
        let journal = Journal::default();
        journal.record(entry("CheckIn", "joe", Outcome::Success));
        journal.record(entry("CheckIn", "jane", Outcome::Refused));
        journal.calls_of("CheckIn").exactly(2);
        journal.calls_of("CheckIn").by("JOE").succeeded().exactly(1);
        journal
            .calls_of("CheckIn")
            .by("jane")
            .succeeded()
            .exactly(0);
        journal.calls_of("GetSecret").exactly(0);
    }
}
