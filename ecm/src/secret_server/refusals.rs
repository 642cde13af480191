//! What the vault's words mean. Business errors come as texts inside a successful answer, so the
//! texts are all there is to tell one from another (vendor-client soap:§3.6; what is not public is
//! assumed soap:§3.2, §3.3).

use http::StatusCode;

use super::raw::Raw;
use super::wire::{ReplyError, TokenReply};
use super::xml::XmlError;
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError, shortened};
use crate::identity::{Candidate, CandidateReason, MappingRules};

/// Whether the words may mean that the token is dead; to be confirmed with GetTokenIsValid, since
/// the exact text is not public (assumed soap:§3.2).
pub(super) fn may_mean_dead_token(errors: &[String]) -> bool {
    const HINTS: [&str; 6] = [
        "token",
        "session",
        "authentic",
        "expired",
        "log in",
        "error occurred in the application",
    ];
    let words = joined(errors).to_lowercase();
    HINTS.iter().any(|hint| words.contains(hint)) || words.contains("login")
}

/// The error for an answer of `operation` whose Errors are not empty.
pub(super) fn refusal(operation: &'static str, errors: &[String]) -> PluginError {
    let words = joined(errors);
    let symptom = symptom_of(operation, &words.to_lowercase());
    symptom
        .at(Hop::Vault(operation), "")
        .with_vault_words(&words)
}

/// The error for an Authenticate that gave `account` no token.
pub(super) fn log_on_refused(errors: &[String], account: &str) -> PluginError {
    const OPERATION: &str = "Authenticate";
    let words = joined(errors);
    symptom_of(OPERATION, &words.to_lowercase())
        .at(Hop::Vault(OPERATION), &shortened(account, 200))
        .with_vault_words(&words)
}

/// The error when the vault recognises none of `tried`, with the settings that would have given
/// another name to try.
pub(super) fn nobody_recognised(
    tried: &[Candidate],
    names: &[String],
    rules: &MappingRules,
    words: &str,
) -> PluginError {
    let has_domain = tried.iter().any(|one| one.domain.is_some());
    let is_local = |one: &Candidate| one.reason == CandidateReason::ExplicitLocal;
    let hint = if has_domain && !rules.fall_back_to_local {
        "; the fall-back to local account is off"
    } else if !has_domain && rules.default_domain.is_none() && !tried.iter().any(is_local) {
        "; Default Domain for Local BeyondTrust Users is not set"
    } else {
        ""
    };
    let names = names.join(", ");
    Symptom::UserNotRecognised
        .at(Hop::Vault("ImpersonateUser"), &format!("{names}{hint}"))
        .with_vault_words(words)
}

/// Words, in lower case, and what they mean for any operation; the first match counts.
const MEANINGS: [(&str, Symptom); 11] = [
    ("ip address is not allowed", Symptom::AddressNotAllowed),
    ("accesschallenge", Symptom::SecondFactorWanted),
    ("two factor", Symptom::SecondFactorWanted),
    ("login failed", Symptom::LoginFailed),
    ("doublelock", Symptom::SecretDoubleLocked),
    ("requires requesting approval", Symptom::SecretNeedsApproval),
    ("requires a comment", Symptom::SecretNeedsComment),
    ("currently checked out", Symptom::SecretCheckedOut),
    ("no secret exists", Symptom::SecretNotFound),
    (
        "error occurred in the application",
        Symptom::VaultHidesReason,
    ),
    ("do not have access", Symptom::SecretAccessDenied),
];

fn symptom_of(operation: &str, words: &str) -> Symptom {
    // Before "login failed", which such a text may begin with.
    if operation == "Authenticate" && words.contains("password") && words.contains("expired") {
        return Symptom::ApiPasswordExpired;
    }
    if let Some((_, symptom)) = MEANINGS.iter().find(|(text, _)| words.contains(text)) {
        return *symptom;
    }
    match operation {
        // Whatever else Authenticate says, it says that it does not accept the account.
        "Authenticate" => Symptom::LoginFailed,
        "ImpersonateUser" if words.contains("access denied") => Symptom::NoImpersonatePermission,
        _ if words.contains("access denied") => Symptom::SecretAccessDenied,
        _ => Symptom::VaultRefused,
    }
}

