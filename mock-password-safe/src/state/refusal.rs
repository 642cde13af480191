//! Why the vault refuses, in its own terms. What travels is the wire's business.

/// A number that explains a 403. `vendor-client psafe:JAVA` and `psafe:PBPSAPI`, table in psafe:§3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubCode {
    /// No permission to request the account, the account does not belong to the system, or it is
    /// not enabled for the API.
    NoPermission,
    /// The call or the account is for requestors only.
    RequestorOnly,
    /// The call or the account is for approvers only.
    ApproverOnly,
    /// The request is not approved yet.
    NotApproved,
    /// The policy wants more approvers than there are.
    NotEnoughApprovers,
}

impl SubCode {
    /// The number on the wire.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::NoPermission => 4031,
            Self::RequestorOnly => 4032,
            Self::ApproverOnly => 4033,
            Self::NotApproved => 4034,
            Self::NotEnoughApprovers => 4035,
        }
    }
}

/// The number that explains a 409 (`vendor-client psafe:PBPSAPI`).
pub(crate) const CONFLICT_CODE: u16 = 4091;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The call makes no sense: 400 and this text.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Nobody is signed in, or whoever tried may not: 401.
    #[error("not authenticated")]
    NotAuthenticated,
    /// Sign-in was refused: 401 and the text of a setting.
    #[error("sign-in refused")]
    SignInRefused,
    /// A second factor is needed: 401, the prompt in a header, and a session to answer with.
    #[error("second factor needed")]
    SecondFactor {
        /// What the user is asked.
        prompt: String,
        /// The session in which the answer is expected.
        session: String,
    },
    /// The licence is not valid: 403 without a code.
    #[error("licence not valid")]
    Licence,
    /// The caller's groups lack a feature permission: 403 without a code.
    #[error("permission missing")]
    PermissionMissing,
    /// 403 with a number.
    #[error("forbidden, {}", .0.number())]
    Forbidden(SubCode),
    /// 404 and this text.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// Something of this name is there already: 409 and this text (`vendor-client psafe:PYLIB`
    /// accepts 409 for a safe).
    #[error("taken: {0}")]
    Taken(&'static str),
    /// Another release is in the way: 409.
    #[error("conflicting request")]
    Conflict,
    /// OAuth client credentials are refused: 400 or 401 with `invalid_client`.
    #[error("invalid client")]
    InvalidClient,
    /// No such method here: 405, and the methods that there are.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: String,
    },
    /// An operation that answers only when a setting says so: 405.
    #[error("switched off")]
    SwitchedOff,
    /// The version of the API is disabled: 410.
    #[error("version disabled")]
    VersionDisabled,
    /// A body of a kind that is not read: 415.
    #[error("unsupported media type")]
    UnsupportedMedia,
    /// The body is longer than the server reads: 413.
    #[error("body too large")]
    TooLarge,
    /// Known from the vendor's documentation, not simulated: 405 with a text of its own.
    #[error("not simulated")]
    NotSimulated {
        /// The value of `Allow`.
        allow: String,
    },
}

impl Refusal {
    /// 403 `4031`.
    pub(crate) const NO_PERMISSION: Self = Self::Forbidden(SubCode::NoPermission);

    /// The number that explains it, where there is one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Forbidden(code) => Some(code.number()),
            Self::Conflict => Some(CONFLICT_CODE),
            _ => None,
        }
    }

    /// A 400 with its reason.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}
