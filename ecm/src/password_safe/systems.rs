//! External Jump Items: the managed systems on which the user may request an account, by RDP or SSH
//! as their platform says (assumed psafe:§2.3: a requestor may not read the systems themselves).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;

use super::client::Call;
use super::conversation::Conversation;
use super::listing::{AccountKind, Search, Selector, accounts};
use super::trouble;
use super::wire::{self, ManagedAccount, Platform};
use crate::endpoint::TermReason;
use crate::error::{PluginError, shortened};
use crate::plugin::{Endpoint, EndpointType};

/// Most accounts that a search looks through; the vault has no search by part of a name.
const SCANNED_ROWS_MAX: usize = 100_000;

/// Most systems of an answer.
const ENDPOINTS_MAX: usize = 500;

/// Longest name of a system (documented psafe:DOC-ma).
const SYSTEM_NAME_CHARS_MAX: usize = 129;

/// How long the list of platforms is believed; it changes with the vault's version.
const PLATFORMS_KEPT: Duration = Duration::from_secs(60 * 60);

/// What is searched for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) types: &'a [EndpointType],
    /// Any part of a system's name, in any letter case; its DNS name, or its address.
    pub(super) text: &'a str,
    /// The last used systems instead of all.
    pub(super) most_recently_used: Option<u32>,
}

/// The vault's platforms, read once an hour.
#[derive(Debug, Default)]
pub(super) struct Platforms(Mutex<Option<ReadPlatforms>>);

#[derive(Debug, Clone)]
struct ReadPlatforms {
    at: Timestamp,
    by_id: Arc<HashMap<i32, Platform>>,
}

impl Platforms {
    async fn get(
        &self,
        user: &Conversation<'_>,
        now: Timestamp,
    ) -> Result<Arc<HashMap<i32, Platform>>, PluginError> {
        let kept = self.kept().clone();
        if let Some(read) = kept.filter(|read| read.is_believed(now)) {
            return Ok(read.by_id);
        }
        let answer = user.call(Call::get("Platforms", "Platforms", &[])).await?;
        let rows = answer.read(wire::platforms).await?;
        let by_id = Arc::new(rows.into_iter().map(|row| (row.platform_id, row)).collect());
        *self.kept() = Some(ReadPlatforms {
            at: now,
            by_id: Arc::clone(&by_id),
        });
        Ok(by_id)
    }

    fn kept(&self) -> MutexGuard<'_, Option<ReadPlatforms>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadPlatforms {
    fn is_believed(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).unsigned_abs() < PLATFORMS_KEPT
    }
}

/// The systems that match.
pub(super) async fn find(
    user: &Conversation<'_>,
    wanted: &Wanted<'_>,
    platforms: &Platforms,
    now: Timestamp,
) -> Result<Vec<Endpoint>, PluginError> {
    let searches = searches(wanted);
    let found = try_join_all(
        searches
            .iter()
            .map(|search| accounts(user, search, SCANNED_ROWS_MAX)),
    );
    let (platforms, found) = try_join(platforms.get(user, now), found).await?;
    let (mut rows, mut complete) = (Vec::new(), true);
    for (search, found) in searches.iter().zip(found) {
        let by_vault = search.by.is_some();
        complete &= found.complete;
        rows.extend(found.rows.into_iter().map(|row| (by_vault, row)));
    }
    let looked_through = rows.len();
    let mut endpoints = matching(wanted, &platforms, rows.into_iter());
    if endpoints.is_empty() && !complete {
        return Err(trouble::search_incomplete(looked_through));
    }
    match wanted.most_recently_used {
        // The vault's order is that of their use.
        Some(count) => endpoints.truncate(count.try_into().unwrap_or(usize::MAX)),
        None => endpoints.sort_by_cached_key(|endpoint| endpoint.name.to_lowercase()),
    }
    endpoints.truncate(ENDPOINTS_MAX);
    Ok(endpoints)
}

/// What the vault itself can find by the text, in full or by its address, and everything, in which
/// parts of names are looked for.
fn searches(wanted: &Wanted<'_>) -> Vec<Search> {
    let all = |kind| Search { kind, by: None };
    if wanted.most_recently_used.is_some() {
        return vec![all(AccountKind::Recent)];
    }
    let kinds = [AccountKind::System, AccountKind::DomainLinked];
    let mut searches = Vec::new();
    for (parameter, value) in selectors(wanted.text.trim()) {
        searches.extend(kinds.map(|kind| Search {
            kind,
            by: Some(Selector {
                parameter,
                value: value.to_owned(),
                reason: TermReason::Hostname,
            }),
        }));
    }
    searches.extend(kinds.map(all));
    searches
}

/// The parameters that find a system by the whole text. Systems go by their short names more often
/// than not, so a DNS name is tried without its domain too, as for the list of credentials.
fn selectors(text: &str) -> Vec<(&'static str, &str)> {
    let fits = !text.is_empty() && text.chars().count() <= SYSTEM_NAME_CHARS_MAX;
    let mut selectors = Vec::new();
    if fits {
        selectors.push(("systemName", text));
    }
    if text.parse::<IpAddr>().is_ok() {
        selectors.push(("ipAddress", text));
    } else if let Some((short, _)) = text.split_once('.').filter(|(short, _)| !short.is_empty())
        && fits
    {
        selectors.push(("systemName", short));
    }
    selectors
}

/// The systems of the rows that the vault selected by the text, or whose name holds it.
fn matching(
    wanted: &Wanted<'_>,
    platforms: &HashMap<i32, Platform>,
    rows: impl Iterator<Item = (bool, ManagedAccount)>,
) -> Vec<Endpoint> {
    let text = wanted.text.trim().to_lowercase();
    let mut seen = HashSet::new();
    let mut endpoints = Vec::new();
    for (by_vault, row) in rows {
        let Some(name) = row
            .system_name
            .filter(|name| by_vault || name.to_lowercase().contains(&text))
        else {
            continue;
        };
        let Some(platform) = row.platform_id.and_then(|id| platforms.get(&id)) else {
            continue;
        };
        let Some(endpoint_type) = endpoint_type(platform) else {
            continue;
        };
        if name.trim().is_empty()
            || !wanted.types.contains(&endpoint_type)
            || !seen.insert(row.system_id)
        {
            continue;
        }
        let name = shortened(&name, SYSTEM_NAME_CHARS_MAX);
        endpoints.push(Endpoint {
            external_id: row.system_id.to_string(),
            hostname: name.clone(),
            name,
            endpoint_type,
            port: unusual_port(platform, endpoint_type),
            comments: platform.name.as_deref().map(|name| shortened(name, 80)),
            network_id: None,
        });
    }
    endpoints
}

/// By the platform's usual session, else by its usual port.
fn endpoint_type(platform: &Platform) -> Option<EndpointType> {
    let session_type = platform.default_session_type.as_deref().unwrap_or_default();
    match session_type.to_ascii_lowercase().as_str() {
        "rdp" => Some(EndpointType::Rdp),
        "ssh" => Some(EndpointType::Shell),
        _ => [EndpointType::Rdp, EndpointType::Shell]
            .into_iter()
            .find(|kind| platform.default_port == Some(usual_port(*kind))),
    }
}

fn unusual_port(platform: &Platform, kind: EndpointType) -> Option<u16> {
    let port = platform
        .default_port
        .filter(|port| *port != usual_port(kind))?;
    u16::try_from(port).ok().filter(|port| *port != 0)
}

fn usual_port(kind: EndpointType) -> i32 {
    match kind {
        EndpointType::Rdp => 3389,
        EndpointType::Shell => 22,
    }
}
