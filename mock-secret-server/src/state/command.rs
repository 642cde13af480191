//! What a caller may ask of the vault: one variant per operation of the web service (soap:§2.1),
//! with the vendor's parameter names in snake case.
//!
//! The engine has already applied the defaults of soap:§1.5: an absent string is `None`, an absent
//! `int` is 0, an absent `boolean` is false, an absent nullable is `None`. `None` and `""` stay
//! different.

use super::text::SecretText;

/// One call of the web service.
#[derive(Clone, Debug)]
pub enum Command {
    /// Logs a user on and issues a token (soap:§3.1).
    Authenticate {
        /// User name without a domain.
        username: Option<String>,
        /// The user's password.
        password: Option<SecretText>,
        /// Organisation code of Secret Server Online; a value makes any other edition refuse.
        organization: Option<String>,
        /// Active Directory domain; null, `""` or `(local)` mean a local account.
        domain: Option<String>,
    },
    /// Logs a user on with RADIUS as the second factor (soap:§3.1).
    AuthenticateRADIUS {
        /// User name without a domain.
        username: Option<String>,
        /// The user's password.
        password: Option<SecretText>,
        /// As in [`Command::Authenticate`].
        organization: Option<String>,
        /// As in [`Command::Authenticate`].
        domain: Option<String>,
        /// Token code, or the answer to a challenge.
        radius_password: Option<SecretText>,
    },
    /// Asks whether a token lives (soap:§3.2).
    GetTokenIsValid {
        /// The token in question.
        token: Option<SecretText>,
    },
    /// Asks for a token in another user's context (soap:§3.3).
    ImpersonateUser {
        /// Token of the calling API account.
        token: Option<SecretText>,
        /// The user to act as.
        username: Option<String>,
        /// As in [`Command::Authenticate`].
        organization: Option<String>,
        /// As in [`Command::Authenticate`].
        domain: Option<String>,
    },
    /// Names the user behind a token.
    WhoAmI {
        /// Token of the caller.
        token: Option<SecretText>,
    },
    /// The product's version; needs no token.
    VersionGet,
    /// Finds secrets by the exact value of one field (soap:§3.4).
    SearchSecretsByFieldValue {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Name or display name of the field.
        field_name: Option<String>,
        /// The exact value.
        search_term: Option<String>,
        /// Includes deleted secrets.
        show_deleted: bool,
        /// Includes secrets that need a comment, a check-out, an approval or a DoubleLock password.
        show_restricted: bool,
    },
    /// Finds secrets by a part of their name (soap:§3.4).
    SearchSecrets {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Part of the name; empty finds all.
        search_term: Option<String>,
        /// Includes deleted secrets; null is false.
        include_deleted: Option<bool>,
        /// Includes restricted secrets; null is false.
        include_restricted: Option<bool>,
    },
    /// [`Command::SearchSecrets`] for the GET and POST bindings, without its flags.
    SearchSecretsLegacy {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Part of the name; empty finds all.
        search_term: Option<String>,
    },
    /// [`Command::SearchSecrets`] within a folder.
    SearchSecretsByFolder {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Part of the name; empty finds all.
        search_term: Option<String>,
        /// The folder; -1 is the root, null any.
        folder_id: Option<i32>,
        /// Includes the folders below.
        include_sub_folders: bool,
        /// Includes deleted secrets; null is false.
        include_deleted: Option<bool>,
        /// Includes restricted secrets; null is false.
        include_restricted: Option<bool>,
    },
    /// Finds secrets by one field that is exposed for display.
    SearchSecretsByExposedFieldValue {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Name or display name of the field.
        field_name: Option<String>,
        /// The value, whole or part.
        search_term: Option<String>,
        /// Includes deleted secrets.
        show_deleted: bool,
        /// Includes restricted secrets.
        show_restricted: bool,
        /// A part of the value is enough.
        show_partial_matches: bool,
    },
    /// Finds secrets by any field that is exposed for display.
    SearchSecretsByExposedValues {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The value, whole or part.
        search_term: Option<String>,
        /// Includes deleted secrets.
        show_deleted: bool,
        /// Includes restricted secrets.
        show_restricted: bool,
        /// A part of the value is enough.
        show_partial_matches: bool,
    },
    /// Whole secrets by a part of a field's value, exposed items only.
    GetSecretsByFieldValue {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Name or display name of the field.
        field_name: Option<String>,
        /// Part of the value.
        search_term: Option<String>,
        /// Includes deleted secrets.
        show_deleted: bool,
    },
    /// Whole secrets by the value of an exposed field.
    GetSecretsByExposedFieldValue {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Name or display name of the field.
        field_name: Option<String>,
        /// The value, whole or part.
        search_term: Option<String>,
        /// Includes deleted secrets.
        show_deleted: bool,
        /// A part of the value is enough.
        show_partial_matches: bool,
    },
    /// Reads a secret, and checks it out where check-out is enabled (soap:§3.5, §3.7).
    GetSecret {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
        /// Fills `SecretSettings` and `SecretPermissions`; null is false.
        load_settings_and_permissions: Option<bool>,
        /// Answers to hurdles, sent before or after the vault asked.
        code_responses: Vec<CodeResponse>,
    },
    /// [`Command::GetSecret`] for the GET and POST bindings.
    GetSecretLegacy {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// The file of a secret that has exactly one file field (soap:§3.9).
    DownloadFileAttachment {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// The file of one item (soap:§3.9).
    DownloadFileAttachmentByItemId {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
        /// `SecretItem.Id`, not `FieldId`.
        secret_item_id: i32,
    },
    /// Returns a checked-out secret (soap:§3.7).
    CheckIn {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// Returns the secret of a launcher session; the key is the capability.
    CheckInByKey {
        /// Key of the session.
        session_key: Option<SecretText>,
    },
    /// Who holds a secret; never checks out.
    GetCheckOutStatus {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// Switches check-out on or off.
    SetCheckOutEnabled {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
        /// Whether getting the secret checks it out.
        set_check_out: bool,
        /// Whether check-in rotates the password.
        set_password_change_on_check_in: bool,
        /// Minutes; null keeps the global interval.
        check_out_interval: Option<i32>,
    },
    /// The fields of one template.
    GetSecretTemplateFields {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The template.
        secret_type_id: i32,
    },
    /// All templates.
    GetSecretTemplates {
        /// Token of the caller.
        token: Option<SecretText>,
    },
    /// A new password by the rules of a password field.
    GeneratePassword {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The field of a template.
        secret_field_id: i32,
    },
    /// Approves a request for access; the id from the mail is the capability (soap:§3.8).
    ApproveSecretAccessRequest {
        /// Id of the request.
        approval_id: Option<String>,
        /// How long the approval lasts, as text.
        hours: Option<String>,
        /// Replaces an earlier answer.
        user_override: bool,
    },
    /// Denies a request for access (soap:§3.8).
    DenySecretAccessRequest {
        /// Id of the request.
        approval_id: Option<String>,
        /// Replaces an earlier answer.
        user_override: bool,
    },
    /// Log-on data for the SSH proxy.
    GetSSHLoginCredentials {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// [`Command::GetSSHLoginCredentials`] for a named machine.
    GetSSHLoginCredentialsWithMachine {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
        /// The machine behind the proxy.
        machine: Option<String>,
    },
    /// Writes an audit row of the caller's making.
    AddSecretCustomAudit {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
        /// Free text.
        notes: Option<String>,
        /// Address to record instead of the caller's.
        ip_address: Option<String>,
        /// Reference of the caller's making.
        reference_id: Option<i32>,
        /// Number of a ticket.
        ticket_number: Option<String>,
        /// User to record; 0 is the caller.
        user_id: i32,
    },
    /// The audit of a secret.
    GetSecretAudit {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// The ticket systems that comments may refer to.
    GetTicketSystems {
        /// Token of the caller.
        token: Option<SecretText>,
    },
    /// Changes the caller's own password.
    ChangePassword {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The password of now.
        current_password: Option<SecretText>,
        /// The password from now on.
        new_password: Option<SecretText>,
    },
    /// Marks the password of a secret as expired, which rotates it where rotation is on.
    ExpireSecret {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The secret.
        secret_id: i32,
    },
    /// One folder.
    FolderGet {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The folder.
        folder_id: i32,
    },
    /// Folders by a part of their name.
    SearchFolders {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Part of the name; empty finds all.
        folder_name: Option<String>,
    },
    /// One user.
    GetUser {
        /// Token of the caller.
        token: Option<SecretText>,
        /// The user.
        user_id: i32,
    },
    /// Users by a part of their name.
    SearchUsers {
        /// Token of the caller.
        token: Option<SecretText>,
        /// Part of user name or display name; empty finds all.
        search_term: Option<String>,
        /// Includes disabled users.
        include_inactive_users: bool,
    },
}

/// The answer to a hurdle that [`super::SecretError`] describes (soap:§3.5).
#[derive(Clone, Debug, Default)]
pub struct CodeResponse {
    /// Code of the hurdle, echoed: `COMMENT`.
    pub error_code: Option<String>,
    /// The comment, or the DoubleLock password: hence its type.
    pub comment: Option<SecretText>,
    /// The ticket's number, as a rule.
    pub additional_comment: Option<String>,
    /// The ticket system that the number belongs to.
    pub ticket_system_id: Option<i32>,
}

impl Command {
    /// Whether the operation's result has a place for `SecretError` (soap:§2.2).
    #[must_use]
    pub fn result_has_secret_error(&self) -> bool {
        matches!(self, Self::GetSecret { .. } | Self::GetSecretLegacy { .. })
    }

    /// The vendor's name of the operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Authenticate { .. } => "Authenticate",
            Self::AuthenticateRADIUS { .. } => "AuthenticateRADIUS",
            Self::GetTokenIsValid { .. } => "GetTokenIsValid",
            Self::ImpersonateUser { .. } => "ImpersonateUser",
            Self::WhoAmI { .. } => "WhoAmI",
            Self::VersionGet => "VersionGet",
            Self::SearchSecretsByFieldValue { .. } => "SearchSecretsByFieldValue",
            Self::SearchSecrets { .. } => "SearchSecrets",
            Self::SearchSecretsLegacy { .. } => "SearchSecretsLegacy",
            Self::SearchSecretsByFolder { .. } => "SearchSecretsByFolder",
            Self::SearchSecretsByExposedFieldValue { .. } => "SearchSecretsByExposedFieldValue",
            Self::SearchSecretsByExposedValues { .. } => "SearchSecretsByExposedValues",
            Self::GetSecretsByFieldValue { .. } => "GetSecretsByFieldValue",
            Self::GetSecretsByExposedFieldValue { .. } => "GetSecretsByExposedFieldValue",
            Self::GetSecret { .. } => "GetSecret",
            Self::GetSecretLegacy { .. } => "GetSecretLegacy",
            Self::DownloadFileAttachment { .. } => "DownloadFileAttachment",
            Self::DownloadFileAttachmentByItemId { .. } => "DownloadFileAttachmentByItemId",
            Self::CheckIn { .. } => "CheckIn",
            Self::CheckInByKey { .. } => "CheckInByKey",
            Self::GetCheckOutStatus { .. } => "GetCheckOutStatus",
            Self::SetCheckOutEnabled { .. } => "SetCheckOutEnabled",
            Self::GetSecretTemplateFields { .. } => "GetSecretTemplateFields",
            Self::GetSecretTemplates { .. } => "GetSecretTemplates",
            Self::GeneratePassword { .. } => "GeneratePassword",
            Self::ApproveSecretAccessRequest { .. } => "ApproveSecretAccessRequest",
            Self::DenySecretAccessRequest { .. } => "DenySecretAccessRequest",
            Self::GetSSHLoginCredentials { .. } => "GetSSHLoginCredentials",
            Self::GetSSHLoginCredentialsWithMachine { .. } => "GetSSHLoginCredentialsWithMachine",
            Self::AddSecretCustomAudit { .. } => "AddSecretCustomAudit",
            Self::GetSecretAudit { .. } => "GetSecretAudit",
            Self::GetTicketSystems { .. } => "GetTicketSystems",
            Self::ChangePassword { .. } => "ChangePassword",
            Self::ExpireSecret { .. } => "ExpireSecret",
            Self::FolderGet { .. } => "FolderGet",
            Self::SearchFolders { .. } => "SearchFolders",
            Self::GetUser { .. } => "GetUser",
            Self::SearchUsers { .. } => "SearchUsers",
        }
    }

    /// The token that the call carries; none for the six operations without one, and when it is
    /// null.
    #[must_use]
    pub fn token(&self) -> Option<&SecretText> {
        match self {
            Self::Authenticate { .. }
            | Self::AuthenticateRADIUS { .. }
            | Self::VersionGet
            | Self::CheckInByKey { .. }
            | Self::ApproveSecretAccessRequest { .. }
            | Self::DenySecretAccessRequest { .. } => None,
            Self::GetTokenIsValid { token }
            | Self::ImpersonateUser { token, .. }
            | Self::WhoAmI { token }
            | Self::SearchSecretsByFieldValue { token, .. }
            | Self::SearchSecrets { token, .. }
            | Self::SearchSecretsLegacy { token, .. }
            | Self::SearchSecretsByFolder { token, .. }
            | Self::SearchSecretsByExposedFieldValue { token, .. }
            | Self::SearchSecretsByExposedValues { token, .. }
            | Self::GetSecretsByFieldValue { token, .. }
            | Self::GetSecretsByExposedFieldValue { token, .. }
            | Self::GetSecret { token, .. }
            | Self::GetSecretLegacy { token, .. }
            | Self::DownloadFileAttachment { token, .. }
            | Self::DownloadFileAttachmentByItemId { token, .. }
            | Self::CheckIn { token, .. }
            | Self::GetCheckOutStatus { token, .. }
            | Self::SetCheckOutEnabled { token, .. }
            | Self::GetSecretTemplateFields { token, .. }
            | Self::GetSecretTemplates { token }
            | Self::GeneratePassword { token, .. }
            | Self::GetSSHLoginCredentials { token, .. }
            | Self::GetSSHLoginCredentialsWithMachine { token, .. }
            | Self::AddSecretCustomAudit { token, .. }
            | Self::GetSecretAudit { token, .. }
            | Self::GetTicketSystems { token }
            | Self::ChangePassword { token, .. }
            | Self::ExpireSecret { token, .. }
            | Self::FolderGet { token, .. }
            | Self::SearchFolders { token, .. }
            | Self::GetUser { token, .. }
            | Self::SearchUsers { token, .. } => token.as_ref(),
        }
    }
}
