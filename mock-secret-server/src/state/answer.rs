//! What the vault answers: the vendor's result types (soap:§2.2) without `Errors`, which the
//! engine writes. A `None` string is null on the wire (element omitted), `Some("")` is empty.

use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::text::{ItemValue, SecretBytes, SecretText};

/// The result of one command, one variant per shape.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `AuthenticateResult`: the new token.
    Authenticate(SecretText),
    /// `ImpersonateResult`.
    Impersonate(ImpersonateResult),
    /// `TokenIsValidResult`.
    TokenIsValid(TokenIsValidResult),
    /// `UserInfoResult`.
    UserInfo(UserInfoResult),
    /// `VersionGetResult`.
    Version(Arc<str>),
    /// `SearchSecretsResult`.
    SearchSecrets(Vec<SecretSummary>),
    /// `GetSecretsByFieldValueResult`.
    GetSecretsByFieldValue(Vec<Secret>),
    /// `GetSecretResult`.
    GetSecret(Box<Secret>),
    /// `GetCheckOutStatusResult`.
    GetCheckOutStatus(Box<GetCheckOutStatusResult>),
    /// `FileDownloadResult`.
    FileDownload(FileDownloadResult),
    /// `WebServiceResult`: nothing but success.
    WebService,
    /// `GetSecretTemplateFieldsResult`.
    GetSecretTemplateFields(Vec<SecretField>),
    /// `GetSecretTemplatesResult`.
    GetSecretTemplates(Vec<SecretTemplate>),
    /// `GeneratePasswordResult`.
    GeneratePassword(SecretText),
    /// `RequestApprovalResult`. A refusal of these two operations goes into `ErrorMessage`.
    RequestApproval(ApprovalInfo),
    /// `SSHCredentialsResult`.
    SSHCredentials(SSHCredentialsResult),
    /// `GetSecretAuditResult`, newest first.
    GetSecretAudit(Vec<AuditSecret>),
    /// `GetTicketSystemsResult`; `Success` is true.
    GetTicketSystems(Vec<TicketSystem>),
    /// `GetFolderResult`; `Success` is true.
    GetFolder(Folder),
    /// `SearchFolderResult`.
    SearchFolders(Vec<Folder>),
    /// `GetUserResult`.
    GetUser(User),
    /// `GetUsersResult`.
    GetUsers(Vec<User>),
}

/// `ImpersonateResult`. Also the answer to a pending request when the setting
/// `pending_errors_empty` is on: then there is no token but an address.
#[derive(Clone, Debug, Default)]
pub struct ImpersonateResult {
    /// A token in the other user's context.
    pub token: Option<SecretText>,
    /// Where the user answers the request: path and query below the application's root, with a
    /// leading slash. The engine puts scheme, host and `/SecretServer` before it.
    pub authorize_url: Option<String>,
}

/// `TokenIsValidResult` of a live token.
#[derive(Clone, Debug)]
pub struct TokenIsValidResult {
    /// How long a client may work offline, seconds.
    pub max_offline_seconds: i32,
    /// The product's version, as of `VersionGet`.
    pub version: Arc<str>,
}

/// `UserInfoResult`.
#[derive(Clone, Debug)]
pub struct UserInfoResult {
    /// Name for people.
    pub display_name: Option<Arc<str>>,
    /// Log-on name without the domain.
    pub user_name: Option<Arc<str>>,
    /// Log-on name with the domain, where there is one.
    pub known_as: Option<Arc<str>>,
    /// The user's id.
    pub user_id: i32,
    /// The domain's id; -1 without one (assumed).
    pub domain_id: i32,
    /// The domain's name.
    pub domain_name: Option<Arc<str>>,
}

/// `SecretSummary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSummary {
    /// The secret's id.
    pub secret_id: i32,
    /// The secret's name.
    pub secret_name: Arc<str>,
    /// Name of the template.
    pub secret_type_name: Arc<str>,
    /// Id of the template.
    pub secret_type_id: i32,
    /// The folder, -1 without one.
    pub folder_id: i32,
    /// Needs a comment, a check-out, an approval or a DoubleLock password.
    pub is_restricted: bool,
}

