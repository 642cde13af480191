//! What a look-up tried, step by step: the answer to "why no credentials?". It names users, fields
//! and terms, and holds nothing secret.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::PluginError;
use crate::identity::{Candidate, CandidateReason, LeftOut};
use crate::plugin::CredentialSummary;

/// A look-up with everything that led to its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLookup {
    /// The list, or why there is none.
    pub result: Result<Vec<CredentialSummary>, PluginError>,
    /// What was tried and what was not, in order.
    pub steps: Vec<Step>,
    /// The vault user on whose behalf it was done, once recognised.
    pub vault_user: Option<String>,
}

/// One step of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A vault user was tried.
    User {
        /// Who, as `DOMAIN\name` or `name (local)`.
        user: String,
        /// Why at this place.
        reason: CandidateReason,
        /// What the vault answered.
        outcome: String,
    },
    /// A vault user was not tried.
    UserLeftOut(LeftOut),
    /// A cached token was dead and was replaced.
    TokenReplaced,
    /// A search was made.
    Searched {
        /// The field of the secrets.
        field: String,
        /// The value searched for.
        term: String,
        /// Where the value comes from.
        reason: String,
        /// How many secrets matched.
        found: usize,
        /// How many of them no earlier search had found.
        added: usize,
    },
    /// A search was to be made in a look-up that failed.
    SearchFailed {
        /// The field of the secrets.
        field: String,
        /// The value searched for.
        term: String,
        /// Where the value comes from.
        reason: String,
    },
    /// A value was not searched for.
    TermLeftOut(LeftOut),
}

impl Step {
    pub(crate) fn user(candidate: &Candidate, outcome: &str) -> Self {
        let user = candidate.to_string();
        Self::User {
            user,
            reason: candidate.reason,
            outcome: outcome.to_owned(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User {
                user,
                reason,
                outcome,
            } => {
                write!(out, "user in   {user} [{reason}]: {outcome}")
            }
            Self::UserLeftOut(LeftOut { what, why }) => write!(out, "user out  {what}: {why}"),
            Self::TokenReplaced => out.write_str("token     the cached one was refused; replaced"),
            Self::Searched {
                field,
                term,
                reason,
                found,
                added,
            } => {
                let term = without_query(term);
                write!(
                    out,
                    "search in {field} = {term} [{reason}]: {found} found, {added} new"
                )
            }
            Self::SearchFailed {
                field,
                term,
                reason,
            } => write!(
                out,
                "search in {field} = {} [{reason}]: no result, the look-up failed",
                without_query(term)
            ),
            Self::TermLeftOut(LeftOut { what, why }) => {
                write!(out, "search out {}: {why}", without_query(what))
            }
        }
    }
}

/// An address, with or without its scheme, without what follows its `?` or `#`, which may be a token;
/// steps are shown and logged. A `#` belongs to a name such as `C# Builder` where nothing before it is
/// of an address.
fn without_query(term: &str) -> Cow<'_, str> {
    let is_mark = |(at, letter): &(usize, char)| match letter {
        '?' => true,
        '#' => term[..*at].contains(['.', ':', '/']),
        _ => false,
    };
    match term.char_indices().find(is_mark) {
        Some((at, _)) => format!("{}?***", &term[..at]).into(),
        None => term.into(),
    }
}

/// A list of steps that the parts of one look-up write together. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    steps: Vec<Step>,
    user: Option<String>,
}

impl Trace {
    /// Records `step`, in the log too.
    pub(crate) fn add(&self, step: Step) {
        tracing::debug!("{step}");
        self.recorded().steps.push(step);
    }

    pub(crate) fn set_user(&self, user: &str) {
        tracing::debug!("acting for the vault user {user}");
        self.recorded().user = Some(user.to_owned());
    }

    /// The steps so far; no clone has them any more.
    pub(crate) fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.recorded().steps)
    }

    pub(crate) fn user(&self) -> Option<String> {
        self.recorded().user.clone()
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_address_of_a_term_is_not_shown() {
        for (term, shown) in [
            ("https://erp.example/?token=t", "https://erp.example/?***"),
            ("https:erp.example/#t", "https:erp.example/?***"),
            ("erp.example/?token=t", "erp.example/?***"),
            ("erp.example:8443/?token=t", "erp.example:8443/?***"),
            ("erp.example#t?u", "erp.example?***"),
            ("erp?token=t", "erp?***"),
            ("C# Builder", "C# Builder"),
            ("C#?token=t", "C#?***"),
            ("web01.acme.example:22", "web01.acme.example:22"),
        ] {
            let searched = Step::SearchFailed {
                field: "Machine".into(),
                term: term.into(),
                reason: "r".into(),
            };
            let left_out = Step::TermLeftOut(LeftOut::new(term, "why"));
            assert_eq!(
                [searched.to_string(), left_out.to_string()],
                [
                    format!("search in Machine = {shown} [r]: no result, the look-up failed"),
                    format!("search out {shown}: why"),
                ]
            );
        }
    }
}
