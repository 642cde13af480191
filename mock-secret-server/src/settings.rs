//! Every behaviour that the vendor has not published, as a named setting with the default of
//! soap:§3.3 and soap:§7, beside the switches that an administrator has.
//!
//! A setting whose comment says *assumed* is our reading; change it when a real server is seen to
//! differ. In a text, `{…}` stands for what the comment says.

mod address;
mod choices;
mod hurdles;
pub(crate) mod path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use address::IpRange;
pub use choices::*;
pub use hurdles::{Hurdle, HurdleOrder};

/// Settings of one vault: the `[secret-server.settings]` table of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which edition answers.
    pub profile: Profile,
    /// How the Delinea Platform refuses (documented soap:§3.11 that it does, assumed how).
    pub platform_refusal: PlatformRefusal,
    /// Text of the Delinea Platform where it refuses with one (assumed).
    pub platform_refusal_text: String,
    /// What `VersionGet` and `GetTokenIsValid` say (format: documented soap:§3.2).
    pub version: String,
    /// *Enable Webservices*, and what a caller meets when it is off (assumed soap:§1.7).
    pub web_services: WebServices,
    /// Text of web services that are off, where they refuse with one (assumed soap:§1.7).
    pub web_services_off_text: String,
    /// *Zero information disclosure*: one general message replaces every text (documented
    /// soap:§1.1).
    pub zero_information: bool,
    /// That general message (documented soap:§3.6).
    pub zero_information_text: String,
    /// *Unlimited administration mode*: who has that role permission owns everything and is never
    /// stopped by a check-out (documented soap:§3.7).
    pub unlimited_administration: bool,

    /// Code of the Secret Server Online organisation; empty for every other edition, which then
    /// refuses any code (documented soap:§3.1).
    pub organization: String,
    /// Whether users and domains are named by case at log-on (assumed not, soap:§3.1).
    pub user_names_case_sensitive: bool,
    /// Text of a failed log-on (recorded soap:§3.6).
    pub login_failed_text: String,
    /// Text of a log-on to a disabled account (assumed the same, soap:§3.1).
    pub disabled_account_text: String,
    /// Text of a log-on to a locked account (assumed the same, soap:§3.1).
    pub locked_account_text: String,
    /// Text of a log-on without the second factor that the account needs (assumed the same).
    pub second_factor_text: String,
    /// Text of a log-on with an expired local password (assumed the same).
    pub expired_password_text: String,
    /// Text for an address that is not allowed (recorded as a substring, soap:§3.6).
    pub ip_not_allowed_text: String,
    /// Addresses that calls may come from; empty allows all.
    pub ip_allow: Vec<IpRange>,
    /// When the address is looked at: restrictions apply to web services (documented soap:§1.1),
    /// assumed to every call. With impersonation it is the API account's own list that counts.
    pub ip_restriction: IpRestriction,
    /// Wrong passwords in a row that lock an account; 0 never locks. The number is assumed.
    pub lock_out_attempts: u32,
    /// How long an account stays locked, minutes; 0 until an operator unlocks it (assumed).
    pub lock_out_minutes: u32,
    /// *Local user password expiration*, days; 0 never (documented soap:§3.1 that it blocks the
    /// service).
    pub local_password_expiry_days: u32,
    /// Whether a domain is also known by its short (NetBIOS) name (assumed). Read when the vault
    /// starts.
    pub short_domain_names: bool,

    /// *Session Timeout for Webservices*, minutes; 0 is unlimited (documented soap:§3.2).
    pub token_lifetime_minutes: u32,
    /// What a token looks like (recorded in 2017, soap:§3.2; assumed to stay).
    pub token_form: TokenForm,
    /// Whether use prolongs a token (assumed fixed, soap:§7 item 10).
    pub token_lifetime: TokenLifetime,
    /// Text for a dead or missing token (assumed, soap:§7 item 2).
    pub dead_token_text: String,
    /// `MaxOfflineSeconds` of `GetTokenIsValid` (assumed).
    pub max_offline_seconds: i32,

    /// Text for a caller without the role permission (assumed soap:§3.3).
    pub impersonate_denied_text: String,
    /// Text while the user has not answered (assumed soap:§3.3).
    pub trust_pending_text: String,
    /// Leaves `Errors` empty while pending, so that only `AuthorizeURL` tells (assumed soap:§3.3).
    pub trust_pending_errors_empty: bool,
    /// Minutes before a further call sends another mail (assumed soap:§3.3).
    pub trust_mail_interval_minutes: u32,
    /// Subject of that mail; `{caller}` is the API account (assumed soap:§7 item 1).
    pub trust_mail_subject: String,
    /// Text of that mail, likewise.
    pub trust_mail_body: String,
    /// Text after the user said no (assumed soap:§3.3).
    pub trust_denied_text: String,
    /// Whether a call after a denial asks the user again (assumed soap:§3.3).
    pub trust_denied_asks_again: bool,
    /// What becomes of tokens already issued when the user takes the approval back (assumed
    /// soap:§3.3).
    pub live_tokens_on_revoke: LiveTokens,
    /// Text for a target that does not exist or is disabled (assumed soap:§3.3).
    pub unknown_target_text: String,
    /// Path below the application's root where a user answers (assumed). Read when the vault
    /// starts.
    #[serde(deserialize_with = "path::page")]
    pub authorize_path: String,
    /// What the notes of an audit row say beside the comment when an API account acted; `{}` is
    /// that account, empty says nothing. That it is audited is documented (soap:§3.3), where is
    /// assumed.
    pub impersonation_audit_note: String,

    /// Whether a search compares by case (assumed not, soap:§7 item 7).
    pub search_case_sensitive: bool,
    /// Whether a search trims the term (assumed not, soap:§7 item 7).
    pub search_trims_term: bool,
    /// Whether `%` and `_` in the term of a search for a value stand for any characters and for
    /// one, as in the vendor's database (assumed not, soap:§7 item 7).
    pub search_wildcards: bool,
    /// Whether `SearchSecrets` and its kin look at exposed fields beside the name (assumed not,
    /// soap:§3.4).
    pub search_indexed_fields: bool,
    /// A search in a field that no template has (assumed to find nothing, soap:§3.4).
    pub unknown_search_field: UnknownField,
    /// Text where that is refused (vendor-client soap:§3.6, of another operation).
    pub unknown_search_field_text: String,
    /// Whether `GetSecretsBy…`, which have no such flag, show restricted secrets (assumed: no
    /// exposed field is a password).
    pub whole_secrets_show_restricted: bool,

    /// Leaves `Errors` empty where `SecretError` is filled (assumed not, soap:§7 item 4).
    pub secret_error_only: bool,
    /// What stands beside a text in `Errors` (assumed nothing, soap:§1.6). What the serializer
    /// cannot leave out is there either way.
    pub refused_payload: RefusedPayload,
    /// The order in which a caller meets what stands before a secret (assumed). Hurdles that are
    /// not named come last.
    pub hurdle_order: HurdleOrder,
    /// `ErrorCode` of a DoubleLock (assumed soap:§3.5, soap:§7 item 3).
    pub double_lock_code: String,
    /// `ErrorCode` of a missing approval; empty: no `SecretError` (assumed soap:§3.8, soap:§7
    /// item 3).
    pub approval_code: String,
    /// `ErrorCode` of a check-out or a running password change. Empty: no `SecretError`, which
    /// comes where the caller can answer (vendor-client soap:§3.5; that it comes nowhere else is
    /// assumed).
    pub check_out_code: String,
    /// `ErrorCode` of a missing ticket number (assumed to travel with the comment, soap:§7 item 3).
    pub ticket_code: String,
    /// `AllowsResponse` of a missing approval (assumed false, soap:§3.8).
    pub approval_allows_response: bool,
    /// `CommentTitle` where a comment is asked for (assumed soap:§3.5).
    pub comment_title: String,
    /// `AdditionalCommentTitle` where a ticket is asked for (assumed soap:§3.5).
    pub ticket_title: String,
    /// `CommentTitle` where the DoubleLock password is asked for (assumed soap:§3.5).
    pub double_lock_title: String,
    /// Text for a secret that does not exist or is deleted (recorded as a substring, soap:§3.6).
    pub no_such_secret_text: String,
    /// Text of a DoubleLock (recorded as a prefix, soap:§3.6).
    pub double_locked_text: String,
    /// Text of a missing approval (recorded as a prefix, soap:§3.6).
    pub approval_required_text: String,
    /// Text while an approval is asked for (recorded as a prefix, soap:§3.6).
    pub approval_pending_text: String,
    /// Text of a missing ticket number (assumed).
    pub ticket_required_text: String,
    /// Text while a password change runs (assumed soap:§3.7).
    pub password_changing_text: String,
    /// Minutes in which a second view needs no second comment: *Secret View Interval* (documented
    /// soap:§3.5; the number is assumed).
    pub secret_view_interval_minutes: u32,
    /// What stands behind "currently checked out to", `{}` being the holder (assumed, soap:§7
    /// item 5).
    pub checked_out_tail: String,
    /// `SecretSettings` and `SecretPermissions` where they were not asked for (assumed absent,
    /// soap:§3.5).
    pub unloaded_settings: UnloadedSettings,
    /// `CheckOutUserDisplayName` and `OutOfSyncReason` of a secret without (assumed empty,
    /// soap:§2.3).
    pub absent_texts: AbsentText,
    /// `Value` of a file item (assumed the file's name, soap:§7 item 9).
    pub file_item_value: FileItemValue,
    /// What a download has to get past (assumed the same as `GetSecret`, soap:§3.9).
    pub file_access: FileAccess,
    /// Text of `DownloadFileAttachment` for a secret with several file fields (assumed soap:§3.6).
    pub several_files_text: String,
    /// `Value` of a password that *Hide Launcher Password* hides from the caller (assumed blank,
    /// soap:§3.5).
    pub hidden_launcher_password: HiddenPassword,

    /// The global check-out interval, minutes (documented soap:§3.7).
    pub check_out_minutes: u32,
    /// Who holds what was fetched with impersonation (assumed the user, soap:§3.7).
    pub check_out_holder: CheckOutHolder,
    /// `CheckIn` of a secret that nobody holds (assumed success, soap:§7 item 8).
    pub check_in_of_free_secret: FreeCheckIn,
    /// Text where that is refused (assumed).
    pub free_check_in_text: String,
    /// `CheckOutUserId` of a free secret in `GetCheckOutStatus` (assumed, soap:§3.7).
    pub free_check_out_user_id: i32,
    /// The items in `GetCheckOutStatus` (assumed none, soap:§3.7).
    pub check_out_status_items: StatusItems,
    /// How long a password change runs, seconds; the secret cannot be read meanwhile (documented
    /// soap:§3.7; the time is assumed).
    pub password_change_s: u32,

    /// Hours of an approval whose call names none (assumed).
    pub approval_hours: u32,
    /// The most hours that a call may name (assumed).
    pub approval_hours_max: u32,
    /// `Responder` of an answer by the operations, which carry no user (assumed soap:§3.8).
    pub approval_responder: ApprovalResponder,
    /// Path below the application's root where an approver answers (assumed). Read when the vault
    /// starts.
    #[serde(deserialize_with = "path::page")]
    pub access_approval_path: String,
    /// Subject of the approvers' mail; `{user}` asks for `{secret}` (assumed).
    pub access_mail_subject: String,
    /// Text of that mail; `{reason}` is the requester's (assumed).
    pub access_mail_body: String,
    /// Host of the SSH proxy (assumed).
    pub ssh_proxy_host: String,
    /// Port of the SSH proxy (assumed).
    pub ssh_proxy_port: u16,
}

