//! Why the vault said no: always HTTP 200 on the wire, with the text in `Errors` (soap:§1.6).

use std::borrow::Cow;

/// A negative answer.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Text for `Errors` (`ErrorMessage` of the two approval operations). When it is empty,
    /// `Errors` stays empty: the setting `secret_error_only`.
    pub text: Cow<'static, str>,
    /// What the caller must answer to go on; only with `GetSecret` and `GetSecretLegacy`.
    pub secret_error: Option<Box<SecretError>>,
    /// Where the user answers a request for delegated trust; as
    /// [`super::ImpersonateResult::authorize_url`].
    pub authorize_url: Option<String>,
    /// Whether texts and lists of the result are there and empty: the setting `refused_payload`.
    pub payload_empty: bool,
    /// Why, for the journal. Never on the wire: several reasons share a text on purpose.
    pub kind: RefusalKind,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            secret_error: None,
            authorize_url: None,
            payload_empty: false,
            kind,
        }
    }
}

/// `SecretError` (soap:§3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError {
    /// To be echoed in `CodeResponse.ErrorCode`.
    pub error_code: Cow<'static, str>,
    /// The same text as in `Errors`.
    pub error_message: Cow<'static, str>,
    /// Whether sending a `CodeResponse` can succeed.
    pub allows_response: bool,
    /// Title to ask for `Comment` under; empty: do not ask.
    pub comment_title: Cow<'static, str>,
    /// Title to ask for `AdditionalComment` under; empty: do not ask.
    pub additional_comment_title: Cow<'static, str>,
}

/// The reason behind a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Log-on: no such user.
    UnknownUser,
    /// Log-on: wrong password.
    WrongPassword,
    /// Log-on or impersonation: the account is disabled.
    DisabledUser,
    /// Log-on: too many wrong passwords.
    LockedOut,
    /// Log-on: the local password has expired.
    PasswordExpired,
    /// Log-on: an organisation was named to an edition without organisations.
    OrganizationNamed,
    /// Log-on: the account needs a second factor.
    SecondFactorRequired,
    /// Log-on: the RADIUS server wants another answer.
    RadiusChallenge,
    /// Log-on: the RADIUS code is wrong.
    WrongRadiusCode,
    /// The caller's address is not on the list.
    IpNotAllowed,
    /// No token, an unknown token, or one that has expired.
    DeadToken,
    /// The caller lacks a role permission or a permission on the object.
    AccessDenied,
    /// Impersonation: no such user.
    UnknownTarget,
    /// Impersonation: the user has not answered yet.
    TrustPending,
    /// Impersonation: the user said no.
    TrustDenied,
    /// No such secret, or a deleted one.
    NoSuchSecret,
    /// The secret wants a comment.
    CommentRequired,
    /// The secret wants a ticket's number.
    TicketRequired,
    /// The secret wants an approved request.
    ApprovalRequired,
    /// The secret wants its DoubleLock password.
    DoubleLocked,
    /// Somebody else holds the secret.
    CheckedOut,
    /// The password is being changed.
    PasswordChangePending,
    /// The item holds no file.
    NoFile,
    /// The secret has more than one file field.
    SeveralFiles,
    /// Another object that is not there, or not for this caller.
    NotFound,
    /// A value that the operation cannot use.
    BadValue,
    /// Web services are switched off.
    WebServicesOff,
    /// The Delinea Platform has no SOAP service.
    PlatformProfile,
}

impl RefusalKind {
    /// A word for journals and conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown-user",
            Self::WrongPassword => "wrong-password",
            Self::DisabledUser => "disabled-user",
            Self::LockedOut => "locked-out",
            Self::PasswordExpired => "password-expired",
            Self::OrganizationNamed => "organization-named",
            Self::SecondFactorRequired => "second-factor-required",
            Self::RadiusChallenge => "radius-challenge",
            Self::WrongRadiusCode => "wrong-radius-code",
            Self::IpNotAllowed => "ip-not-allowed",
            Self::DeadToken => "dead-token",
            Self::AccessDenied => "access-denied",
            Self::UnknownTarget => "unknown-target",
            Self::TrustPending => "trust-pending",
            Self::TrustDenied => "trust-denied",
            Self::NoSuchSecret => "no-such-secret",
            Self::CommentRequired => "comment-required",
            Self::TicketRequired => "ticket-required",
            Self::ApprovalRequired => "approval-required",
            Self::DoubleLocked => "double-locked",
            Self::CheckedOut => "checked-out",
            Self::PasswordChangePending => "password-change-pending",
            Self::NoFile => "no-file",
            Self::SeveralFiles => "several-files",
            Self::NotFound => "not-found",
            Self::BadValue => "bad-value",
            Self::WebServicesOff => "web-services-off",
            Self::PlatformProfile => "platform-profile",
        }
    }
}
