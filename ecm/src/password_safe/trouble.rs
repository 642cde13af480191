//! What the console user and the administrators are told, failure by failure. The texts are the
//! rows of the diagnosis table; what is particular to a case stands behind them.

use http::{HeaderMap, StatusCode};
use url::Url;

use super::client::{CallError, Refusal};
use super::settings::api_address;
use super::wire::NotUnderstood;
use crate::diagnosis::{Symptom, wait_asked};
use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::vault_http::is_downgrade;

/// An answer points elsewhere.
pub(super) fn redirected(
    operation: &'static str,
    location: Option<&str>,
    base: &Url,
) -> PluginError {
    let error = |symptom: Symptom, detail: &str| symptom.at(Hop::Vault(operation), detail);
    match location.map(|location| (shortened(location, 200), is_downgrade(base, location))) {
        Some((location, true)) => error(Symptom::RedirectedToPlainHttp, &location),
        Some((location, false)) => error(Symptom::Redirected, "").with_action_url(location),
        None => error(Symptom::Redirected, ""),
    }
}

/// What a proxy or a limit on requests says, which is about neither the address nor the user.
pub(super) fn on_the_way(
    operation: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<PluginError> {
    let symptom = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Symptom::ProxyWantsLogOn,
        StatusCode::TOO_MANY_REQUESTS => Symptom::TooManyRequests,
        _ => return None,
    };
    let wait = wait_asked(headers).map(|wait| format!("; {wait}"));
    let detail = format!("status {}{}", status.as_u16(), wait.unwrap_or_default());
    Some(symptom.at(Hop::Vault(operation), &detail))
}

/// A web page came instead of the API's answer.
pub(super) fn page(operation: &'static str, status: StatusCode, base: &Url) -> PluginError {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Symptom::ProxyRefusesApi.at(Hop::Vault(operation), &told(status, None))
        }
        StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT
        | StatusCode::REQUEST_TIMEOUT => server_fault(operation, status, ""),
        _ => not_the_api(
            operation,
            &format!("a web page (status {})", status.as_u16()),
            base,
        ),
    }
}

/// Something else than the API is at the Endpoint URL; a base address with the path of the web
/// console answers with 404 or 500 (documented psafe:DEVOLUTIONS).
pub(super) fn not_the_api(operation: &'static str, answer: &str, base: &Url) -> PluginError {
    Symptom::ApiNotFound
        .at(Hop::Vault(operation), answer)
        .with_action_url(api_address(base))
}

/// The vault had a fault of its own.
pub(super) fn server_fault(
    operation: &'static str,
    status: StatusCode,
    words: &str,
) -> PluginError {
    let symptom = match status {
        StatusCode::INTERNAL_SERVER_ERROR => Symptom::VaultError,
        _ => Symptom::VaultUnavailable,
    };
    symptom
        .at(Hop::Vault(operation), &told(status, None))
        .with_vault_words(words)
}

/// This version of the API is switched off.
pub(super) fn version_disabled(operation: &'static str) -> PluginError {
    Symptom::ApiVersionDisabled.at(Hop::Vault(operation), "")
}

/// An answer of success that makes no sense. Nothing of it is repeated.
pub(super) fn not_understood(operation: &'static str, error: &NotUnderstood) -> PluginError {
    Symptom::ApiAnswerNotUnderstood.at(Hop::Vault(operation), &error.to_string())
}

/// The appliance sent nobody, or a name that no vault user can have.
pub(super) fn no_user(username: &str) -> PluginError {
    if username.trim().is_empty() {
        return Symptom::NoUserName.at(Hop::Ecm, "");
    }
    let message = format!("no vault user can be called {}", shortened(username, 80));
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Ecm,
        message,
        "check the user name attribute of the appliance's security provider",
        Owner::EcmAdministrator,
    )
}

/// Nobody of `tried` may sign in. A 401 does not say why (documented psafe:§1.4), but a key that
/// worked for somebody else is not the reason.
pub(super) fn nobody_signs_in(tried: &str, key_proved: bool, words: &str) -> PluginError {
    let symptom = match key_proved {
        true => Symptom::RunAsUserUnknown,
        false => Symptom::NobodySignsIn,
    };
    symptom
        .at(Hop::Vault("SignAppin"), tried)
        .with_vault_words(words)
}

