//! What the control plane shows, with every secret left out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::ExternalJumpItem;
use crate::injection::Injection;
use crate::secret::Secret;
use crate::site::Site;
use crate::state::accounts::{ApiAccount, ClientId, CommandAccess};
use crate::state::directory::{ConsoleUser, JumpItem};
use crate::state::ecms::EcmClient;
use crate::state::releases::Release;
use crate::state::sessions::{CredentialSummary, Session};

/// A row of Status > Information > ECM Clients.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EcmView {
    connection_id: String,
    ecm_group: String,
    ecm_id: String,
    hostname: String,
    os: String,
    ecm_version: String,
    plugin_name: String,
    plugin_version: String,
    address: String,
    client_id: String,
    /// Simulated time, RFC 3339.
    connected_since: String,
    last_request: Option<String>,
    /// Whether the group's next request goes there.
    receives_requests: bool,
    /// What its plugin can do.
    capabilities: Vec<&'static str>,
}

impl EcmView {
    pub(crate) fn of(site: &Site, ecm: &EcmClient) -> Self {
        let first = site
            .state()
            .ecms
            .route(&ecm.group)
            .map(|first| first.connection);
        let said = ecm.announced.clone().unwrap_or_default();
        let flags = said.capabilities;
        let capabilities = [
            ("credentials_used", flags.credentials_used),
            ("endpoint_search", flags.endpoint_search),
            ("health_check", flags.health_check),
            ("session_complete", flags.session_complete),
            ("session_started", flags.session_started),
            ("start_session", flags.start_session),
        ];
        Self {
            connection_id: ecm.connection.to_string(),
            ecm_group: ecm.group.clone(),
            ecm_id: said.ecm_id,
            hostname: said.hostname,
            os: said.os,
            ecm_version: said.ecm_version,
            plugin_name: said.plugin_name,
            plugin_version: said.plugin_version,
            address: ecm.address.to_string(),
            client_id: ecm.client_id.to_string(),
            connected_since: ecm.connected_at.to_rfc3339(),
            last_request: ecm.last_request_at.map(|at| at.to_rfc3339()),
            receives_requests: first == Some(ecm.connection),
            capabilities: capabilities
                .into_iter()
                .filter(|(_, on)| *on)
                .map(|(n, _)| n)
                .collect(),
        }
    }
}

/// An entry of the list behind the key icon.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CredentialView {
    credential_id: String,
    display_value: String,
    /// Whether the user took it for this Jump Item before.
    recommended: bool,
}

impl CredentialView {
    pub(crate) fn of(summary: &CredentialSummary) -> Self {
        Self {
            credential_id: summary.credential_id.clone(),
            display_value: summary.display_value.clone(),
            recommended: summary.recommended,
        }
    }
}

/// A credential that was injected, without the credential.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InjectedView {
    credential_id: String,
    kind: &'static str,
    /// All but the ends hidden.
    username: String,
    domain: Option<String>,
    /// Keyed, so that it cannot be guessed at.
    fingerprint: String,
}

impl InjectedView {
    pub(crate) fn of(injection: &Injection) -> Self {
        Self {
            credential_id: injection.credential_id.clone(),
            kind: injection.kind.as_str(),
            username: injection.masked_username.clone(),
            domain: injection.domain.clone(),
            fingerprint: injection.fingerprint(),
        }
    }
}

/// A session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionView {
    session_id: String,
    lsid: String,
    user: String,
    jump_item: String,
    jump_item_type: &'static str,
    ecm_group: String,
    started_at: String,
    ended_at: Option<String>,
    offered: Vec<CredentialView>,
    injections: Vec<InjectionView>,
    events: Vec<EventView>,
    hops: Vec<HopView>,
}

#[derive(Serialize, JsonSchema)]
struct InjectionView {
    at: String,
    credential_id: String,
    kind: &'static str,
    username: String,
    fingerprint: String,
}

