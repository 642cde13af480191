//! Faults are installed rules: a matcher, a verdict, a counter, and a guard.
//!
//! A simulator asks [`FaultRules::meet`] once it knows what is called and by whom. What it gets
//! back, [`Met`], carries out everything that needs no vendor knowledge: [`Met::before`] waits or
//! answers instead, [`Met::deliver`] damages the reply. What speaks the vendor's protocol
//! ([`Verdict::Error`], [`Verdict::Fault`], [`Verdict::ExpireToken`]) is the simulator's to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::exchange::{Delivery, HeaderValue, Reply, StatusCode, header};

/// Longest that [`Verdict::Hold`] keeps a call, seconds.
pub const HOLD_S_MAX: u64 = 600;
/// Rules that can be installed at once.
pub const RULES_MAX: usize = 1_000;

/// A rule as it is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name; made up when absent, and a rule of the same name is replaced.
    #[serde(default)]
    pub id: Option<String>,
    /// Which calls meet it.
    #[serde(default)]
    pub matcher: Matcher,
    /// What happens to them.
    pub verdict: Verdict,
    /// How many calls meet it before it is spent; 0 means until it is removed.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// Which calls meet a rule. Absent members match every call; texts compare without ASCII case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The vendor's operation.
    #[serde(default)]
    pub operation: Option<String>,
    /// On whose behalf the call is made.
    #[serde(default)]
    pub user: Option<String>,
    /// A part of the request's path.
    #[serde(default)]
    pub path: Option<String>,
    /// The first call to meet the rule, from 1: 3 lets two matching calls pass.
    #[serde(default)]
    pub nth: Option<u32>,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Answered with this instead of being handled: a proxy's HTML, a 503, a redirect.
    Status {
        /// HTTP status, 200 to 599.
        status: u16,
        /// Content type; `text/html; charset=utf-8` when absent.
        #[serde(default)]
        content_type: Option<String>,
        /// Body; empty when absent.
        #[serde(default)]
        body: Option<String>,
        /// `Retry-After`, seconds.
        #[serde(default)]
        retry_after_s: Option<u32>,
        /// `Location`.
        #[serde(default)]
        location: Option<String>,
    },
    /// Handled late.
    Delay {
        /// Wait before handling, milliseconds, at most ten minutes.
        ms: u64,
    },
    /// Not handled until the rule is removed, or ten minutes have passed.
    Hold,
    /// The connection ends without an answer.
    Drop {
        /// Before or after the call took effect.
        when: When,
        /// In order or by reset.
        how: How,
    },
    /// The answer arrives in small pieces.
    Drip {
        /// Bytes in a piece.
        chunk_bytes: usize,
        /// Pause between pieces, milliseconds.
        every_ms: u64,
    },
    /// The answer breaks off.
    Truncate {
        /// Body bytes that still arrive; half of them when neither member is given.
        #[serde(default)]
        at_bytes: Option<usize>,
        /// Breaks off inside the first element, or JSON member, of this name.
        #[serde(default)]
        inside: Option<String>,
    },
    /// Some bytes in the middle of the answer are overwritten.
    Garble,
    /// The answer arrives twice.
    Duplicate,
    /// The protocol's business error with this text, instead of being handled.
    Error {
        /// The text.
        text: String,
    },
    /// The protocol's fault with this text, instead of being handled.
    Fault {
        /// The text.
        text: String,
    },
    /// The token or session that the call carries dies; then the call is handled.
    ExpireToken,
}

/// When a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The call has no effect.
    Before,
    /// The call took effect, only its answer is lost.
    After,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// In order (FIN).
    Close,
    /// By reset (RST).
    Reset,
}

/// What a rule is matched against.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The vendor's operation.
    pub operation: &'a str,
    /// On whose behalf, when known.
    pub user: Option<&'a str>,
    /// The request's path.
    pub path: &'a str,
}

