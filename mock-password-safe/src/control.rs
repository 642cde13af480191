//! What the control plane adds for this simulator: people who decide, people who look, and what
//! an administrator clicks.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sim_kit::clock::SimClock;
use sim_kit::control::{ControlCall, ControlError, Route, Simulator, to_json};
use sim_kit::exchange::Method;

use crate::engine::Engine;
use crate::openapi;
use crate::ops;
use crate::secret::Secret;
use crate::state::State;
use crate::state::ids::{RequestId, UserId};
use crate::state::refusal::Refusal;
use crate::state::release::{Release, Standing};
use crate::state::secure_remote_access::{Appliance, RELEASE_DURATION_MIN};

/// A request, as an operator sees it.
#[derive(Serialize, JsonSchema)]
struct RequestState {
    id: i32,
    requestor: Arc<str>,
    system: String,
    account: String,
    access_type: &'static str,
    /// `pending`, `approved`, `denied`, `released` or `ended`.
    standing: &'static str,
    approvals: usize,
    approvals_needed: u16,
    /// Name of the ticket system, where a ticket was named.
    ticket_system: Option<String>,
    ticket: Option<String>,
    expires_at: String,
}

/// Who decides.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// Sign-in name of the approver.
    by: String,
}

/// The form *Connect to Secure Remote Access* (`documented psafe:DOC-sra`), and whom to put into the
/// group of requesters. Every member may be left out.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Connect {
    /// Host of the appliance. Remembered and shown, connected to by nobody.
    #[serde(default)]
    host: Option<String>,
    /// Its port.
    #[serde(default)]
    port: Option<u16>,
    /// Client id of the appliance's API account.
    #[serde(default)]
    client_id: Option<String>,
    /// Its client secret. Remembered, shown to nobody.
    #[serde(default)]
    api_key: Option<String>,
    /// Release duration, minutes: 1 to 525600, 360 when absent.
    #[serde(default)]
    release_duration_min: Option<u32>,
    /// Sign-in names.
    #[serde(default)]
    requesters: Vec<String>,
}

/// What *Connect to Secure Remote Access* created, with the key that an operator gives to the ECM:
/// nobody else is told.
#[derive(Serialize, JsonSchema)]
struct ConnectedState {
    policy: i32,
    registration: i32,
    group: i32,
    /// The key of the registration.
    registration_key: String,
    release_duration_min: u32,
}

/// Which account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccountRef {
    /// System name.
    system: String,
    /// Account name.
    account: String,
}

/// Which account, and how it is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    /// System name.
    system: String,
    /// Account name.
    account: String,
    /// *Enable for API access*.
    api_enabled: bool,
}

/// Whose sessions end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserRef {
    /// Sign-in name.
    user: String,
}

/// The routes beside the common ones.
pub(crate) fn routes(engine: &Arc<Engine>) -> Vec<Route> {
    vec![
        route(
            engine,
            Method::GET,
            "/requests",
            "Every request, whatever became of it",
            requests,
        )
        .gives::<Vec<RequestState>>(),
        route(
            engine,
            Method::POST,
            "/requests/{id}/approve",
            "Approve a request",
            |engine, call| {
                decide(engine, call, |state, user, id, now| {
                    state.approve(user, id, now, now)
                })
            },
        )
        .takes::<Decision>(),
        route(
            engine,
            Method::POST,
            "/requests/{id}/deny",
            "Deny a request",
            |engine, call| decide(engine, call, State::deny),
        )
        .takes::<Decision>(),
        route(
            engine,
            Method::POST,
            "/connect-secure-remote-access",
            "What the form Connect to Secure Remote Access creates",
            connect,
        )
        .takes::<Connect>()
        .gives::<ConnectedState>(),
        route(
            engine,
            Method::POST,
            "/accounts/rotate",
            "Give an account a new password now",
            rotate,
        )
        .takes::<AccountRef>(),
        route(
            engine,
            Method::POST,
            "/accounts/api-access",
            "Set Enable for API access",
            api_access,
        )
        .takes::<AccountChange>(),
        route(
            engine,
            Method::POST,
            "/sessions/expire",
            "End the API sessions of a user",
            expire,
        )
        .takes::<UserRef>(),
        route(
            engine,
            Method::GET,
            "/vendor/openapi.json",
            "The OpenAPI document of the vendor surface",
            |engine, _| Ok(openapi::document(&engine.settings)),
        ),
    ]
}

fn route(
    engine: &Arc<Engine>,
    method: Method,
    path: &'static str,
    summary: &'static str,
    run: fn(&Engine, &ControlCall) -> Result<Value, ControlError>,
) -> Route {
    let engine = Arc::clone(engine);
    Route::new(method, path, summary, move |call| {
        let done = run(&engine, &call);
        async move { done }
    })
}

fn requests(engine: &Engine, _: &ControlCall) -> Result<Value, ControlError> {
    let state = engine.settled(engine.clock.now());
    let rows: Vec<_> = state
        .releases
        .iter()
        .map(|release| shown(release, &state))
        .collect();
    Ok(to_json(&rows))
}

fn shown(release: &Release, state: &State) -> RequestState {
    let account = state.vault.accounts.get(&release.account);
    let system = state.vault.systems.get(&release.system);
    RequestState {
        id: release.id.0,
        requestor: name_of(state, release.requestor),
        system: system.map(|system| system.name.clone()).unwrap_or_default(),
        account: account
            .map(|account| account.name.to_string())
            .unwrap_or_default(),
        access_type: release.access_type.word(),
        standing: match release.standing {
            Standing::Pending => "pending",
            Standing::Approved => "approved",
            Standing::Denied => "denied",
            Standing::Released => "released",
            Standing::Ended => "ended",
        },
        approvals: release.approved_by.len(),
        approvals_needed: release.approvers_min,
        ticket_system: release
            .ticket_system
            .and_then(|id| state.ticket_systems.get(&id))
            .map(|system| system.name.clone()),
        ticket: release.ticket.clone(),
        expires_at: release.expires_at.to_rfc3339(),
    }
}