#[derive(Serialize, JsonSchema)]
struct EventView {
    at: String,
    event_type: &'static str,
    performed_by: String,
    data: BTreeMap<&'static str, String>,
}

/// A request on the link. Times are microseconds of real time since the appliance started.
#[derive(Serialize, JsonSchema)]
struct HopView {
    request: &'static str,
    request_id: String,
    connection: String,
    sent_at_us: u64,
    answered_at_us: u64,
    outcome: String,
}

impl SessionView {
    pub(crate) fn of(session: &Session) -> Self {
        let injections = session.injections.iter().map(|injection| InjectionView {
            at: injection.at.to_rfc3339(),
            credential_id: injection.credential_id.clone(),
            kind: injection.kind,
            username: injection.masked_username.clone(),
            fingerprint: injection.fingerprint.clone(),
        });
        let events = session.events.iter().map(|event| EventView {
            at: event.at.to_rfc3339(),
            event_type: event.event_type,
            performed_by: event.performed_by.clone(),
            data: event.data.iter().cloned().collect(),
        });
        let hops = session.hops.iter().map(|hop| HopView {
            request: hop.request,
            request_id: hop.request_id.clone(),
            connection: hop.connection.clone(),
            sent_at_us: hop.sent_at_us,
            answered_at_us: hop.answered_at_us,
            outcome: hop.outcome.clone(),
        });
        Self {
            session_id: session.id.to_string(),
            lsid: session.lsid.clone(),
            user: session.user.username.clone(),
            jump_item: session.jump_item.name.clone(),
            jump_item_type: session.jump_item.kind.as_str(),
            ecm_group: session.ecm_group.clone(),
            started_at: session.started_at.to_rfc3339(),
            ended_at: session.ended_at.map(|at| at.to_rfc3339()),
            offered: session.offered.iter().map(CredentialView::of).collect(),
            injections: injections.collect(),
            events: events.collect(),
            hops: hops.collect(),
        }
    }
}

/// An API account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountView {
    name: String,
    client_id: String,
    enabled: bool,
    ecm_group: String,
    perm_ecm: bool,
    perm_command: &'static str,
    perm_reporting_support: bool,
    perm_configuration: bool,
    valid_tokens: usize,
    failed_login_attempts: u32,
    /// Live links that it opened.
    links: Vec<String>,
}

impl AccountView {
    pub(crate) fn all(site: &Site) -> Vec<Self> {
        let (state, now) = (site.state(), site.now());
        let view = |account: &ApiAccount| Self {
            name: account.name.clone(),
            client_id: account.client_id.to_string(),
            enabled: account.enabled,
            ecm_group: account.ecm_group.clone(),
            perm_ecm: account.permissions.ecm,
            perm_command: match account.permissions.command {
                CommandAccess::Deny => "deny",
                CommandAccess::ReadOnly => "read_only",
                CommandAccess::FullAccess => "full_access",
            },
            perm_reporting_support: account.permissions.reporting_support,
            perm_configuration: account.permissions.configuration,
            valid_tokens: account.valid_tokens(now),
            failed_login_attempts: account.failed_login_attempts,
            links: state
                .ecms
                .of_account(&account.client_id)
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        state.accounts.iter().map(view).collect()
    }

    pub(crate) fn one(site: &Site, client_id: &ClientId) -> Option<Self> {
        Self::all(site)
            .into_iter()
            .find(|view| view.client_id == client_id.0)
    }
}

/// A new client secret. This one reply is the only place where it shows (documented sra:§2.1).
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewSecretView {
    client_id: String,
    client_secret: String,
}

impl NewSecretView {
    pub(crate) fn reveal(client_id: &ClientId, secret: &Secret) -> Self {
        Self {
            client_id: client_id.to_string(),
            client_secret: secret.expose().to_owned(),
        }
    }
}

/// An External Jump Item.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExternalView {
    external_id: String,
    name: String,
    hostname: String,
    jump_method: String,
    port: Option<u16>,
    comments: String,
    network_id: Option<String>,
}