/// A rule with its counters, as the control plane shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Installed {
    /// Name of the rule.
    pub id: String,
    /// The rule.
    pub rule: Rule,
    /// Calls that its matcher fitted.
    pub matched: u32,
    /// Calls that met it.
    pub met: u32,
    /// Whether it has no more to give.
    pub spent: bool,
}

/// Why a rule was not installed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A number out of range.
    #[error("{0}")]
    OutOfRange(&'static str),
    /// Too many rules.
    #[error("there are already {RULES_MAX} rules; remove some")]
    TooMany,
}

/// The rules of one simulator. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FaultRules {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    slots: Vec<Slot>,
    named: u64,
}

#[derive(Debug)]
struct Slot {
    installed: Installed,
    /// Dropped with the rule: that ends every hold.
    removed: watch::Sender<()>,
}

impl FaultRules {
    /// Installs a rule. Rules are tried in the order of installation and a call meets at most one.
    ///
    /// # Errors
    /// When a number of the rule is out of range, or there are too many rules.
    pub fn add(&self, mut rule: Rule) -> Result<FaultGuard, RuleError> {
        check(&rule)?;
        let mut inner = self.lock();
        inner.named += 1;
        let id = rule
            .id
            .clone()
            .unwrap_or_else(|| format!("rule-{}", inner.named));
        rule.id = Some(id.clone());
        inner.slots.retain(|slot| slot.installed.id != id);
        if inner.slots.len() >= RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let installed = Installed {
            id: id.clone(),
            rule,
            matched: 0,
            met: 0,
            spent: false,
        };
        inner.slots.push(Slot {
            installed,
            removed: watch::channel(()).0,
        });
        Ok(FaultGuard {
            rules: self.clone(),
            id,
        })
    }

    /// Removes a rule; false when there is none of this name.
    pub fn remove(&self, id: &str) -> bool {
        let mut inner = self.lock();
        let before = inner.slots.len();
        inner.slots.retain(|slot| slot.installed.id != id);
        inner.slots.len() != before
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().slots.clear();
    }

