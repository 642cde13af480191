//! What the console user and the administrators are told, failure by failure.

use http::StatusCode;
use url::Url;

use super::client::{CallError, Refusal};
use super::settings::api_address;
use super::wire::NotUnderstood;
use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::tls::TlsSetupError;

/// The HTTP client could not be made.
pub(super) fn tls_setup(error: &TlsSetupError) -> PluginError {
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Settings,
        error.to_string(),
        "correct the CA file in the plugin's settings",
        Owner::EcmAdministrator,
    )
}

/// An answer points elsewhere.
pub(super) fn redirected(operation: &'static str, location: Option<&str>) -> PluginError {
    let error = PluginError::new(
        ErrorKind::Configuration,
        Hop::Vault(operation),
        "the Endpoint URL redirects to another address, which is not followed",
        "set Endpoint URL to the address that finally answers, if you trust it",
        Owner::EcmAdministrator,
    );
    match location {
        Some(location) => error.with_action_url(shortened(location, 200)),
        None => error,
    }
}

/// A web page came instead of the API's answer.
pub(super) fn page(operation: &'static str, status: StatusCode, base: &Url) -> PluginError {
    let hop = Hop::Vault(operation);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PluginError::new(
            ErrorKind::Permission,
            hop,
            format!("a web server before the vault refuses the request with status {status}"),
            "let the ECM's address through to /BeyondTrust/api/ in the proxy or IIS",
            Owner::NetworkAdministrator,
        ),
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
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Vault(operation),
        format!("the Endpoint URL answers with {answer} instead of the API"),
        "set Endpoint URL to the address of the API",
        Owner::EcmAdministrator,
    )
    .with_action_url(api_address(base))
}

/// The vault had a fault of its own.
pub(super) fn server_fault(
    operation: &'static str,
    status: StatusCode,
    words: &str,
) -> PluginError {
    let passing = status != StatusCode::INTERNAL_SERVER_ERROR;
    let kind = if passing {
        ErrorKind::Connectivity
    } else {
        ErrorKind::Unexpected
    };
    PluginError::new(
        kind,
        Hop::Vault(operation),
        format!("the vault is not able to answer at the moment: status {status}"),
        "look into BeyondInsight's log, then try again",
        Owner::VaultAdministrator,
    )
    .with_vault_words(words)
}

/// This version of the API is switched off.
pub(super) fn version_disabled(operation: &'static str) -> PluginError {
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Vault(operation),
        "version 3 of the vault's API is disabled",
        "enable the public API v3 in BeyondInsight",
        Owner::VaultAdministrator,
    )
}

/// An answer of success that makes no sense. Nothing of it is repeated.
pub(super) fn not_understood(operation: &'static str, error: &NotUnderstood) -> PluginError {
    PluginError::new(
        ErrorKind::Unexpected,
        Hop::Vault(operation),
        format!("the vault's answer is not understood: {error}"),
        "compare the vault's version and address with those of a working client",
        Owner::Maintainer,
    )
}

/// The appliance sent nobody, or a name that no vault user can have.
pub(super) fn no_user(username: &str) -> PluginError {
    let message = if username.trim().is_empty() {
        "the appliance sent no user name".to_owned()
    } else {
        format!("no vault user can be called {}", shortened(username, 80))
    };
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
    let hop = Hop::Vault("SignAppin");
    let error = if key_proved {
        PluginError::new(
            ErrorKind::NotFound,
            hop,
            format!("the vault recognises none of the user names tried: {tried}"),
            "compare the names with BeyondInsight's users, check that a group of the user has the \
             API registration enabled, and set the run-as default domain or the fall-back to a \
             local user",
            Owner::EcmAdministrator,
        )
    } else {
        PluginError::new(
            ErrorKind::Authentication,
            hop,
            format!("the vault lets none of the user names tried sign in: {tried}"),
            "check API Registration Key, the registration's rule for the ECM's address, that User \
             Password Required is off, and that the user exists in BeyondInsight with a group \
             that has the registration enabled",
            Owner::EcmAdministrator,
        )
    };
    error.with_vault_words(words)
}

/// The Global Approver cannot sign in.
pub(super) fn approver_signs_not_in(name: &str, words: &str) -> PluginError {
    PluginError::new(
        ErrorKind::Authentication,
        Hop::Vault("SignAppin"),
        format!("the vault does not let the Global Approver {name} sign in"),
        "check Global Approver, and that a group of that user has the API registration enabled",
        Owner::EcmAdministrator,
    )
    .with_vault_words(words)
}

