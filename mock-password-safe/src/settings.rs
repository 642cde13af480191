//! What no public text shows, each a named setting with the specification's default.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sim_kit::config::ConfigError;

use crate::state::Rules;

/// Where Password Safe runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// A server of the customer's: the legacy base path answers too.
    #[default]
    OnPremises,
    /// The vendor's cloud: only the present base path answers.
    Cloud,
}

/// How a number that explains a refusal is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodeForm {
    /// `4031`.
    #[default]
    Number,
    /// `"4031"`.
    String,
}

/// What must prove who calls, after sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionProof {
    /// The session cookie; or, when there is none, an `Authorization` that would sign in.
    #[default]
    Either,
    /// The session cookie.
    Cookie,
    /// The session cookie and an `Authorization` of the same user.
    Both,
}

/// Assumed behaviours. Each field says where the question comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Cloud or on premises (`documented psafe:DOC-reg`, §1.1).
    pub profile: Profile,
    /// What `Configuration/Version` says (`vendor-client psafe:PSCLI`).
    pub version: String,
    /// Major versions that answer; the others that ever existed answer 410
    /// (`documented psafe:DOC-usage`; which are disabled is assumed).
    pub versions_enabled: Vec<u8>,
    /// Idle time after which a session is dead, seconds (`vendor-client psafe:GO`; ELASTIC assumes
    /// 900).
    pub idle_timeout_s: u64,
    /// What must prove who calls (`assumed psafe:§1.4`).
    pub session_proof: SessionProof,
    /// A dead session cookie beside a good `Authorization` is refused (`assumed psafe:§6`, first
    /// row).
    pub dead_cookie_is_refused: bool,
    /// Text of a 401 at sign-in, whatever the reason (`assumed psafe:§8`).
    pub sign_in_refusal: String,
    /// Status of a refused token request, 400 to 599 (`assumed psafe:§1.6`).
    pub token_refusal_status: u16,
    /// The licence is valid; otherwise sign-in answers 403 (`documented psafe:DOC-auth`).
    pub licence_valid: bool,
    /// Form of `4031` and its like (`assumed psafe:§8`).
    pub code_form: CodeForm,
    /// A 409 says this text instead of `4091` (`assumed psafe:§8`).
    pub conflict_text: Option<String>,
    /// Content type of JSON (`assumed psafe:§1.1` for the charset).
    pub json_content_type: String,
    /// Word for a request that is not yet approved (`assumed psafe:§2.4`).
    pub pending_word: String,
    /// Word for a request that is approved (`assumed psafe:§2.4`).
    pub active_word: String,
    /// A duration above the account's maximum is shortened instead of refused with 400
    /// (`assumed psafe:§4.3`).
    pub long_duration_is_clamped: bool,
    /// A request through an alias may leave its duration out and gets the account's default
    /// (`vendor-client psafe:PSCLI` sends none; that the product takes it is assumed).
    pub alias_duration_may_be_absent: bool,
    /// `renew` rotates the password of what it cancels, where the account rotates after release
    /// (assumed).
    pub renew_rotates: bool,
    /// `MaxConcurrentRequests` 0 means unlimited instead of none (`assumed psafe:§4.4`).
    pub zero_concurrency_is_unlimited: bool,
    /// `reuse` and `renew` also get past another user's live request (`assumed psafe:§4.4`).
    pub conflict_option_overrides_others: bool,
    /// Reading a denied request's credential answers 403 `4031` instead of 404
    /// (`assumed psafe:§7`).
    pub denied_credential_is_forbidden: bool,
    /// A second check-in answers 204 instead of 404 (`assumed psafe:§4.5`).
    pub second_checkin_is_accepted: bool,
    /// A Requestor/Approver may approve an own request (assumed).
    pub self_approval: bool,
    /// An approver may still deny what is approved (`documented psafe:DOC-reg` approvals-2; the
    /// cloud page says otherwise).
    pub denial_after_approval: bool,
    /// A release through ISA rotates like any other (`assumed psafe:§4.5`).
    pub isa_rotates: bool,
    /// A linked row carries the directory's managed system instead of the asset it is linked to
    /// (`assumed psafe:§2.1`).
    pub linked_row_names_directory: bool,
    /// A list that names a system and no type also has the accounts linked to it (`documented
    /// psafe:DOC-ma`, read from the advice to leave local accounts out by type).
    pub untyped_list_has_linked: bool,
    /// `systemName` also matches DNS names and a directory's domain (`assumed psafe:§4.6`).
    pub system_name_matches_dns: bool,
    /// `accountName=DOMAIN\name` alone answers one object instead of an array
    /// (`documented psafe:DOC-ma`).
    pub directory_account_alone_is_object: bool,
    /// `GET Auth` answers like `SignAppin` (third parties probe it; undocumented, psafe:§2.14).
    pub auth_probe_answers: bool,
    /// Clients may choose HTTP/2 over TLS, as they may with IIS 10 (documented by Microsoft,
    /// *HTTP/2 on IIS*).
    pub http2: bool,
    /// Everything that is legal and awkward at once: unknown members, `null` for empty text,
    /// needless escapes, a second cookie.
    pub awkward: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::OnPremises,
            version: "24.3.0".to_owned(),
            versions_enabled: vec![3],
            idle_timeout_s: 20 * 60,
            session_proof: SessionProof::Either,
            dead_cookie_is_refused: true,
            sign_in_refusal: "User not authenticated".to_owned(),
            token_refusal_status: 400,
            licence_valid: true,
            code_form: CodeForm::Number,
            conflict_text: None,
            json_content_type: "application/json; charset=utf-8".to_owned(),
            pending_word: "Pending".to_owned(),
            active_word: "Active".to_owned(),
            long_duration_is_clamped: false,
            alias_duration_may_be_absent: true,
            renew_rotates: false,
            zero_concurrency_is_unlimited: true,
            conflict_option_overrides_others: false,
            denied_credential_is_forbidden: false,
            second_checkin_is_accepted: false,
            self_approval: false,
            denial_after_approval: true,
            isa_rotates: true,
            linked_row_names_directory: false,
            untyped_list_has_linked: true,
            system_name_matches_dns: false,
            directory_account_alone_is_object: true,
            auth_probe_answers: false,
            http2: true,
            awkward: false,
        }
    }
}

impl Settings {
    /// Numbers that HTTP has no use for are refused.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if (400..600).contains(&self.token_refusal_status) {
            return Ok(());
        }
        Err(ConfigError::at(
            "[password-safe.settings] token-refusal-status",
            "a refusal is 400 to 599",
        ))
    }

    /// The part that the vault itself depends on.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            idle_max: Duration::from_secs(self.idle_timeout_s),
            licence_valid: self.licence_valid,
            long_duration_is_clamped: self.long_duration_is_clamped,
            renew_rotates: self.renew_rotates,
            zero_concurrency_is_unlimited: self.zero_concurrency_is_unlimited,
            conflict_option_overrides_others: self.conflict_option_overrides_others,
            denied_credential_is_forbidden: self.denied_credential_is_forbidden,
            second_checkin_is_accepted: self.second_checkin_is_accepted,
            self_approval: self.self_approval,
            denial_after_approval: self.denial_after_approval,
            isa_rotates: self.isa_rotates,
            linked_row_names_directory: self.linked_row_names_directory,
            untyped_list_has_linked: self.untyped_list_has_linked,
            system_name_matches_dns: self.system_name_matches_dns,
        }
    }
}
