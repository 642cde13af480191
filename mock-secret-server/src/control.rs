//! This simulator's own control routes: mail, delegated trust, tokens, check-outs.

mod acts;
mod views;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sim_kit::control::{ControlCall, ControlError, Describe, Route, Simulator, describe, to_json};
use sim_kit::exchange::Method;

use crate::service::Service;
use crate::settings::Settings;
use crate::state::{Operate, Operated, SecretText, Vault};
use views::{Approvals, Mailbox, Message, State, Trust};

/// What the control plane borrows: the service and the way back to its start.
pub(crate) struct Controlled {
    pub(crate) service: Arc<Service>,
    /// The vault of the start, told how often there has been one.
    pub(crate) rebuild: Box<dyn Fn(u64) -> Vault + Send + Sync>,
    /// How often the vault has been started anew.
    pub(crate) resets: AtomicU64,
}

impl Simulator for Controlled {
    fn state(&self) -> Value {
        let now = self.service.clock.now();
        let service = &self.service;
        let resets = self.resets.load(Ordering::Relaxed);
        to_json(&State::of(&service.vault(), &service.protocol, resets, now))
    }

    fn state_schema(&self) -> Option<Describe> {
        Some(describe::<State>())
    }

    fn reset(&self) {
        let resets = self.resets.fetch_add(1, Ordering::Relaxed) + 1;
        *self.service.vault() = (self.rebuild)(resets);
    }
}

/// Whose tokens die.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expiry {
    /// Every token in this user's context.
    #[serde(default)]
    user: Option<String>,
    /// This token.
    #[serde(default)]
    token: Option<String>,
}

/// The routes.
pub(crate) fn routes(service: &Arc<Service>) -> Vec<Route> {
    let mut routes = vec![
        mailbox(service),
        approvals(service),
        settings(service),
        expire_tokens(service),
    ];
    routes.extend(acts::routes(service));
    routes
}

fn expire_tokens(service: &Arc<Service>) -> Route {
    let service = Arc::clone(service);
    let summary = "one token, or all of a user, die now";
    Route::new(
        Method::POST,
        "/tokens/expire",
        summary,
        move |call: ControlCall| {
            let act = call
                .body::<Expiry>()
                .and_then(|it| match (it.user, it.token) {
                    (Some(user), None) => Ok(Operate::ExpireTokensOf { user }),
                    (None, Some(token)) => Ok(Operate::ExpireToken {
                        token: SecretText::from(token),
                    }),
                    _ => Err(ControlError::bad_request("name either user or token")),
                });
            let done = act.and_then(|act| operate(&service, act));
            async move { done }
        },
    )
    .takes::<Expiry>()
}

fn mailbox(service: &Arc<Service>) -> Route {
    let service = Arc::clone(service);
    Route::new(
        Method::GET,
        "/mailbox",
        "the mail that was sent, oldest first",
        move |call| {
            let service = Arc::clone(&service);
            async move {
                let vault = service.vault();
                let user = call.query("user");
                let mails = vault
                    .mailbox()
                    .filter(|mail| user.is_none_or(|user| mail.user.eq_ignore_ascii_case(user)));
                let root = &service.layout.root;
                let mails = mails.map(|mail| Message::of(mail, root)).collect();
                Ok(to_json(&Mailbox { mails }))
            }
        },
    )
    .gives::<Mailbox>()
}

/// An administrator changes settings. What is not named stays as it is.
fn settings(service: &Arc<Service>) -> Route {
    let service = Arc::clone(service);
    let summary = "change settings of the vault; what is not named stays";
    Route::new(
        Method::POST,
        "/settings",
        summary,
        move |call: ControlCall| {
            let changed = call
                .body::<serde_json::Map<String, Value>>()
                .and_then(|changes| change_settings(service.vault().settings_mut(), changes));
            async move { changed }
        },
    )
    .takes::<Settings>()
    .gives::<Settings>()
}

fn change_settings(
    settings: &mut Settings,
    changes: serde_json::Map<String, Value>,
) -> Result<Value, ControlError> {
    let mut whole = to_json(settings);
    if let Value::Object(whole) = &mut whole {
        whole.extend(changes);
    }
    let changed = Settings::deserialize(whole)
        .map_err(|error| ControlError::bad_request(format!("body: {error}")))?;
    let at_the_start = |settings: &Settings| {
        let paths = [&settings.authorize_path, &settings.access_approval_path].map(String::clone);
        (settings.profile, paths, settings.short_domain_names)
    };
    if at_the_start(&changed) != at_the_start(settings) {
        let cure = "profile, authorize_path, access_approval_path and short_domain_names are \
                    chosen in the lab, before the start";
        return Err(ControlError::conflict(cure));
    }
    *settings = changed;
    Ok(to_json(settings))
}

fn approvals(service: &Arc<Service>) -> Route {
    let service = Arc::clone(service);
    let summary = "delegated trust, for each API account and user";
    Route::new(Method::GET, "/approvals", summary, move |_| {
        let service = Arc::clone(&service);
        async move {
            let trusts = service.vault().trusts();
            let approvals = trusts.iter().map(Trust::of).collect();
            Ok(to_json(&Approvals { approvals }))
        }
    })
    .gives::<Approvals>()
}

fn operate(service: &Service, act: Operate) -> Result<Value, ControlError> {
    let now = service.clock.now();
    match service.vault().operate(act, now) {
        Ok(Operated::Done) => Ok(json!({})),
        Ok(Operated::Ended(count)) => Ok(json!({ "ended": count })),
        Ok(Operated::Filed(id)) => Ok(json!({ "approval_id": id })),
        // A capability, for the operator who opened the session and nobody else: no dump or
        // journal has it.
        Ok(Operated::Launched(key)) => Ok(json!({ "session_key": key.expose() })),
        Err(error) => Err(ControlError::conflict(format!("failed to {error}"))),
    }
}