/// `Secret`.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The secret's name.
    pub name: Arc<str>,
    /// Its items in the template's order; `None` is null.
    pub items: Option<Vec<SecretItem>>,
    /// The secret's id.
    pub id: i32,
    /// Id of the template.
    pub secret_type_id: i32,
    /// The folder, -1 without one.
    pub folder_id: i32,
    /// Whether the web launcher serves it; always false here.
    pub is_web_launcher: bool,
    /// Minutes left of the check-out.
    pub check_out_minutes_remaining: Option<i32>,
    /// Whether it is checked out.
    pub is_checked_out: Option<bool>,
    /// Who holds it.
    pub check_out_user_display_name: Option<Arc<str>>,
    /// Who holds it.
    pub check_out_user_id: Option<i32>,
    /// Whether the password is known to differ from the machine's.
    pub is_out_of_sync: Option<bool>,
    /// Needs a comment, a check-out, an approval or a DoubleLock password.
    pub is_restricted: Option<bool>,
    /// Why it is out of sync.
    pub out_of_sync_reason: Option<Arc<str>>,
    /// Filled when settings and permissions were asked for.
    pub secret_settings: Option<SecretSettings>,
    /// Filled when settings and permissions were asked for.
    pub secret_permissions: Option<SecretPermissions>,
    /// False for a deleted secret.
    pub active: Option<bool>,
}

/// `SecretItem`.
#[derive(Clone, Debug)]
pub struct SecretItem {
    /// The value; of a file item the file's name or nothing.
    pub value: Option<ItemValue>,
    /// Id of the item, which `DownloadFileAttachmentByItemId` takes.
    pub id: Option<i32>,
    /// Id of the template's field.
    pub field_id: Option<i32>,
    /// Name of the field.
    pub field_name: Option<Arc<str>>,
    /// Whether it holds a file.
    pub is_file: bool,
    /// Whether it holds notes.
    pub is_notes: bool,
    /// Whether it holds a password.
    pub is_password: bool,
    /// Label of the field.
    pub field_display_name: Option<Arc<str>>,
}

/// `SecretSettings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// Rotates by itself.
    pub auto_change_enabled: Option<bool>,
    /// Needs an approved request.
    pub requires_approval_for_access: Option<bool>,
    /// Needs a comment at every view.
    pub requires_comment: Option<bool>,
    /// Getting it checks it out.
    pub check_out_enabled: Option<bool>,
    /// Check-in rotates the password.
    pub check_out_change_password_enabled: Option<bool>,
    /// Served through the SSH proxy.
    pub proxy_enabled: Option<bool>,
    /// Launched sessions are recorded.
    pub session_recording_enabled: Option<bool>,
    /// SSH commands are limited to a menu.
    pub restrict_ssh_commands: Option<bool>,
    /// Owners are not limited to the menu.
    pub allow_owners_unrestricted_ssh_commands: Option<bool>,
    /// The account that changes the password.
    pub privileged_secret_id: Option<i32>,
    /// Secrets that the password changer may use.
    pub associated_secret_ids: Vec<i32>,
    /// Who may approve requests.
    pub approvers: Vec<GroupOrUserRecord>,
    /// Always false in an answer.
    pub is_change_to_settings: bool,
}

/// `SecretPermissions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretPermissions {
    /// The caller may see it.
    pub current_user_has_view: bool,
    /// The caller may edit it.
    pub current_user_has_edit: bool,
    /// The caller owns it.
    pub current_user_has_owner: bool,
    /// The permissions are the folder's.
    pub inherit_permissions_enabled: Option<bool>,
    /// Always false in an answer.
    pub is_change_to_permissions: bool,
    /// The entries that apply, the folder's when inherited.
    pub permissions: Vec<Permission>,
}

/// `Permission`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Whom it concerns.
    pub user_or_group: GroupOrUserRecord,
    /// May see.
    pub view: bool,
    /// May edit.
    pub edit: bool,
    /// Owns.
    pub owner: bool,
    /// `View`, `Edit` or `Owner`.
    pub secret_access_role_name: Option<Arc<str>>,
    /// Id of that role.
    pub secret_access_role_id: Option<i32>,
}

/// `GroupOrUserRecord`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOrUserRecord {
    /// User name or group name.
    pub name: Arc<str>,
    /// The domain, none for local ones.
    pub domain_name: Option<Arc<str>>,
    /// A user, not a group.
    pub is_user: bool,
    /// Set for groups.
    pub group_id: Option<i32>,
    /// Set for users.
    pub user_id: Option<i32>,
}

/// `GetCheckOutStatusResult`. Nothing here is nillable: a free secret has 0, false and 0.
#[derive(Clone, Debug)]
pub struct GetCheckOutStatusResult {
    /// The secret with its settings, without items.
    pub secret: Secret,
    /// Minutes left, 0 when free.
    pub check_out_minutes_remaining: i32,
    /// Whether it is checked out.
    pub is_checked_out: bool,
    /// Who holds it.
    pub check_out_user_display_name: Option<Arc<str>>,
    /// Who holds it, 0 when free (assumed).
    pub check_out_user_id: i32,
}

