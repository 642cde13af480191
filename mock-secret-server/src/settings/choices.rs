//! The settings that are a choice among a few.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which edition answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Secret Server Cloud: the application is the site's root.
    Cloud,
    /// An installation under the virtual directory `/SecretServer`.
    OnPremises,
    /// The Delinea Platform, which has no SOAP service and refuses every call (documented
    /// soap:§3.11).
    Platform,
}

/// *Enable Webservices*, with the three things that a caller may meet when it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WebServices {
    /// The service answers.
    On,
    /// Every call is answered with a text in `Errors`.
    OffText,
    /// The path is not found: a 404 page.
    OffNotFound,
    /// The path leads to the log-in page.
    OffLogInPage,
}

/// Whether use prolongs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenLifetime {
    /// It ends so long after its issue.
    Fixed,
    /// It ends so long after its last use.
    Sliding,
}

/// What becomes of live tokens when trust is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LiveTokens {
    /// They live until they expire.
    Keep,
    /// They die at once.
    End,
}

/// `Value` of a file item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileItemValue {
    /// The file's name.
    Name,
    /// Nothing.
    Empty,
}

/// What a caller without Edit gets for a password that is hidden from launchers' users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenPassword {
    /// The item with an empty value.
    Blank,
    /// A refusal of the whole secret.
    Refuse,
}

/// The answer to `CheckIn` of a secret that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreeCheckIn {
    /// Success without effect.
    Succeed,
    /// A text in `Errors`.
    Refuse,
}

/// How an edition without a SOAP service says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformRefusal {
    /// The path is not found: a 404 page.
    NotFound,
    /// Every call is answered with a text in `Errors`.
    Text,
    /// The path leads to the log-in page.
    LogInPage,
}

/// When a caller's address is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IpRestriction {
    /// At log-on and at every call with a token.
    EveryCall,
    /// At log-on; a token then works from anywhere.
    LogOn,
}

/// The answer to a search in a field that no template has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownField {
    /// Nothing is found.
    Empty,
    /// A text in `Errors`.
    Refuse,
}

/// How a text that has nothing to say is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentText {
    /// As an empty element.
    Empty,
    /// Not at all.
    Omitted,
}

/// What stands beside a text in `Errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedPayload {
    /// Texts, lists and objects are left out.
    Omitted,
    /// Texts and lists are there and empty.
    Empty,
}

/// `SecretSettings` and `SecretPermissions` of a caller who did not ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnloadedSettings {
    /// Left out.
    Absent,
    /// There, with nothing in them.
    Blank,
}

/// What a download of a file has to get past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileAccess {
    /// Everything that `GetSecret` has to; it checks out as well.
    AsGetSecret,
    /// The permission to view the secret.
    ViewOnly,
}

/// Whose hands a secret is in that an API account fetched for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutHolder {
    /// The user's.
    User,
    /// The API account's.
    ApiAccount,
}

/// The items of the secret in `GetCheckOutStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusItems {
    /// None.
    None,
    /// Those that are exposed for display.
    Exposed,
}

/// `Responder` of an answer that came by the id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalResponder {
    /// The first approver of the secret.
    FirstApprover,
    /// Nobody: the element is left out.
    Nobody,
}