/// What ImpersonateUser's reply says about one candidate.
pub(super) enum Delegation {
    /// There is no such user, or the vault does not say what is wrong: the next may be tried.
    NotRecognised(PluginError),
    /// The vault knows the user and the answer is final.
    Refused(PluginError),
}

/// Reads a reply of ImpersonateUser that holds no token. No token means not approved, whatever
/// Errors holds (assumed soap:§3.3).
pub(super) fn delegation(reply: &TokenReply, user: &str) -> Delegation {
    const OPERATION: &str = "ImpersonateUser";
    let said = joined(&reply.errors);
    let words = said.to_lowercase();
    let has = |text: &str| words.contains(text);
    let at = |symptom: Symptom| {
        symptom
            .at(Hop::Vault(OPERATION), user)
            .with_vault_words(&said)
    };

    if let Some(url) = &reply.authorize_url {
        return Delegation::Refused(at(Symptom::DelegationPending).with_action_url(url.clone()));
    }
    if has("pending") || has("approv") {
        return Delegation::Refused(at(Symptom::DelegationPending));
    }
    if words.is_empty() {
        return Delegation::Refused(at(Symptom::DelegationUnexplained));
    }
    if has("access denied") || has("permission") {
        return Delegation::Refused(at(Symptom::NoImpersonatePermission));
    }
    if has("denied") || has("revoked") {
        return Delegation::Refused(at(Symptom::DelegationDenied));
    }
    if has("error occurred in the application") {
        return Delegation::NotRecognised(at(Symptom::VaultHidesReason));
    }
    let unknown = [
        "not found",
        "not exist",
        "no user",
        "unknown user",
        "invalid user",
        "disabled",
    ];
    let symptom = if unknown.iter().any(|text| has(text)) {
        Symptom::UserNotRecognised
    } else {
        // The text for an unknown user is not public, so any other text may be it.
        Symptom::VaultRefused
    };
    Delegation::NotRecognised(at(symptom))
}

/// Whether an answer to CheckIn means that there is nothing left to check in, so that a repeat is
/// a success (assumed soap:§3.7).
pub(super) fn nothing_to_check_in(errors: &[String]) -> bool {
    let words = joined(errors).to_lowercase();
    // Held by somebody else: our own check-out is over.
    [
        "not checked out",
        "currently checked out",
        "no secret exists",
    ]
    .iter()
    .any(|text| words.contains(text))
}

/// Whether a download's answer means an empty file field, which is no failure (vendor-client
/// soap:§3.9).
pub(super) fn no_attachment(errors: &[String]) -> bool {
    errors
        .iter()
        .any(|text| text == "File attachment not found.")
}

/// What to do about a web page where the vault has answered calls before.
const PAGE_AT_A_GOOD_ADDRESS: &str = "see whether the vault is in maintenance, a gateway before it \
    wants a log-on, or Enable Webservices was switched off";