/// `FileDownloadResult`.
#[derive(Clone, Debug)]
pub struct FileDownloadResult {
    /// The bytes; base64 on the wire.
    pub file_attachment: SecretBytes,
    /// The file's name.
    pub file_name: Arc<str>,
}

/// `SecretField`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretField {
    /// Label of the field.
    pub display_name: Arc<str>,
    /// Id of the field.
    pub id: i32,
    /// Holds a password.
    pub is_password: bool,
    /// Holds an address.
    pub is_url: bool,
    /// Holds notes.
    pub is_notes: bool,
    /// Holds a file.
    pub is_file: bool,
}

/// `SecretTemplate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretTemplate {
    /// Id of the template.
    pub id: i32,
    /// Name of the template.
    pub name: Arc<str>,
    /// Its fields in order.
    pub fields: Vec<SecretField>,
}

/// `SecretAccessRequestStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAccessRequestStatus {
    /// Nobody has answered.
    Pending,
    /// Access is granted until the expiration date.
    Approved,
    /// Access is refused.
    Denied,
    /// The requester took it back.
    Canceled,
}

impl SecretAccessRequestStatus {
    /// The vendor's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Canceled => "Canceled",
        }
    }
}

/// `ApprovalInfo`.
#[derive(Clone, Debug)]
pub struct ApprovalInfo {
    /// Where the request stands.
    pub status: SecretAccessRequestStatus,
    /// Who answered.
    pub responder: Option<Arc<str>>,
    /// When it was answered.
    pub response_date: SimTime,
    /// What the responder wrote.
    pub response_comment: Option<Arc<str>>,
    /// When an approval ends.
    pub expiration_date: Option<SimTime>,
}

/// `SSHCredentialsResult`: log-on data for the proxy (assumed from the name).
#[derive(Clone, Debug)]
pub struct SSHCredentialsResult {
    /// User name for the proxy.
    pub username: Arc<str>,
    /// One-time password for the proxy.
    pub password: SecretText,
    /// The proxy's host.
    pub host: Arc<str>,
    /// The proxy's port, as text.
    pub port: Arc<str>,
}

/// `AuditSecret`.
#[derive(Clone, Debug)]
pub struct AuditSecret {
    /// Id of the row.
    pub audit_secret_id: i32,
    /// The secret.
    pub secret_id: i32,
    /// When.
    pub date_recorded: SimTime,
    /// What: `WEBSERVICE VIEW`, `CHECKOUT`, `CHECKIN` …
    pub action: Arc<str>,
    /// Comment or explanation.
    pub notes: Option<Arc<str>>,
    /// Who.
    pub user_id: i32,
    /// Name of the secret.
    pub secret_name: Arc<str>,
    /// From where.
    pub ip_address: Arc<str>,
    /// Reference of a custom audit, else 0.
    pub reference_id: i32,
    /// Name of who.
    pub by_user_display_name: Arc<str>,
    /// Number of a ticket.
    pub ticket_number: Option<Arc<str>>,
}

/// `TicketSystem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketSystem {
    /// Id of the system.
    pub ticket_system_id: i32,
    /// Its name.
    pub name: Arc<str>,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// Taken when a comment names none.
    pub is_default: bool,
}

/// `User`. `Password` is never in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: Option<i32>,
    /// Log-on name without the domain.
    pub user_name: Arc<str>,
    /// Name for people.
    pub display_name: Arc<str>,
    /// The domain's id, none for local users.
    pub domain_id: Option<i32>,
    /// An account for programs.
    pub is_application_account: bool,
    /// RADIUS is the second factor.
    pub radius_two_factor: bool,
    /// Mail is the second factor.
    pub email_two_factor: bool,
    /// Name at the RADIUS server.
    pub radius_user_name: Option<Arc<str>>,
    /// Where mail goes.
    pub email_address: Option<Arc<str>>,
    /// May log on.
    pub enabled: bool,
    /// Duo is the second factor.
    pub duo_two_factor: bool,
    /// A one-time code is the second factor.
    pub oath_two_factor: bool,
}

/// `Folder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The folder's id.
    pub id: i32,
    /// Its name.
    pub name: Arc<str>,
    /// Icon number; 1 is a folder (assumed).
    pub type_id: i32,
    /// The folder above, -1 at the top.
    pub parent_folder_id: i32,
}
