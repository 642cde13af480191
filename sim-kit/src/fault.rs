//! Faults are installed rules: a matcher, a verdict, a counter, and a guard.
//!
//! A simulator asks [`FaultRules::meet_where`] once it knows what is called and by whom. What it
//! gets back, [`Met`], carries out everything that needs no vendor knowledge: [`Met::before`] waits
//! or answers instead, [`Met::deliver`] damages the reply. What speaks the vendor's protocol
//! ([`Verdict::speaks`], [`Verdict::reshapes`]) is the simulator's to do.
//!
//! A rule is met when it did something. A simulator says which verdicts can happen to a call, and
//! the others leave it alone; a meeting that turns out to have had nothing to damage is taken back
//! with [`Met::withdraw`].

mod met;
mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use met::Met;
pub use rules::{FaultGuard, FaultRules};

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
    /// The connection ends without an answer. A client that asked for `100 Continue` has had it by
    /// then.
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
        /// Breaks off inside the first element, or JSON member, of this name. An answer without one
        /// stays whole, unless `at_bytes` is given as well.
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
    /// Elements of this name are missing from the answer, against the schema.
    Omit {
        /// Local name of the elements.
        element: String,
    },
    /// Elements of this name are null in the answer, against the schema.
    Nil {
        /// Local name of the elements.
        element: String,
    },
    /// Records and lists of the answer hold an element that no schema has.
    Extra,
    /// Values of this name are broken into lines, as base64 may be.
    BreakLines {
        /// Local name of the elements.
        element: String,
    },
    /// The approval that the call gives counts only so many simulated seconds later. Calls that
    /// approve nothing are handled as usual.
    LateApproval {
        /// Seconds, at most a day.
        s: u32,
    },
}

impl Verdict {
    /// Whether the verdict is carried out in the vendor's protocol, and so needs a call.
    #[must_use]
    pub fn speaks(&self) -> bool {
        matches!(
            self,
            Self::Error { .. } | Self::Fault { .. } | Self::ExpireToken | Self::LateApproval { .. }
        )
    }

    /// Whether every simulator can carry the verdict out.
    #[must_use]
    pub fn is_everybodys(&self) -> bool {
        !self.reshapes() && !matches!(self, Self::LateApproval { .. })
    }

    /// Whether the verdict rewrites the vendor's document. Not every simulator can.
    #[must_use]
    pub fn reshapes(&self) -> bool {
        matches!(
            self,
            Self::Omit { .. } | Self::Nil { .. } | Self::Extra | Self::BreakLines { .. }
        )
    }
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

fn check(rule: &Rule) -> Result<(), RuleError> {
    let fault = match &rule.verdict {
        Verdict::Status { status, .. } if !(200..600).contains(status) => {
            "status must be 200 to 599"
        }
        Verdict::Delay { ms } if *ms > HOLD_S_MAX * 1000 => "ms must be at most 600000",
        Verdict::Drip { chunk_bytes: 0, .. } => "chunk_bytes must be at least 1",
        Verdict::Drip { every_ms, .. } if *every_ms > 60_000 => "every_ms must be at most 60000",
        Verdict::LateApproval { s } if *s > 86_400 => "s must be at most 86400",
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

#[cfg(test)]
mod tests;
