//! The list behind the key icon: every search goes out at once, so a warm look-up is one round trip
//! and a cold one two. By role, `GET ManagedAccounts` shows a user exactly what they may request
//! (documented psafe:§2.1); which searches there are is `assumed psafe:§4.6`.

use std::collections::HashSet;
use std::net::IpAddr;

use futures_util::future::try_join_all;
use http::StatusCode;

use super::client::{Call, CallError};
use super::conversation::Conversation;
use super::credential_id::CredentialId;
use super::wire::{self, ManagedAccount};
use crate::endpoint::{SearchPlan, SearchTerm, TermReason};
use crate::error::{PluginError, shortened};
use crate::plugin::{CredentialSummary, JumpItemType};
use crate::trace::Step;

/// Longest system name, address and application name that the API takes (documented psafe:DOC-ma).
const SYSTEM_NAME_CHARS_MAX: usize = 129;
const ADDRESS_CHARS_MAX: usize = 45;

/// Most rows of one page; the API's own default (documented psafe:§2.1).
const PAGE_ROWS_MAX: usize = 1_000;

/// How many pages are read together once the first one was full.
const PAGES_AT_ONCE: usize = 8;

/// Longest line of the list.
const DISPLAY_CHARS_MAX: usize = 200;

/// One search for accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    /// The `type` of account; also the group of the list.
    pub(super) kind: AccountKind,
    /// What selects the accounts; `None` finds all of the type.
    pub(super) by: Option<Selector>,
}

/// The parameter that selects accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) parameter: &'static str,
    pub(super) value: String,
    /// Where the value comes from.
    pub(super) reason: TermReason,
}

impl Selector {
    fn new(parameter: &'static str, term: &SearchTerm) -> Self {
        Self {
            parameter,
            value: term.text.clone(),
            reason: term.reason,
        }
    }
}

/// The types of account that are searched for, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AccountKind {
    /// Local accounts of the system.
    System,
    /// Directory accounts that are linked to the system.
    DomainLinked,
    /// Accounts of an application.
    Application,
    /// Accounts of a database.
    Database,
    /// Accounts of a cloud service.
    Cloud,
    /// Accounts used lately.
    Recent,
}

impl AccountKind {
    fn parameter(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::DomainLinked => "domainlinked",
            Self::Application => "application",
            Self::Database => "database",
            Self::Cloud => "cloud",
            Self::Recent => "recent",
        }
    }
}

/// The searches for a Jump Item, in the order of the list.
pub(super) fn searches(item_type: JumpItemType, plan: &SearchPlan) -> Vec<Search> {
    use AccountKind as Kind;
    let mut kinds = vec![Kind::System, Kind::DomainLinked];
    match item_type {
        JumpItemType::ProtocolTunnel => kinds.push(Kind::Database),
        JumpItemType::WebJump => kinds.push(Kind::Cloud),
        _ => {}
    }
    let mut searches = Vec::new();
    for kind in kinds {
        searches.extend(
            plan.terms
                .iter()
                .filter_map(|term| search_of_system(kind, term)),
        );
    }
    let applications = plan
        .terms
        .iter()
        .filter(|term| term.reason == TermReason::ApplicationName);
    searches.extend(applications.map(|term| Search {
        kind: Kind::Application,
        by: Some(Selector::new("applicationDisplayName", term)),
    }));
    searches
}

fn search_of_system(kind: AccountKind, term: &SearchTerm) -> Option<Search> {
    let by = match term.reason {
        TermReason::ApplicationName | TermReason::Url | TermReason::HostAndPort => return None,
        _ if term.text.parse::<IpAddr>().is_ok() => {
            // Only these types can be found by address (documented psafe:DOC-ma).
            let by_address = kind != AccountKind::Cloud && term.text.len() <= ADDRESS_CHARS_MAX;
            by_address.then_some("ipAddress")?
        }
        _ => (term.text.chars().count() <= SYSTEM_NAME_CHARS_MAX).then_some("systemName")?,
    };
    Some(Search {
        kind,
        by: Some(Selector::new(by, term)),
    })
}

