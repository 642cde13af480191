//! The list behind the key icon: machine and domain searches go out together, and their results
//! are merged into one list in a stable order.
//!
//! The order: results of the Machine searches first, in the order of the terms (most telling
//! first), then those of the Domain searches in the order of *Include domain credentials for*;
//! within one search by name, then by id. A secret that several searches find stands where the
//! first of them put it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::conversation::{Conversation, Errand};
use super::wire::SecretSummary;
use crate::endpoint::search_terms;
use crate::error::PluginError;
use crate::plugin::{CredentialSummary, JumpItem};
use crate::trace::Step;

struct Search {
    field: String,
    term: String,
    reason: String,
}

/// Finds what `errand`'s user may use on `item`.
pub(super) async fn find(
    conversation: &Arc<Conversation>,
    errand: &Errand,
    item: &JumpItem,
) -> Result<Vec<CredentialSummary>, PluginError> {
    let searches = plan(conversation, errand, item);
    let found = conversation
        .as_user(errand, |token| {
            try_join_all(searches.iter().map(|search| {
                let (client, token) = (&conversation.client, token.clone());
                async move {
                    client
                        .search_secrets_by_field_value(&token, &search.field, &search.term)
                        .await
                }
            }))
        })
        .await
        .inspect_err(|_| not_answered(&searches, errand))?;
    Ok(displayed(&merged(searches, found, errand)))
}

fn plan(conversation: &Conversation, errand: &Errand, item: &JumpItem) -> Vec<Search> {
    let settings = &conversation.settings;
    let plan = search_terms(item, &settings.endpoints);
    for left_out in plan.left_out {
        errand.trace.add(Step::TermLeftOut(left_out));
    }
    let machines = plan.terms.into_iter().map(|term| Search {
        field: settings.machine_field.clone(),
        reason: term.reason.to_string(),
        term: term.text,
    });
    let domains = settings.domains.iter().map(|domain| Search {
        field: settings.domain_field.clone(),
        term: domain.clone(),
        reason: "Include domain credentials for".into(),
    });
    machines.chain(domains).collect()
}

/// A look-up that failed at its searches had these under way; which of them the vault answered is
/// nobody's help.
fn not_answered(searches: &[Search], errand: &Errand) {
    if errand.trace.user().is_none() {
        return;
    }
    for Search {
        field,
        term,
        reason,
    } in searches
    {
        errand.trace.add(Step::SearchFailed {
            field: field.clone(),
            term: term.clone(),
            reason: reason.clone(),
        });
    }
}

fn merged(
    searches: Vec<Search>,
    found: Vec<Vec<SecretSummary>>,
    errand: &Errand,
) -> Vec<SecretSummary> {
    let mut known = BTreeSet::new();
    let mut merged = Vec::new();
    for (
        Search {
            field,
            term,
            reason,
        },
        mut results,
    ) in searches.into_iter().zip(found)
    {
        results.sort_by_cached_key(|one| (one.name.to_lowercase(), one.secret_id));
        let before = merged.len();
        let all = results.len();
        merged.extend(
            results
                .into_iter()
                .filter(|one| known.insert(one.secret_id)),
        );
        let added = merged.len() - before;
        errand.trace.add(Step::Searched {
            field,
            term,
            reason,
            found: all,
            added,
        });
    }
    merged
}

/// What the user reads: `ACME\administrator (Active Directory Account)`, that is the secret's name
/// and its template. Two entries that read the same get their ids behind, `… #12`.
fn displayed(secrets: &[SecretSummary]) -> Vec<CredentialSummary> {
    let text = |secret: &SecretSummary| match (secret.name.as_str(), secret.template.as_str()) {
        ("", _) => format!("secret {}", secret.secret_id),
        (name, "") => name.to_owned(),
        (name, template) => format!("{name} ({template})"),
    };
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for secret in secrets {
        *times.entry(text(secret)).or_default() += 1;
    }
    secrets
        .iter()
        .map(|secret| {
            let mut display_value = text(secret);
            if times.get(&display_value).is_some_and(|times| *times > 1) {
                display_value.push_str(&format!(" #{}", secret.secret_id));
            }
            if secret.is_restricted {
                display_value.push_str(" [restricted]");
            }
            CredentialSummary {
                credential_id: secret.secret_id.to_string(),
                display_value,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(secret_id: i32, name: &str, is_restricted: bool) -> SecretSummary {
        let template = "Windows Account".into();
        SecretSummary {
            secret_id,
            name: name.into(),
            template,
            is_restricted,
        }
    }

    #[test]
    fn entries_that_read_the_same_are_told_apart() {
        let list = displayed(&[
            summary(1, "srv01\\admin", false),
            summary(2, "srv01\\admin", false),
            summary(3, "srv01\\backup", true),
            summary(4, "", false),
        ]);
        let shown: Vec<_> = list
            .iter()
            .map(|entry| entry.display_value.as_str())
            .collect();
        assert_eq!(
            shown,
            [
                "srv01\\admin (Windows Account) #1",
                "srv01\\admin (Windows Account) #2",
                "srv01\\backup (Windows Account) [restricted]",
                "secret 4",
            ]
        );
    }
}