impl Settings {
    /// What a caller meets at the web service's door, the edition considered.
    #[must_use]
    pub fn door(&self) -> WebServices {
        match (self.profile, self.platform_refusal) {
            (Profile::Cloud | Profile::OnPremises, _) => self.web_services,
            (Profile::Platform, PlatformRefusal::NotFound) => WebServices::OffNotFound,
            (Profile::Platform, PlatformRefusal::Text) => WebServices::OffText,
            (Profile::Platform, PlatformRefusal::LogInPage) => WebServices::OffLogInPage,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::OnPremises,
            platform_refusal: PlatformRefusal::NotFound,
            platform_refusal_text: "SOAP web services are not available on the Delinea Platform."
                .into(),
            version: "10.3.000015".into(),
            web_services: WebServices::On,
            web_services_off_text: "Web services are not enabled.".into(),
            zero_information: false,
            zero_information_text:
                "An error occurred in the application. Please contact your administrator.".into(),
            unlimited_administration: false,
            organization: String::new(),
            user_names_case_sensitive: false,
            login_failed_text: "Login failed.".into(),
            disabled_account_text: "Login failed.".into(),
            locked_account_text: "Login failed.".into(),
            second_factor_text: "Login failed.".into(),
            expired_password_text: "Login failed.".into(),
            ip_not_allowed_text: "IP Address is not allowed".into(),
            ip_allow: Vec::new(),
            ip_restriction: IpRestriction::EveryCall,
            lock_out_attempts: 5,
            lock_out_minutes: 0,
            local_password_expiry_days: 0,
            short_domain_names: true,
            token_lifetime_minutes: 20,
            token_form: TokenForm::Recorded,
            token_lifetime: TokenLifetime::Fixed,
            dead_token_text: "Authentication failed or expired token.".into(),
            max_offline_seconds: 0,
            impersonate_denied_text: "Access Denied".into(),
            trust_pending_text: "Impersonation request is pending approval by the user.".into(),
            trust_pending_errors_empty: false,
            trust_mail_interval_minutes: 60,
            trust_mail_subject: "{caller} asks to act on your behalf".into(),
            trust_mail_body: "The application account {caller} asks to use Secret Server on your \
                              behalf. Approve or deny the request below, or later under Tools > \
                              Manage Applications."
                .into(),
            trust_denied_text: "Impersonation request was denied by the user.".into(),
            trust_denied_asks_again: false,
            live_tokens_on_revoke: LiveTokens::Keep,
            unknown_target_text: "User not found.".into(),
            authorize_path: "/ManageApplications.aspx".into(),
            impersonation_audit_note: "Impersonated by {}".into(),
            search_case_sensitive: false,
            search_trims_term: false,
            search_wildcards: false,
            search_indexed_fields: false,
            unknown_search_field: UnknownField::Empty,
            unknown_search_field_text: "Field Does Not Exist".into(),
            whole_secrets_show_restricted: true,
            secret_error_only: false,
            refused_payload: RefusedPayload::Omitted,
            hurdle_order: HurdleOrder::default(),
            double_lock_code: "DOUBLELOCK".into(),
            approval_code: "APPROVAL".into(),
            check_out_code: String::new(),
            ticket_code: "COMMENT".into(),
            approval_allows_response: false,
            comment_title: "Comment".into(),
            ticket_title: "Ticket Number".into(),
            double_lock_title: "DoubleLock Password".into(),
            no_such_secret_text: "No secret exists.".into(),
            double_locked_text: "The requested Secret is DoubleLocked.".into(),
            approval_required_text: "The requested Secret requires requesting approval.".into(),
            approval_pending_text: "The requested Secret requires requesting approval. Approval \
                                    is pending."
                .into(),
            ticket_required_text: "The requested Secret requires a ticket number when viewed."
                .into(),
            password_changing_text: "The requested Secret has a password change in progress."
                .into(),
            secret_view_interval_minutes: 5,
            checked_out_tail: "{}.".into(),
            unloaded_settings: UnloadedSettings::Absent,
            absent_texts: AbsentText::Empty,
            file_item_value: FileItemValue::Name,
            file_access: FileAccess::AsGetSecret,
            several_files_text: "Secret has multiple file attachment fields".into(),
            hidden_launcher_password: HiddenPassword::Blank,
            check_out_minutes: 30,
            check_out_holder: CheckOutHolder::User,
            check_in_of_free_secret: FreeCheckIn::Succeed,
            free_check_in_text: "The requested Secret is not checked out.".into(),
            free_check_out_user_id: 0,
            check_out_status_items: StatusItems::None,
            password_change_s: 0,
            approval_hours: 24,
            approval_hours_max: 8_760,
            approval_responder: ApprovalResponder::FirstApprover,
            access_approval_path: "/SecretAccessApprove.aspx".into(),
            access_mail_subject: "{user} requests access to {secret}".into(),
            access_mail_body: "{user} requests access to {secret}. Reason: {reason}".into(),
            ssh_proxy_host: "ssh-proxy.example".into(),
            ssh_proxy_port: 22,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_empty_table_gives_the_defaults_and_an_unknown_key_is_refused() {
        assert_eq!(toml::from_str::<Settings>("").unwrap(), Settings::default());
        assert!(toml::from_str::<Settings>("token_lifetime_minute = 5").is_err());
    }

    #[test]
    fn a_page_without_its_slash_gets_it() {
        let settings: Settings = toml::from_str("authorize_path = 'Tools.aspx'").unwrap();
        assert_eq!(settings.authorize_path, "/Tools.aspx");
        for bad in ["''", "'Tools.aspx?x=1'", "'my tools'"] {
            let refused = toml::from_str::<Settings>(&format!("authorize_path = {bad}"));
            let told = refused.unwrap_err().message().to_owned();
            assert!(told.contains("write /ManageApplications.aspx"), "{told}");
        }
    }
}