/// A broker has no second factor to give.
pub(super) fn second_factor(name: &str) -> PluginError {
    PluginError::new(
        ErrorKind::Authentication,
        Hop::Vault("SignAppin"),
        format!("the vault wants a second factor of {name}"),
        "switch Enforce multi-factor authentication off for the API registration of the ECM",
        Owner::VaultAdministrator,
    )
}

/// A session that was just made is refused.
pub(super) fn refused_twice(operation: &'static str) -> PluginError {
    PluginError::new(
        ErrorKind::Authentication,
        Hop::Vault(operation),
        "the vault refuses a session that it has just opened",
        "check that all nodes of the vault share their sessions, and that no proxy drops cookies",
        Owner::VaultAdministrator,
    )
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

/// Nobody approved, or not enough.
pub(super) fn pending(approved_once: bool) -> PluginError {
    let (message, next, owner) = if approved_once {
        (
            "the request for this credential needs more approvers than the Global Approver",
            "approve the request in Password Safe, or lower the approvers of the access policy",
            Owner::VaultAdministrator,
        )
    } else {
        (
            "the request for this credential is pending approval in Password Safe",
            "have an approver approve the request, then choose the credential again",
            Owner::ConsoleUser,
        )
    };
    PluginError::new(
        ErrorKind::PendingApproval,
        Hop::Vault("Credentials"),
        message,
        next,
        owner,
    )
}

/// The Global Approver was not allowed to approve.
pub(super) fn approver_refused(name: &str, refusal: &Refusal) -> PluginError {
    PluginError::new(
        ErrorKind::Permission,
        Hop::Vault(refusal.operation),
        format!(
            "the Global Approver {name} may not approve the request ({})",
            code_of(refusal)
        ),
        "give that user the Approver role on a Smart Group with the account",
        Owner::VaultAdministrator,
    )
    .with_vault_words(&refusal.words)
}

/// The account holds neither a password nor a key.
pub(super) fn nothing_there() -> PluginError {
    PluginError::new(
        ErrorKind::NotFound,
        Hop::Vault("Credentials"),
        "the account has no password or key in the vault",
        "set the account's password or key in Password Safe",
        Owner::VaultAdministrator,
    )
}

/// A refusal that nobody knew an answer to.
pub(super) fn refused(refusal: &Refusal) -> PluginError {
    use ErrorKind as K;
    let vault = Owner::VaultAdministrator;
    let (kind, message, next, owner) = match (refusal.status, refusal.code) {
        (_, Some(4031)) => (
            K::Permission,
            "this user may not request the account",
            "give the user the Requestor role on a Smart Group with the account, and enable the \
             account for API access",
            vault,
        ),
        (_, Some(4032)) => (
            K::Permission,
            "this user is not a requestor",
            "give the user the Requestor role",
            vault,
        ),
        (_, Some(4033)) => (
            K::Permission,
            "this user is not an approver",
            "give the user the Approver role",
            vault,
        ),
        (_, Some(4034)) => return pending(false),
        (_, Some(4035)) => (
            K::Permission,
            "the access policy wants more approvers than there are",
            "assign approvers to the Smart Group, or lower the number in the access policy",
            vault,
        ),
        (StatusCode::CONFLICT, _) => (
            K::Permission,
            "the account is released to somebody else",
            "wait until it is checked in, or raise the account's concurrent requests",
            Owner::ConsoleUser,
        ),
        (StatusCode::NOT_FOUND, _) => (
            K::NotFound,
            "the vault does not have what was asked for",
            "refresh the list and choose again",
            Owner::ConsoleUser,
        ),
        (StatusCode::FORBIDDEN, _) => (
            K::Permission,
            "the vault refuses the call",
            "check the user's roles and the vault's licence",
            vault,
        ),
        (StatusCode::BAD_REQUEST, _) => (
            K::Configuration,
            "the vault does not accept the request as it is",
            "follow the vault's words: the access policy may want a ticket or a shorter Release \
             Duration",
            Owner::EcmAdministrator,
        ),
        _ => (
            K::Unexpected,
            "the vault refuses in a way that is not known here",
            "follow the vault's words",
            vault,
        ),
    };
    let message = format!("{message} ({})", code_of(refusal));
    PluginError::new(kind, Hop::Vault(refusal.operation), message, next, owner)
        .with_vault_words(&refusal.words)
}

impl From<CallError> for PluginError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refused(&refusal),
            CallError::Failed(error) => error,
        }
    }
}

fn code_of(refusal: &Refusal) -> String {
    match refusal.code {
        Some(code) => format!("status {}, code {code}", refusal.status.as_u16()),
        None => format!("status {}", refusal.status.as_u16()),
    }
}