impl ExternalView {
    pub(crate) fn of(item: &ExternalJumpItem) -> Self {
        Self {
            external_id: item.endpoint.external_id.clone(),
            name: item.endpoint.name.clone(),
            hostname: item.endpoint.hostname.clone(),
            jump_method: item.endpoint.r#type.clone(),
            port: item.endpoint.port,
            comments: item.comments.clone(),
            network_id: item.endpoint.network_id.clone(),
        }
    }
}

/// A user of the access console.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserView {
    username: String,
    distinguished_name: Option<String>,
    display_name: Option<String>,
    provider_type: &'static str,
    /// Jump Items in the order in which the user last picked them, the latest first.
    recently_used: Vec<String>,
}

impl UserView {
    pub(crate) fn of(user: &ConsoleUser, recently_used: Vec<String>) -> Self {
        Self {
            username: user.username.clone(),
            distinguished_name: user.distinguished_name.clone(),
            display_name: user.display_name.clone(),
            provider_type: user.provider_type.as_str(),
            recently_used,
        }
    }
}

/// A Jump Item.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JumpItemView {
    name: String,
    r#type: &'static str,
    hostname: Option<String>,
    port: Option<u16>,
    url: Option<String>,
    jump_group: Option<String>,
    ecm_group: String,
}

impl JumpItemView {
    pub(crate) fn of(item: &JumpItem, ecm_group: &str) -> Self {
        Self {
            name: item.name.clone(),
            r#type: item.kind.as_str(),
            hostname: item.hostname.clone(),
            port: item.port,
            url: item.url.clone(),
            jump_group: item.jump_group.clone(),
            ecm_group: ecm_group.to_owned(),
        }
    }
}

/// The whole state.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StateView {
    product: &'static str,
    company: String,
    console_users: Vec<String>,
    jump_items: Vec<String>,
    accounts: Vec<AccountView>,
    ecm_clients: Vec<EcmView>,
    sessions: Vec<SessionView>,
    releases_owed: Vec<ReleaseView>,
    releases_confirmed: u64,
    releases_given_up: u64,
    discarded_answers: CountersView,
}

#[derive(Serialize, JsonSchema)]
struct ReleaseView {
    session_id: String,
    credential_id: String,
    served_by: Option<String>,
    attempts: u32,
    last_problem: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct CountersView {
    late: u64,
    duplicate: u64,
    unknown: u64,
    malformed: u64,
}

impl StateView {
    pub(crate) fn of(site: &Site) -> Self {
        let accounts = AccountView::all(site);
        let clients: Vec<_> = site.state().ecms.iter().cloned().collect();
        let ecm_clients = clients.iter().map(|ecm| EcmView::of(site, ecm)).collect();
        let counters = site.links.counters();
        let state = site.state();
        let release = |release: &Release| ReleaseView {
            session_id: release.key.session.to_string(),
            credential_id: release.key.credential_id.clone(),
            served_by: release.served_by.map(|connection| connection.to_string()),
            attempts: release.attempts,
            last_problem: release.last_problem.clone(),
        };
        Self {
            product: state.directory.product.as_str(),
            company: state.directory.company.clone(),
            console_users: state.directory.users.keys().cloned().collect(),
            jump_items: state.directory.jump_items.keys().cloned().collect(),
            accounts,
            ecm_clients,
            sessions: state.sessions.iter().map(SessionView::of).collect(),
            releases_owed: state.releases.owed().map(release).collect(),
            releases_confirmed: state.releases.confirmed_count(),
            releases_given_up: state.releases.given_up_count(),
            discarded_answers: CountersView {
                late: counters.late,
                duplicate: counters.duplicate,
                unknown: counters.unknown,
                malformed: counters.malformed,
            },
        }
    }
}
