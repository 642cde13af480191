//! Sessions through Password Safe's proxy. psafe:§2.9.

use schemars::JsonSchema;
use serde::Serialize;
use sim_kit::clock::SimTime;

use crate::state::State;
use crate::state::remote_session::RemoteSession;
use crate::wire::date;

/// What starting a session answers: where to connect and with which ticket.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SessionTicket {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) ticket: String,
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) ticket_at_host: String,
    pub(crate) link: String,
    pub(crate) command: Option<String>,
    #[serde(rename = "SessionID")]
    pub(crate) session_id: i32,
    #[serde(rename = "NodeID")]
    pub(crate) node_id: &'static str,
}

/// The one node of the simulated cluster.
pub(crate) const NODE: &str = "5e7c1a52-0d0f-4a53-9d2c-2f6f0b1c7e01";

/// A session (`vendor-client psafe:PYLIB`).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SessionRow {
    #[serde(rename = "SessionID")]
    session_id: i32,
    #[serde(rename = "UserID")]
    user_id: i32,
    #[serde(rename = "NodeID")]
    node_id: &'static str,
    status: i32,
    archive_status: i32,
    protocol: i32,
    start_time: String,
    end_time: Option<String>,
    duration: u64,
    asset_name: String,
    #[serde(rename = "ManagedSystemID")]
    managed_system_id: i32,
    #[serde(rename = "ManagedAccountID")]
    managed_account_id: i32,
    managed_account_name: String,
    record_key: String,
    token: String,
    #[serde(rename = "ApplicationID")]
    application_id: i32,
    #[serde(rename = "RequestID")]
    request_id: Option<i32>,
    session_type: i32,
}

impl SessionRow {
    pub(crate) fn of(session: &RemoteSession, state: &State, now: SimTime) -> Self {
        let system = state.vault.systems.get(&session.system);
        let account = state.vault.accounts.get(&session.account);
        let ended = session.ended_at.unwrap_or(now);
        Self {
            session_id: session.id.0,
            user_id: session.user.0,
            node_id: NODE,
            status: session.status as i32,
            archive_status: 0,
            protocol: i32::from(session.is_ssh),
            start_time: date::print(session.started_at),
            end_time: session.ended_at.map(date::print),
            duration: ended.since(session.started_at).as_secs(),
            asset_name: system.map(|system| system.name.clone()).unwrap_or_default(),
            managed_system_id: session.system.0,
            managed_account_id: session.account.0,
            managed_account_name: account
                .map(|account| account.name.to_string())
                .unwrap_or_default(),
            record_key: session.record_key.clone(),
            token: session.record_key.clone(),
            application_id: 0,
            request_id: session.request.map(|id| id.0),
            session_type: 1,
        }
    }
}
