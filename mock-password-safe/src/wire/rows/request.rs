//! Requests, access policies, aliases. psafe:§2.4, §2.7, §2.11. Mind the casing: `SystemID` here.

use schemars::JsonSchema;
use serde::Serialize;
use sim_kit::clock::SimTime;

use crate::settings::Settings;
use crate::state::State;
use crate::state::policy::{AccessRule, AccessType, Policy, Schedule, TicketSystem};
use crate::state::release::Release;
use crate::state::vault::Alias;
use crate::wire::date;

/// A request (`documented psafe:DOC-req`, newer members from `vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RequestRow {
    #[serde(rename = "RequestID")]
    request_id: i32,
    #[serde(rename = "SystemID")]
    system_id: i32,
    system_name: String,
    #[serde(rename = "AccountID")]
    account_id: i32,
    account_name: String,
    domain_name: Option<String>,
    #[serde(rename = "AliasID")]
    alias_id: Option<i32>,
    #[serde(rename = "ApplicationID")]
    application_id: Option<i32>,
    request_release_date: String,
    approved_date: Option<String>,
    canceled_date: Option<String>,
    expires_date: String,
    status: String,
    access_type: &'static str,
    reason: Option<String>,
    managed_system_name: String,
    #[serde(rename = "APIOnlyAccess")]
    api_only_access: bool,
    #[serde(rename = "RequestorUserID")]
    requestor_user_id: i32,
    requestor_name: String,
    totp_enabled: bool,
    totp_parameters: Option<String>,
}

impl RequestRow {
    pub(crate) fn of(release: &Release, state: &State, settings: &Settings, now: SimTime) -> Self {
        let system = state.vault.systems.get(&release.system);
        let account = state.vault.accounts.get(&release.account);
        let system_name = system.map(|system| system.name.clone()).unwrap_or_default();
        let requestor = state.people.users.get(&release.requestor);
        let word = if release.is_active(now) {
            &settings.active_word
        } else {
            &settings.pending_word
        };
        Self {
            request_id: release.id.0,
            system_id: release.system.0,
            system_name: system_name.clone(),
            account_id: release.account.0,
            account_name: account
                .map(|account| account.name.to_string())
                .unwrap_or_default(),
            domain_name: account.and_then(|account| account.domain.as_deref().map(str::to_owned)),
            alias_id: release.alias.map(|id| id.0),
            application_id: release.application.map(|id| id.0),
            request_release_date: date::print(release.created_at),
            approved_date: release.approved_at.map(date::print),
            canceled_date: release.canceled_at.map(date::print),
            expires_date: date::print(release.expires_at),
            status: word.clone(),
            access_type: release.access_type.word(),
            reason: release.reason.clone(),
            managed_system_name: system_name,
            api_only_access: false,
            requestor_user_id: release.requestor.0,
            requestor_name: requestor
                .map(|user| user.full_name.to_string())
                .unwrap_or_default(),
            totp_enabled: false,
            totp_parameters: None,
        }
    }
}

/// A set of requests for several access types at once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RequestSetRow {
    #[serde(rename = "RequestSetID")]
    pub(crate) request_set_id: String,
    #[serde(rename = "Requests")]
    pub(crate) requests: Vec<RequestRow>,
}

/// An access policy. What a schedule's window is never travels (`documented psafe:§4.2`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyRow {
    #[serde(rename = "AccessPolicyID")]
    access_policy_id: i32,
    name: String,
    description: String,
    schedules: Vec<ScheduleRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct ScheduleRow {
    #[serde(rename = "ScheduleID")]
    schedule_id: i32,
    require_reason: bool,
    require_ticket_system: bool,
    #[serde(rename = "TicketSystemID")]
    ticket_system_id: Option<i32>,
    access_types: Vec<AccessTypeRow>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct AccessTypeRow {
    access_type: &'static str,
    is_session: bool,
    record_session: bool,
    min_approvers: u16,
    max_concurrent: u16,
}

impl PolicyRow {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            access_policy_id: policy.id.0,
            name: policy.name.clone(),
            description: policy.description.clone(),
            schedules: policy.schedules.iter().map(ScheduleRow::of).collect(),
        }
    }
}

