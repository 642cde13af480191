//! What the appliance writes.

use serde::Serialize;

use crate::state::directory::{ConsoleUser, JumpItem, Product};
use crate::state::sessions::Session;

/// A frame from the appliance.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToEcm<'a> {
    /// Answer to `hello`.
    Welcome(Welcome<'a>),
    /// The other answer to `hello`.
    Reject {
        /// Code of the refusal, as in the body of a refused connect.
        code: &'static str,
        /// For people.
        message: &'a str,
    },
    /// Which credentials are there for this user and this Jump Item?
    FindCredentials(InSession<'a, NoMore>),
    /// The secret of one of them, sealed.
    GetCredential(InSession<'a, GetCredential<'a>>),
    /// The session no longer uses a credential.
    ReleaseCredential(InSession<'a, ReleaseCredential<'a>>),
    /// External Jump Items that match.
    FindEndpoints(InSession<'a, FindEndpoints<'a>>),
    /// The session began.
    SessionStarted(InSession<'a, SessionStarted<'a>>),
    /// The session ended.
    SessionComplete(InSession<'a, NoMore>),
    /// How is the plugin?
    Health {
        /// Id of the request.
        id: &'a str,
        /// Milliseconds to answer in, from arrival.
        deadline_ms: u64,
    },
}

/// `welcome`.
#[derive(Debug, Serialize)]
pub(crate) struct Welcome<'a> {
    /// The version that both sides speak.
    pub(crate) protocol_version: u32,
    /// Name of the connection, part of what every sealed credential is bound to.
    pub(crate) connection_id: &'a str,
    /// The ECM Group of the account.
    pub(crate) ecm_group: &'a str,
    /// Unix seconds.
    pub(crate) server_time: i64,
    /// Seconds between pings.
    pub(crate) ping_interval_s: u64,
    /// Longest frame in bytes.
    pub(crate) max_frame_bytes: usize,
    /// Milliseconds that requests may take.
    pub(crate) request_timeout_ms: RequestTimeouts,
}

/// Milliseconds that an ECM has for each kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RequestTimeouts {
    /// `find_credentials`.
    pub(crate) find_credentials: u64,
    /// `get_credential`.
    pub(crate) get_credential: u64,
    /// `find_endpoints`.
    pub(crate) find_endpoints: u64,
    /// `release_credential`.
    pub(crate) release_credential: u64,
    /// All others.
    pub(crate) other: u64,
}

impl Default for RequestTimeouts {
    fn default() -> Self {
        Self {
            find_credentials: 30_000,
            get_credential: 60_000,
            find_endpoints: 15_000,
            release_credential: 30_000,
            other: 15_000,
        }
    }
}

/// A request about a session.
#[derive(Debug, Serialize)]
pub(crate) struct InSession<'a, More> {
    /// Id of the request.
    pub(crate) id: &'a str,
    /// Milliseconds to answer in, from arrival.
    pub(crate) deadline_ms: u64,
    /// The session.
    pub(crate) session: &'a SessionFrame,
    /// The members of this type of request.
    #[serde(flatten)]
    pub(crate) more: More,
}

/// No further members.
#[derive(Debug, Serialize)]
pub(crate) struct NoMore {}

/// Further members of `get_credential`.
#[derive(Debug, Serialize)]
pub(crate) struct GetCredential<'a> {
    /// Which.
    pub(crate) credential_id: &'a str,
    /// Public key to seal to, in base64.
    pub(crate) recipient_key: &'a str,
}

/// Further members of `release_credential`.
#[derive(Debug, Serialize)]
pub(crate) struct ReleaseCredential<'a> {
    /// Which.
    pub(crate) credential_id: &'a str,
    /// Unix seconds.
    pub(crate) session_ended_at: i64,
}

/// Further members of `find_endpoints`.
#[derive(Debug, Serialize)]
pub(crate) struct FindEndpoints<'a> {
    /// `rdp`, `shell`.
    pub(crate) types: &'a [&'static str],
    /// What the user typed.
    pub(crate) query: &'a str,
    /// How many recently used ones are wanted.
    pub(crate) most_recently_used_count: Option<u32>,
}

/// Further members of `session_started`.
#[derive(Debug, Serialize)]
pub(crate) struct SessionStarted<'a> {
    /// Where the session's report is.
    pub(crate) history_url: Option<&'a str>,
    /// Seconds for which that address works.
    pub(crate) history_url_expiry_s: Option<u64>,
}

/// The `session` object of a request. A member without a value is written as `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SessionFrame {
    session_id: String,
    product: &'static str,
    user: UserFrame,
    jump_item: JumpItemFrame,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct UserFrame {
    username: String,
    distinguished_name: Option<String>,
    display_name: Option<String>,
    provider_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct JumpItemFrame {
    r#type: &'static str,
    name: String,
    hostname: Option<String>,
    port: Option<u16>,
    url: Option<String>,
    additional_ips: Vec<String>,
    application_name: Option<String>,
    jump_group: Option<String>,
    tag: Option<String>,
}

impl SessionFrame {
    /// The object for a session.
    #[must_use]
    pub(crate) fn of(session: &Session, product: Product) -> Self {
        Self::new(
            session.id.to_string(),
            product,
            &session.user,
            &session.jump_item,
        )
    }

    /// The object for a search, which belongs to no session.
    #[must_use]
    pub(crate) fn search(product: Product, user: &ConsoleUser, placeholder: &JumpItem) -> Self {
        Self::new("search".to_owned(), product, user, placeholder)
    }

    fn new(session_id: String, product: Product, user: &ConsoleUser, item: &JumpItem) -> Self {
        Self {
            session_id,
            product: product.as_str(),
            user: UserFrame {
                username: user.username.clone(),
                distinguished_name: user.distinguished_name.clone(),
                display_name: user.display_name.clone(),
                provider_type: user.provider_type.as_str(),
            },
            jump_item: JumpItemFrame {
                r#type: item.kind.as_str(),
                name: item.name.clone(),
                hostname: item.hostname.clone(),
                port: item.port,
                url: item.url.clone(),
                additional_ips: item.additional_ips.clone(),
                application_name: item.application_name.clone(),
                jump_group: item.jump_group.clone(),
                tag: item.tag.clone(),
            },
        }
    }
}

impl ToEcm<'_> {
    /// The text of the frame.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys and no failing serialiser")
    }
}