/// Everybody is refused; the vault's licence is the documented reason (documented psafe:DOC-auth).
pub(super) fn sign_in_forbidden(refusal: &Refusal) -> PluginError {
    told_by(Symptom::SignInForbidden, refusal)
}

/// The Global Approver cannot sign in.
pub(super) fn approver_signs_not_in(name: &str, words: &str) -> PluginError {
    Symptom::ApproverSignsNotIn
        .at(Hop::Vault("SignAppin"), name)
        .with_vault_words(words)
}

/// A broker has no second factor to give.
pub(super) fn second_factor(name: &str) -> PluginError {
    Symptom::RunAsSecondFactor.at(Hop::Vault("SignAppin"), name)
}

/// A session that was just made is refused.
pub(super) fn refused_twice(operation: &'static str) -> PluginError {
    Symptom::SessionRefusedTwice.at(Hop::Vault(operation), "")
}

/// A credential id that is not of this plugin.
pub(super) fn foreign_id() -> PluginError {
    PluginError::new(
        ErrorKind::NotFound,
        Hop::Ecm,
        "the credential that was asked for is not one of Password Safe",
        "refresh the list and choose again",
        Owner::ConsoleUser,
    )
}

/// Nobody approved yet.
pub(super) fn pending(request_id: i32) -> PluginError {
    Symptom::RequestPending.at(Hop::Vault("Credentials"), &numbered(request_id))
}

/// The Global Approver approved, and that was not enough.
pub(super) fn more_approvers(request_id: i32) -> PluginError {
    Symptom::MoreApproversWanted.at(Hop::Vault("Credentials"), &numbered(request_id))
}

/// A request that waited for its approval is gone before its time.
pub(super) fn denied(refusal: &Refusal) -> PluginError {
    told_by(Symptom::RequestDenied, refusal)
}

/// The Global Approver was not allowed to approve.
pub(super) fn approver_refused(name: &str, refusal: &Refusal) -> PluginError {
    let detail = format!("{name}, {}", told(refusal.status, refusal.code));
    Symptom::ApproverMayNotApprove
        .at(Hop::Vault(refusal.operation), &detail)
        .with_vault_words(&refusal.words)
}

/// The account holds neither a password nor a key.
pub(super) fn nothing_there() -> PluginError {
    Symptom::AccountEmpty.at(Hop::Vault("Credentials"), "")
}

/// No system matches among the accounts that were looked through, and there are more.
pub(super) fn search_incomplete(rows: usize) -> PluginError {
    let detail = format!("nothing among the first {rows}");
    Symptom::SearchIncomplete.at(Hop::Vault("ManagedAccounts"), &detail)
}

/// A refusal that nobody knew an answer to.
pub(super) fn refused(refusal: &Refusal) -> PluginError {
    let symptom = match (refusal.status, refusal.code) {
        (_, Some(4031)) => Symptom::MayNotRequest,
        (_, Some(4032)) => Symptom::NotRequestor,
        (_, Some(4033)) => Symptom::NotApprover,
        (_, Some(4034)) => Symptom::RequestPending,
        (_, Some(4035)) => Symptom::NotEnoughApprovers,
        (StatusCode::CONFLICT, _) => Symptom::AccountTaken,
        (StatusCode::NOT_FOUND, _) => Symptom::ReleaseGone,
        (StatusCode::FORBIDDEN, _) => Symptom::CallForbidden,
        // The vault's texts are not public; a policy that wants a ticket will hardly go without
        // the word (assumed psafe:§8).
        (StatusCode::BAD_REQUEST, _) if refusal.words.to_lowercase().contains("ticket") => {
            Symptom::TicketWanted
        }
        (StatusCode::BAD_REQUEST, _) => Symptom::RequestNotAccepted,
        _ => Symptom::VaultRefused,
    };
    told_by(symptom, refusal)
}

impl From<CallError> for PluginError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refused(&refusal),
            CallError::Failed(error) => error,
        }
    }
}

fn told_by(symptom: Symptom, refusal: &Refusal) -> PluginError {
    symptom
        .at(
            Hop::Vault(refusal.operation),
            &told(refusal.status, refusal.code),
        )
        .with_vault_words(&refusal.words)
}

fn told(status: StatusCode, code: Option<u16>) -> String {
    match code {
        Some(code) => format!("status {}, code {code}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    }
}

/// By its number approvers find a request.
fn numbered(request_id: i32) -> String {
    format!("number {request_id}")
}
