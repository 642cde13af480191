//! This simulator's own control routes: mail, delegated trust, tokens, check-outs.

mod views;

use std::sync::Arc;

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
    /// Builds the vault of the start. It was built once, so it can be built again.
    pub(crate) rebuild: Box<dyn Fn() -> Option<Vault> + Send + Sync>,
}

impl Simulator for Controlled {
    fn state(&self) -> Value {
        let now = self.service.clock.now();
        let service = &self.service;
        to_json(&State::of(&service.vault(), &service.protocol, now))
    }

    fn state_schema(&self) -> Option<Describe> {
        Some(describe::<State>())
    }

    fn reset(&self) {
        if let Some(fresh) = (self.rebuild)() {
            *self.service.vault() = fresh;
        }
    }
}

/// Whom an answer to a request concerns.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The API account that asks.
    caller: String,
    /// The user who answers.
    user: String,
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

/// A user's request for access to a secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccessRequest {
    /// The secret.
    secret_id: i32,
    /// Who asks.
    user: String,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// A secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneSecret {
    /// Its id.
    secret_id: i32,
}

/// A user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneUser {
    /// The user, as `alice`, `acme.example\alice` or `alice@acme.example`.
    user: String,
}

/// The routes.
pub(crate) fn routes(service: &Arc<Service>) -> Vec<Route> {
    let mut routes = vec![
        mailbox(service),
        approvals(service),
        settings(service),
        expire_tokens(service),
    ];
    routes.extend(acts::<Approval, 3>(service, TRUST));
    routes.extend(acts::<AccessRequest, 1>(service, ACCESS));
    routes.extend(acts::<OneSecret, 4>(service, SECRETS));
    routes.extend(acts::<OneUser, 4>(service, USERS));
    routes
}

/// A path, what it does, and how its body becomes that.
type Act<T> = (&'static str, &'static str, fn(T) -> Operate);

const TRUST: [Act<Approval>; 3] = [
    (
        "/approvals/approve",
        "a user approves an application",
        |it| {
            let Approval { caller, user } = it;
            Operate::ApproveImpersonation { caller, user }
        },
    ),
    (
        "/approvals/deny",
        "a user denies an application's request",
        |it| {
            let Approval { caller, user } = it;
            Operate::DenyImpersonation { caller, user }
        },
    ),
    ("/approvals/revoke", "a user takes an approval back", |it| {
        let Approval { caller, user } = it;
        Operate::RevokeImpersonation { caller, user }
    }),
];

const ACCESS: [Act<AccessRequest>; 1] = [(
    "/access-requests",
    "a user asks for access to a secret",
    |it| {
        let AccessRequest {
            secret_id,
            user,
            reason,
        } = it;
        Operate::FileAccessRequest {
            secret_id,
            user,
            reason,
        }
    },
)];

const SECRETS: [Act<OneSecret>; 4] = [
    (
        "/secrets/check-in",
        "a secret comes back now",
        |OneSecret { secret_id }| Operate::ForceCheckIn { secret_id },
    ),
    (
        "/secrets/rotate",
        "a secret's password changes now",
        |OneSecret { secret_id }| Operate::RotatePassword { secret_id },
    ),
    (
        "/secrets/delete",
        "a secret is deleted",
        |OneSecret { secret_id }| Operate::SetSecretActive {
            secret_id,
            active: false,
        },
    ),
    (
        "/secrets/undelete",
        "a deleted secret comes back",
        |OneSecret { secret_id }| Operate::SetSecretActive {
            secret_id,
            active: true,
        },
    ),
];

const USERS: [Act<OneUser>; 4] = [
    (
        "/users/enable",
        "an account may log on",
        |OneUser { user }| Operate::SetUserEnabled {
            user,
            enabled: true,
        },
    ),
    (
        "/users/disable",
        "an account may not log on",
        |OneUser { user }| Operate::SetUserEnabled {
            user,
            enabled: false,
        },
    ),
    (
        "/users/unlock",
        "a locked account is unlocked",
        |OneUser { user }| Operate::UnlockUser { user },
    ),
    (
        "/users/expire-password",
        "a local password expires",
        |OneUser { user }| Operate::ExpirePassword { user },
    ),
];

/// POST routes that turn their bodies into acts.
fn acts<T, const N: usize>(
    service: &Arc<Service>,
    table: [Act<T>; N],
) -> impl Iterator<Item = Route>
where
    T: for<'de> Deserialize<'de> + JsonSchema + 'static,
{
    table.into_iter().map(|(path, summary, make)| {
        let service = Arc::clone(service);
        Route::new(Method::POST, path, summary, move |call: ControlCall| {
            let done = call
                .body::<T>()
                .and_then(|body| operate(&service, make(body)));
            async move { done }
        })
        .takes::<T>()
    })
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
        let path = settings.authorize_path.clone();
        (settings.profile, path, settings.short_domain_names)
    };
    if at_the_start(&changed) != at_the_start(settings) {
        let cure = "profile, authorize_path and short_domain_names are chosen in the lab, before \
                    the start";
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
        // A session key is a capability: it stays inside the process.
        Ok(Operated::Launched(_)) => Ok(json!({ "launched": true })),
        Err(error) => Err(ControlError::conflict(format!("failed to {error}"))),
    }
}