impl ScheduleRow {
    fn of(schedule: &Schedule) -> Self {
        Self {
            schedule_id: schedule.id.0,
            require_reason: schedule.reason_required,
            require_ticket_system: schedule.ticket_required,
            ticket_system_id: schedule.ticket_system,
            access_types: schedule.access.iter().map(AccessTypeRow::of).collect(),
        }
    }
}

impl AccessTypeRow {
    fn of(rule: &AccessRule) -> Self {
        Self {
            access_type: rule.access_type.word(),
            is_session: rule.access_type != AccessType::View,
            record_session: rule.record_session,
            min_approvers: rule.approvers_min,
            max_concurrent: rule.concurrent_max,
        }
    }
}

/// A ticket system (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TicketSystemRow {
    #[serde(rename = "TicketSystemID")]
    ticket_system_id: i32,
    is_active: bool,
    ticket_system_name: String,
    description: String,
    is_default_system: bool,
}

impl TicketSystemRow {
    pub(crate) fn of(system: &TicketSystem) -> Self {
        Self {
            ticket_system_id: system.id,
            is_active: system.active,
            ticket_system_name: system.name.clone(),
            description: system.description.clone(),
            is_default_system: system.default,
        }
    }
}

/// An alias (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AliasRow {
    #[serde(rename = "AliasID")]
    alias_id: i32,
    alias_name: String,
    alias_state: i32,
    system_id: Option<i32>,
    system_name: String,
    account_id: Option<i32>,
    account_name: String,
    domain_name: Option<String>,
    instance_name: String,
    default_release_duration: i32,
    maximum_release_duration: i32,
    last_change_date: Option<String>,
    next_change_date: Option<String>,
    is_changing: bool,
    change_state: i32,
    mapped_accounts: Vec<MappedAccount>,
}

#[derive(Serialize, JsonSchema)]
struct MappedAccount {
    #[serde(rename = "AliasID")]
    alias_id: i32,
    #[serde(rename = "ManagedSystemID")]
    managed_system_id: i32,
    #[serde(rename = "ManagedAccountID")]
    managed_account_id: i32,
    #[serde(rename = "Status")]
    status: &'static str,
}

impl AliasRow {
    /// An alias whose account is gone stands for nothing: state 0, no ids, no mapped account
    /// (assumed).
    pub(crate) fn of(alias: &Alias, state: &State) -> Self {
        let account = state.vault.account_of(alias);
        let system = account.and_then(|_| state.vault.systems.get(&alias.system));
        Self {
            alias_id: alias.id.0,
            alias_name: alias.name.clone(),
            alias_state: state.vault.state_of(alias),
            system_id: system.map(|system| system.id.0),
            system_name: system.map(|system| system.name.clone()).unwrap_or_default(),
            account_id: account.map(|account| account.id.0),
            account_name: account
                .map(|account| account.name.to_string())
                .unwrap_or_default(),
            domain_name: account.and_then(|account| account.domain.as_deref().map(str::to_owned)),
            instance_name: system
                .and_then(|system| system.instance.clone())
                .unwrap_or_default(),
            default_release_duration: account.map_or(0, |account| account.release_min),
            maximum_release_duration: account.map_or(0, |account| account.release_max_min),
            last_change_date: account
                .and_then(|account| account.changed_at)
                .map(date::print),
            next_change_date: None,
            is_changing: false,
            change_state: 0,
            mapped_accounts: account
                .map(|account| MappedAccount {
                    alias_id: alias.id.0,
                    managed_system_id: alias.system.0,
                    managed_account_id: account.id.0,
                    status: "Active",
                })
                .into_iter()
                .collect(),
        }
    }
}

/// `GET Aliases/{aliasId}/Credentials/{requestId}`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AliasCredential {
    #[serde(rename = "AliasID")]
    pub(crate) alias_id: i32,
    pub(crate) alias_name: String,
    #[serde(rename = "SystemID")]
    pub(crate) system_id: i32,
    pub(crate) system_name: String,
    #[serde(rename = "AccountID")]
    pub(crate) account_id: i32,
    pub(crate) account_name: String,
    pub(crate) domain_name: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) private_key: Option<String>,
    pub(crate) passphrase: Option<String>,
}
