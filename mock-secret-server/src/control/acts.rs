//! The control routes that are an act each: a path, what it does, and how its body becomes that.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sim_kit::control::{ControlCall, ControlError, Route};
use sim_kit::exchange::Method;

use super::operate;
use crate::service::Service;
use crate::state::{Operate, RolePermission, SecretText};

/// Whom an answer to a request concerns.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The API account that asks.
    caller: String,
    /// The user who answers.
    user: String,
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

/// A person at a launcher.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Launch {
    /// The secret.
    secret_id: i32,
    /// Who launches.
    user: String,
}

/// A user's new password. It has no `Debug`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The user.
    user: String,
    /// The password from now on.
    password: String,
}

/// What a role permits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleChange {
    /// The role's name.
    role: String,
    /// The permission's name, as in a lab.
    permission: String,
}

/// An approver's answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Id of the request, from the mail or the state.
    approval_id: String,
    /// Who answers; whoever holds the id when absent.
    #[serde(default)]
    approver: Option<String>,
    /// Hours of an approval; the setting's when absent.
    #[serde(default)]
    hours: Option<u32>,
    /// What the approver writes.
    #[serde(default)]
    comment: Option<String>,
}

/// A request for access.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneRequest {
    /// Its id.
    approval_id: String,
}

/// The routes.
pub(super) fn routes(service: &Arc<Service>) -> Vec<Route> {
    let mut routes: Vec<Route> = acts(service, TRUST).collect();
    routes.extend(acts(service, ACCESS));
    routes.extend(acts(service, ANSWERS));
    routes.extend(acts(service, CANCEL));
    routes.extend(acts(service, SECRETS));
    routes.extend(acts(service, LAUNCH));
    routes.extend(acts(service, USERS));
    routes.extend(acts(service, PASSWORDS));
    routes.extend(acts(service, ROLES));
    routes
}

/// A path, what it does, and how its body becomes that.
type Act<T> = (
    &'static str,
    &'static str,
    fn(T) -> Result<Operate, ControlError>,
);

const TRUST: [Act<Approval>; 3] = [
    (
        "/approvals/approve",
        "a user approves an application",
        |it| {
            let Approval { caller, user } = it;
            Ok(Operate::ApproveImpersonation { caller, user })
        },
    ),
    (
        "/approvals/deny",
        "a user denies an application's request",
        |it| {
            let Approval { caller, user } = it;
            Ok(Operate::DenyImpersonation { caller, user })
        },
    ),
    ("/approvals/revoke", "a user takes an approval back", |it| {
        let Approval { caller, user } = it;
        Ok(Operate::RevokeImpersonation { caller, user })
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
        Ok(Operate::FileAccessRequest {
            secret_id,
            user,
            reason,
        })
    },
)];

const SECRETS: [Act<OneSecret>; 4] = [
    (
        "/secrets/check-in",
        "a secret comes back now",
        |OneSecret { secret_id }| Ok(Operate::ForceCheckIn { secret_id }),
    ),
    (
        "/secrets/rotate",
        "a secret's password changes now",
        |OneSecret { secret_id }| Ok(Operate::RotatePassword { secret_id }),
    ),
    (
        "/secrets/delete",
        "a secret is deleted",
        |OneSecret { secret_id }| {
            Ok(Operate::SetSecretActive {
                secret_id,
                active: false,
            })
        },
    ),
    (
        "/secrets/undelete",
        "a deleted secret comes back",
        |OneSecret { secret_id }| {
            Ok(Operate::SetSecretActive {
                secret_id,
                active: true,
            })
        },
    ),
];

const USERS: [Act<OneUser>; 4] = [
    (
        "/users/enable",
        "an account may log on",
        |OneUser { user }| {
            Ok(Operate::SetUserEnabled {
                user,
                enabled: true,
            })
        },
    ),
    (
        "/users/disable",
        "an account may not log on",
        |OneUser { user }| {
            Ok(Operate::SetUserEnabled {
                user,
                enabled: false,
            })
        },
    ),
    (
        "/users/unlock",
        "a locked account is unlocked",
        |OneUser { user }| Ok(Operate::UnlockUser { user }),
    ),
    (
        "/users/expire-password",
        "a local password expires",
        |OneUser { user }| Ok(Operate::ExpirePassword { user }),
    ),
];

const ANSWERS: [Act<Answer>; 2] = [
    (
        "/access-requests/approve",
        "an approver lets the requester at the secret",
        |it| Ok(it.answers(true)),
    ),
    (
        "/access-requests/deny",
        "an approver refuses the requester",
        |it| Ok(it.answers(false)),
    ),
];

impl Answer {
    fn answers(self, approve: bool) -> Operate {
        Operate::AnswerAccessRequest {
            approval_id: self.approval_id,
            approver: self.approver,
            approve,
            hours: self.hours,
            comment: self.comment,
        }
    }
}

const CANCEL: [Act<OneRequest>; 1] = [(
    "/access-requests/cancel",
    "the requester takes a request back",
    |OneRequest { approval_id }| Ok(Operate::CancelAccessRequest { approval_id }),
)];

const LAUNCH: [Act<Launch>; 1] = [(
    "/secrets/launch",
    "a launcher checks a secret out and opens a session; the reply has its key, for CheckInByKey",
    |Launch { secret_id, user }| Ok(Operate::Launch { secret_id, user }),
)];

const PASSWORDS: [Act<NewPassword>; 1] = [(
    "/users/set-password",
    "an account has another password from now on",
    |NewPassword { user, password }| {
        let password = SecretText::from(password);
        Ok(Operate::SetPassword { user, password })
    },
)];

const ROLES: [Act<RoleChange>; 2] = [
    (
        "/roles/grant",
        "a role permits something from now on",
        |it| it.becomes(true),
    ),
    (
        "/roles/withdraw",
        "a role does not permit something any more",
        |it| it.becomes(false),
    ),
];

impl RoleChange {
    fn becomes(self, granted: bool) -> Result<Operate, ControlError> {
        let Some(permission) = RolePermission::from_name(&self.permission) else {
            let known = RolePermission::names().join(", ");
            let told = format!("no such permission; there are {known}");
            return Err(ControlError::bad_request(told));
        };
        Ok(Operate::SetRolePermission {
            role: self.role,
            permission,
            granted,
        })
    }
}

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
                .and_then(make)
                .and_then(|act| operate(&service, act));
            async move { done }
        })
        .takes::<T>()
    })
}