fn name_of(state: &State, user: UserId) -> Arc<str> {
    state.people.full_name(user).unwrap_or_default()
}

type Decide = fn(&mut State, UserId, RequestId, sim_kit::clock::SimTime) -> Result<(), Refusal>;

fn decide(engine: &Engine, call: &ControlCall, decide: Decide) -> Result<Value, ControlError> {
    let by = call.body::<Decision>()?.by;
    let id = call
        .param("id")
        .parse()
        .map_err(|_| ControlError::bad_request("id is not a number"))?;
    let now = engine.clock.now();
    let mut state = engine.settled(engine.clock.now());
    let user = user(&state, &by)?;
    decide(&mut state, user, RequestId(id), now).map_err(|refusal| match refusal {
        Refusal::NotFound(_) => ControlError::not_found("no live request of this number"),
        refusal => ControlError::conflict(format!("{by} may not decide: {refusal}")),
    })?;
    Ok(json!({}))
}

fn connect(engine: &Engine, call: &ControlCall) -> Result<Value, ControlError> {
    let form = call.body::<Option<Connect>>()?.unwrap_or_default();
    let minutes = form.release_duration_min.unwrap_or(RELEASE_DURATION_MIN);
    if !(1..=525_600).contains(&minutes) {
        return Err(ControlError::bad_request(
            "release_duration_min must be 1 to 525600",
        ));
    }
    let mut state = engine.settled(engine.clock.now());
    // Names first, so that a wrong one leaves nothing behind.
    let users = form.requesters.iter().map(|name| user(&state, name));
    let users = users.collect::<Result<Vec<_>, _>>()?;
    let connected = state.connect_secure_remote_access(None);
    for user in users {
        state.add_requester(user);
    }
    state.appliance = Some(Appliance {
        host: form.host,
        port: form.port,
        client_id: form.client_id,
        api_key: form.api_key.map(Secret::new),
        release_duration_min: minutes,
    });
    Ok(to_json(&ConnectedState {
        policy: connected.policy.0,
        registration: connected.registration.0,
        group: connected.group.0,
        registration_key: connected.key.expose().to_owned(),
        release_duration_min: minutes,
    }))
}

fn rotate(engine: &Engine, call: &ControlCall) -> Result<Value, ControlError> {
    let which = call.body::<AccountRef>()?;
    let now = engine.clock.now();
    let mut state = engine.settled(engine.clock.now());
    let id = account(&state, &which.system, &which.account)?;
    state.rotate(id, now);
    Ok(json!({}))
}

fn api_access(engine: &Engine, call: &ControlCall) -> Result<Value, ControlError> {
    let change = call.body::<AccountChange>()?;
    let mut state = engine.settled(engine.clock.now());
    let id = account(&state, &change.system, &change.account)?;
    if let Some(account) = state.vault.accounts.get_mut(&id) {
        account.api_enabled = change.api_enabled;
    }
    Ok(json!({}))
}

fn expire(engine: &Engine, call: &ControlCall) -> Result<Value, ControlError> {
    let name = call.body::<UserRef>()?.user;
    let mut state = engine.settled(engine.clock.now());
    let user = user(&state, &name)?;
    Ok(json!({ "ended": state.sign_ins.expire_user(user) }))
}

fn user(state: &State, name: &str) -> Result<UserId, ControlError> {
    let found = state.people.find(name).map(|user| user.id);
    found.ok_or_else(|| ControlError::not_found(format!("no user {name}")))
}

fn account(
    state: &State,
    system: &str,
    account: &str,
) -> Result<crate::state::ids::AccountId, ControlError> {
    let found = state
        .account_named(system, account)
        .map(|account| account.id);
    found.ok_or_else(|| ControlError::not_found(format!("no account {account} on {system}")))
}

/// Lends the engine to the control plane.
pub(crate) struct Lent(pub(crate) Arc<Engine>);

impl Simulator for Lent {
    fn state(&self) -> Value {
        let clock: &SimClock = &self.0.clock;
        let now = clock.now();
        let state = self.0.settled(now);
        let live = state.releases.live(now).len();
        json!({
            "systems": state.vault.systems.len(),
            "accounts": state.vault.accounts.len(),
            "users": state.people.users.values().map(|user| json!({
                "id": user.id.0,
                "name": user.full_name,
                "active": user.active,
                "quarantined": user.quarantined,
            })).collect::<Vec<_>>(),
            "registrations": state.people.registrations.values().map(|entry| json!({
                "id": entry.id.0,
                "name": entry.name,
                "active": entry.active,
                "address_rules": entry.addresses.len(),
                "forwarded_for_rules": entry.forwarded_for.len(),
            })).collect::<Vec<_>>(),
            "secure_remote_access": state.appliance.as_ref().map(|appliance| json!({
                "host": appliance.host,
                "port": appliance.port,
                "client_id": appliance.client_id,
                "release_duration_min": appliance.release_duration_min,
            })),
            "api_sessions": state.sign_ins.alive(&state.rules, now),
            "live_requests": live,
            "requests": state.releases.iter().count(),
            "team_secrets": state.secrets_safe.secrets.len(),
            "settings": self.0.settings,
        })
    }

    fn reset(&self) {
        self.0.reset();
    }

    fn operations(&self) -> Option<Vec<&'static str>> {
        Some(ops::routes().map(|route| route.name).collect())
    }
}