/// The accounts that the searches find, merged: an account found twice stands where it was found
/// first.
pub(super) async fn list(
    conversation: &Conversation<'_>,
    searches: &[Search],
    rows_max: usize,
) -> Result<Vec<CredentialSummary>, PluginError> {
    let running = searches
        .iter()
        .map(|search| accounts(conversation, search, rows_max));
    let found = try_join_all(running).await?;
    let mut known = HashSet::new();
    let mut list = Vec::new();
    for (search, Found { mut rows, .. }) in searches.iter().zip(found) {
        rows.sort_by_cached_key(|row| row.account_name.to_lowercase());
        let (found, listed) = (rows.len(), list.len());
        for row in rows {
            if known.insert((row.system_id, row.account_id, row.application_id)) {
                list.push(summary(search.kind, &row));
            }
        }
        if let Some(by) = &search.by {
            conversation.trace().add(Step::Searched {
                field: format!("{} of {} accounts", by.parameter, search.kind.parameter()),
                term: by.value.clone(),
                reason: by.reason.to_string(),
                found,
                added: list.len() - listed,
            });
        }
    }
    Ok(list)
}

/// What one search found.
pub(super) struct Found {
    pub(super) rows: Vec<ManagedAccount>,
    /// Whether that is all that matches.
    pub(super) complete: bool,
}

/// The accounts of one search, page by page, at most `rows_max` of them. Whatever more than one
/// page has is read several pages at a time.
pub(super) async fn accounts(
    conversation: &Conversation<'_>,
    search: &Search,
    rows_max: usize,
) -> Result<Found, PluginError> {
    let mut rows: Vec<ManagedAccount> = Vec::new();
    let mut pages_at_once = 1;
    while rows.len() < rows_max {
        let (read, left) = (rows.len(), rows_max - rows.len());
        let asked: Vec<_> = (0..pages_at_once)
            .map(|nth| nth * PAGE_ROWS_MAX)
            .take_while(|start| *start < left)
            .map(|start| (read + start, PAGE_ROWS_MAX.min(left - start)))
            .collect();
        let pages = asked
            .iter()
            .map(|(offset, limit)| page(conversation, search, *limit, *offset));
        for (page, (offset, limit)) in try_join_all(pages).await?.into_iter().zip(&asked) {
            // More rows than asked for, or the same again, come from a vault that does not page:
            // they are all there are.
            let pages_not = *offset > 0 && page.first() == rows.first();
            let complete = page.len() != *limit || pages_not;
            if !pages_not {
                rows.extend(page);
            }
            if complete {
                let complete = rows.len() <= rows_max;
                rows.truncate(rows_max);
                return Ok(Found { rows, complete });
            }
        }
        pages_at_once = PAGES_AT_ONCE;
    }
    tracing::warn!(
        ?search,
        rows_max,
        "no more accounts are read, though more may match"
    );
    Ok(Found {
        rows,
        complete: false,
    })
}

async fn page(
    conversation: &Conversation<'_>,
    search: &Search,
    limit: usize,
    offset: usize,
) -> Result<Vec<ManagedAccount>, PluginError> {
    let (limit, offset) = (limit.to_string(), offset.to_string());
    let mut query = vec![("type", search.kind.parameter())];
    query.extend(
        search
            .by
            .as_ref()
            .map(|by| (by.parameter, by.value.as_str())),
    );
    query.extend([("limit", limit.as_str()), ("offset", offset.as_str())]);
    match conversation
        .call(Call::get("ManagedAccounts", "ManagedAccounts", &query))
        .await
    {
        Ok(answer) => Ok(answer.read(wire::managed_accounts).await?),
        // Nothing found is an empty array, or 404 where one object was expected.
        Err(CallError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn summary(kind: AccountKind, row: &ManagedAccount) -> CredentialSummary {
    let id = CredentialId::of(row);
    let account = match &id.domain {
        Some(domain) => format!("{domain}\\{}", id.username),
        None => id.username.clone(),
    };
    let system = row.system_name.as_deref().filter(|name| !name.is_empty());
    let application = row
        .application_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let place = match (kind, system, application) {
        (AccountKind::Application, _, Some(application)) => format!(" in {application}"),
        (AccountKind::DomainLinked, Some(system), _) => format!(" linked to {system}"),
        (_, Some(system), _) => format!(" on {system}"),
        (_, None, _) => String::new(),
    };
    CredentialSummary {
        credential_id: id.to_string(),
        display_value: shortened(&format!("{account}{place}"), DISPLAY_CHARS_MAX),
    }
}