    /// The rules with their counters, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Installed> {
        self.lock()
            .slots
            .iter()
            .map(|slot| slot.installed.clone())
            .collect()
    }

    /// Names of the rules that no call has met.
    #[must_use]
    pub fn never_met(&self) -> Vec<String> {
        let inner = self.lock();
        let unmet = inner.slots.iter().filter(|slot| slot.installed.met == 0);
        unmet.map(|slot| slot.installed.id.clone()).collect()
    }

    /// The rule that this call meets, if any; counts the meeting.
    #[must_use]
    pub fn meet(&self, call: &Call<'_>) -> Option<Met> {
        let mut inner = self.lock();
        for slot in &mut inner.slots {
            let installed = &mut slot.installed;
            if installed.spent || !installed.rule.matcher.fits(call) {
                continue;
            }
            installed.matched = installed.matched.saturating_add(1);
            if installed.matched < installed.rule.matcher.nth.unwrap_or(1) {
                continue;
            }
            installed.met = installed.met.saturating_add(1);
            installed.spent = installed.rule.times != 0 && installed.met >= installed.rule.times;
            return Some(Met {
                rule_id: installed.id.clone(),
                verdict: installed.rule.verdict.clone(),
                removed: slot.removed.subscribe(),
            });
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(rule: &Rule) -> Result<(), RuleError> {
    let fault = match &rule.verdict {
        Verdict::Status { status, .. } if !(200..600).contains(status) => {
            "status must be 200 to 599"
        }
        Verdict::Delay { ms } if *ms > HOLD_S_MAX * 1000 => "ms must be at most 600000",
        Verdict::Drip { chunk_bytes: 0, .. } => "chunk_bytes must be at least 1",
        Verdict::Drip { every_ms, .. } if *every_ms > 60_000 => "every_ms must be at most 60000",
        _ if rule.matcher.nth == Some(0) => "nth counts from 1",
        _ => return Ok(()),
    };
    Err(RuleError::OutOfRange(fault))
}

impl Matcher {
    fn fits(&self, call: &Call<'_>) -> bool {
        let same = |want: &Option<String>, have: Option<&str>| {
            want.as_deref()
                .is_none_or(|want| have.is_some_and(|have| have.eq_ignore_ascii_case(want)))
        };
        same(&self.operation, Some(call.operation))
            && same(&self.user, call.user)
            && self.path.as_deref().is_none_or(|part| {
                call.path
                    .to_ascii_lowercase()
                    .contains(&part.to_ascii_lowercase())
            })
    }
}

/// Holds a rule's place for a test: removes it when dropped, and can say whether it was met.
#[derive(Debug)]
#[must_use = "the rule goes when the guard is dropped; call keep() to leave it installed"]
pub struct FaultGuard {
    rules: FaultRules,
    id: String,
}

impl FaultGuard {
    /// Name of the rule.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many calls met the rule so far.
    #[must_use]
    pub fn met(&self) -> u32 {
        let inner = self.rules.lock();
        inner
            .slots
            .iter()
            .find(|slot| slot.installed.id == self.id)
            .map_or(0, |s| s.installed.met)
    }

    /// Asserts that a call met the rule.
    ///
    /// # Panics
    /// When none did.
    #[track_caller]
    pub fn assert_met(&self) {
        assert!(self.met() > 0, "no call met fault rule {}", self.id);
    }

    /// Leaves the rule installed and gives its name.
    #[must_use]
    pub fn keep(mut self) -> String {
        std::mem::take(&mut self.id)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        if !self.id.is_empty() {
            self.rules.remove(&self.id);
        }
    }
}

/// A rule that a call met.
#[derive(Debug)]
pub struct Met {
    /// Name of the rule, for the journal.
    pub rule_id: String,
    /// What happens.
    pub verdict: Verdict,
    removed: watch::Receiver<()>,
}

impl Met {
    /// Waits where the verdict says so, and gives the reply when the call is not to be handled.
    pub async fn before(&mut self) -> Option<Reply> {
        match &self.verdict {
            Verdict::Delay { ms } => self.pause(Duration::from_millis(*ms)).await,
            Verdict::Hold => {
                let end = Duration::from_secs(HOLD_S_MAX);
                // An error means that the rule is gone, and that is what ends a hold.
                let _ = tokio::time::timeout(end, self.removed.changed()).await;
            }
            Verdict::Drop {
                when: When::Before,
                how,
            } => {
                return Some(Reply::empty(StatusCode::OK).delivered((*how).into()));
            }
            Verdict::Status {
                status,
                content_type,
                body,
                retry_after_s,
                location,
            } => {
                let mut reply = Reply::empty(
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                );
                let content_type = content_type
                    .as_deref()
                    .unwrap_or("text/html; charset=utf-8");
                let text = |value: &str| HeaderValue::from_str(value).ok();
                let fields = [
                    (header::CONTENT_TYPE, text(content_type)),
                    (
                        header::RETRY_AFTER,
                        retry_after_s.and_then(|s| text(&s.to_string())),
                    ),
                    (header::LOCATION, location.as_deref().and_then(text)),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        reply.headers.insert(name, value);
                    }
                }
                reply.body = Bytes::from(body.clone().unwrap_or_default());
                return Some(reply);
            }
            _ => {}
        }
        None
    }

    /// The reply, damaged as the verdict says.
    pub fn deliver(&self, mut reply: Reply) -> Reply {
        match &self.verdict {
            Verdict::Drop {
                when: When::After,
                how,
            } => reply.delivered((*how).into()),
            Verdict::Drip {
                chunk_bytes,
                every_ms,
            } => reply.delivered(Delivery::Drip {
                chunk_bytes: *chunk_bytes,
                every: Duration::from_millis(*every_ms),
            }),
            Verdict::Truncate { at_bytes, inside } => {
                let half = reply.body.len() / 2;
                let at = inside
                    .as_deref()
                    .and_then(|name| inside_of(&reply.body, name));
                let at_bytes = at
                    .or(*at_bytes)
                    .unwrap_or(half)
                    .min(reply.body.len().saturating_sub(1));
                reply.delivered(Delivery::Truncate { at_bytes })
            }
            Verdict::Garble => {
                reply.body = garbled(&reply.body);
                reply
            }
            Verdict::Duplicate => reply.delivered(Delivery::Twice),
            _ => reply,
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "a delay is what this rule is for"
    )]
    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

impl From<How> for Delivery {
    fn from(how: How) -> Self {
        match how {
            How::Close => Self::Close,
            How::Reset => Self::Reset,
        }
    }
}

/// A place one byte behind the start tag `<name>` or the member `"name"`.
fn inside_of(body: &[u8], name: &str) -> Option<usize> {
    [format!("<{name}>"), format!("\"{name}\"")]
        .iter()
        .find_map(|mark| {
            let at = body
                .windows(mark.len())
                .position(|window| window == mark.as_bytes())?;
            Some(at + mark.len() + 1)
        })
}

/// The body with the middle three bytes made into something that no text holds.
fn garbled(body: &[u8]) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle.saturating_sub(1)).take(3) {
        *byte = 0xff;
    }
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(operation: &str, times: u32) -> Rule {
        Rule {
            id: None,
            matcher: Matcher {
                operation: Some(operation.into()),
                ..Matcher::default()
            },
            verdict: Verdict::ExpireToken,
            times,
        }
    }

    fn call(operation: &str) -> Call<'_> {
        Call {
            operation,
            user: Some("joe"),
            path: "/x",
        }
    }

    #[test]
    fn a_rule_is_spent_after_its_times() {
        let rules = FaultRules::default();
        let guard = rules.add(rule("GetSecret", 1)).expect("installed");
        assert!(rules.meet(&call("CheckIn")).is_none());
        assert!(rules.meet(&call("getsecret")).is_some());
        assert!(rules.meet(&call("GetSecret")).is_none());
        guard.assert_met();
        drop(guard);
        assert!(rules.list().is_empty());
    }

    #[test]
    fn the_nth_call_meets_it() {
        let rules = FaultRules::default();
        let mut third = rule("A", 0);
        third.matcher.nth = Some(3);
        let _guard = rules.add(third).expect("installed");
        let met: Vec<bool> = (0..4).map(|_| rules.meet(&call("A")).is_some()).collect();
        assert_eq!(met, [false, false, true, true]);
    }

    #[test]
    fn a_rule_that_nothing_met_is_named() {
        let rules = FaultRules::default();
        let id = rules.add(rule("A", 1)).expect("installed").keep();
        assert_eq!(rules.never_met(), [id]);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let rules = FaultRules::default();
        let mut bad = rule("A", 1);
        bad.verdict = Verdict::Drip {
            chunk_bytes: 0,
            every_ms: 1,
        };
        assert!(matches!(rules.add(bad), Err(RuleError::OutOfRange(_))));
    }

    #[test]
    fn a_cut_inside_an_element_leaves_its_start_tag() {
        let body = b"<a><Token>abc</Token></a>";
        assert_eq!(inside_of(body, "Token"), Some(11));
        assert_eq!(inside_of(b"{\"Token\":1}", "Token"), Some(9));
        assert_eq!(inside_of(body, "Nope"), None);
    }

    #[tokio::test]
    async fn removing_the_rule_ends_a_hold() {
        let rules = FaultRules::default();
        let mut held = rule("A", 0);
        held.verdict = Verdict::Hold;
        let guard = rules.add(held).expect("installed");
        let mut met = rules.meet(&call("A")).expect("met");
        let waiting = tokio::spawn(async move { met.before().await.is_none() });
        drop(guard);
        assert!(waiting.await.expect("no panic"));
    }
}