/// The error for an answer that is not a reply of the operation. An address that `has_replied`
/// before cannot be the wrong one.
pub(super) fn no_reply(
    operation: &'static str,
    error: &ReplyError,
    raw: &Raw,
    has_replied: bool,
) -> PluginError {
    let before = if has_replied {
        ", although this address answered calls before"
    } else {
        ""
    };
    let wait = raw.wait.as_ref().map(|wait| format!("; {wait}"));
    let wait = wait.unwrap_or_default();
    let titled = |title: &str, status: StatusCode| match title {
        "" => format!("{}{before}{wait}", raw.headline()),
        title => format!(
            "status {status}, page titled {:?}{before}{wait}",
            shortened(title, 120)
        ),
    };
    let http = |symptom: Symptom, detail: &str| symptom.at(Hop::Http, detail);
    match error {
        ReplyError::Redirect(location) => {
            let target = match shortened(location, 200) {
                empty if empty.is_empty() => "it does not say where".to_owned(),
                target => target,
            };
            http(Symptom::Redirected, &format!("{target}{before}"))
        }
        ReplyError::Status(status, title) => {
            let symptom = match *status {
                StatusCode::NOT_FOUND => Symptom::WebServiceNotFound,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Symptom::HttpRefused,
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => Symptom::ProxyWantsLogOn,
                StatusCode::TOO_MANY_REQUESTS => Symptom::TooManyRequests,
                status if status.is_server_error() => Symptom::VaultUnavailable,
                _ => Symptom::AnswerNotUnderstood,
            };
            let error = http(symptom, &titled(title, *status));
            if title.is_empty() {
                error.with_vault_words(&raw.words)
            } else {
                error
            }
        }
        ReplyError::Html(status, title) if status.is_server_error() => {
            http(Symptom::VaultUnavailable, &titled(title, *status))
        }
        ReplyError::Html(status, title) => {
            let mut error = http(Symptom::WebPageInsteadOfSoap, &titled(title, *status));
            if has_replied {
                error.next_action = PAGE_AT_A_GOOD_ADDRESS.into();
            }
            error
        }
        // So many elements are results, whatever else the answer would have held.
        ReplyError::NotXml(XmlError::TooMany) if operation == "SearchSecretsByFieldValue" => {
            Symptom::TooManyResults.at(Hop::Vault(operation), &error.to_string())
        }
        ReplyError::NotXml(_) | ReplyError::Malformed(_) => {
            let detail = format!("{error} ({})", raw.headline());
            Symptom::AnswerNotUnderstood
                .at(Hop::Vault(operation), &detail)
                .with_vault_words(&raw.words)
        }
        other => not_a_reply(operation, other),
    }
}

/// The error for a reply that is not what the operation answers.
pub(super) fn not_a_reply(operation: &'static str, error: &ReplyError) -> PluginError {
    let vault = |symptom: Symptom, detail: &str| symptom.at(Hop::Vault(operation), detail);
    match error {
        ReplyError::Fault { code, text } => {
            vault(Symptom::VaultFault, &shortened(code, 120)).with_vault_words(text)
        }
        ReplyError::TooManyResults(_) => vault(Symptom::TooManyResults, &error.to_string()),
        ReplyError::Malformed(reason) if reason.starts_with("the attachment") => {
            vault(Symptom::AttachmentUnreadable, reason)
        }
        other => vault(Symptom::AnswerNotUnderstood, &other.to_string()),
    }
}

fn joined(errors: &[String]) -> String {
    errors.join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::candidates;

    #[test]
    fn who_is_not_recognised_is_told_with_the_setting_that_would_add_a_name() {
        let check = |user: &str, default_domain: Option<&str>, fall_back: bool, expected: &str| {
            let rules = MappingRules {
                default_domain: default_domain.map(str::to_owned),
                fall_back_to_local: fall_back,
                ..MappingRules::default()
            };
            let tried = candidates(user, None, &rules).candidates;
            let names = [user.to_owned()];
            let error = nobody_recognised(&tried, &names, &rules, "");
            let says = Symptom::UserNotRecognised.explanation().says;
            assert_eq!(error.message, format!("{says}: {user}{expected}"));
        };
        let no_domain = "; Default Domain for Local BeyondTrust Users is not set";
        let no_fall_back = "; the fall-back to local account is off";
        check("joe", None, false, no_domain);
        check("joe", None, true, no_domain);
        check("joe", Some("ACME"), false, no_fall_back);
        check("joe", Some("ACME"), true, "");
        // Who comes with a domain has no use for a default one.
        check("ACME\\joe", None, false, no_fall_back);
        check("ACME\\joe", None, true, "");
        check(".\\joe", None, false, "");
    }

    #[test]
    fn a_refused_log_on_names_the_account() {
        let error = log_on_refused(&["Login failed.".to_owned()], "ACME\\svc of acme");
        let says = Symptom::LoginFailed.explanation().says;
        assert_eq!(error.message, format!("{says}: ACME\\svc of acme"));
        assert!(error.next_action.contains("API Organization"), "{error:?}");
    }
}
