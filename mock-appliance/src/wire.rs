//! Frames of the ECM link as the appliance writes and reads them (`ECM-LINK.md` §2).

use serde::{Deserialize, Serialize};

use crate::state::directory::{ConsoleUser, JumpItem, Product};
use crate::state::ecms::{Announced, Capabilities};
use crate::state::sessions::{CredentialSummary, Session};

/// Sub-protocol of the WebSocket.
pub(crate) const SUB_PROTOCOL: &str = "sim-ecm.v1";
/// The protocol version that [`SUB_PROTOCOL`] stands for.
pub(crate) const PROTOCOL_VERSION: u32 = 1;
/// Path of the WebSocket.
pub(crate) const CONNECT_PATH: &str = "/api/ecm/v1/connect";
/// Longest frame either side may send, in bytes.
pub(crate) const FRAME_BYTES_MAX: usize = 1 << 20;

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

/// A frame from an ECM.
#[derive(Debug)]
pub(crate) enum FromEcm {
    /// The first frame.
    Hello(Hello),
    /// An answer to the request with this id.
    Answer {
        /// Id of the request.
        id: String,
        /// The answer.
        answer: Answer,
    },
}

/// `hello`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Hello {
    /// Versions that the ECM speaks.
    pub(crate) protocol_versions: Vec<u32>,
    ecm_version: String,
    ecm_id: String,
    hostname: String,
    os: String,
    plugin: PluginFrame,
    #[serde(default)]
    capabilities: CapabilitiesFrame,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct PluginFrame {
    name: String,
    version: String,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct CapabilitiesFrame {
    credentials_used: bool,
    endpoint_search: bool,
    health_check: bool,
    session_complete: bool,
    session_started: bool,
    start_session: bool,
}

impl From<Hello> for Announced {
    fn from(hello: Hello) -> Self {
        let flags = hello.capabilities;
        Self {
            ecm_id: hello.ecm_id,
            ecm_version: hello.ecm_version,
            hostname: hello.hostname,
            os: hello.os,
            plugin_name: hello.plugin.name,
            plugin_version: hello.plugin.version,
            capabilities: Capabilities {
                credentials_used: flags.credentials_used,
                endpoint_search: flags.endpoint_search,
                health_check: flags.health_check,
                session_complete: flags.session_complete,
                session_started: flags.session_started,
                start_session: flags.start_session,
            },
        }
    }
}

/// An answer of an ECM.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To `find_credentials`.
    Credentials(Vec<CredentialSummary>),
    /// To `get_credential`.
    Package(Package),
    /// To requests that ask for nothing.
    Done,
    /// To `find_endpoints`.
    Endpoints(Vec<Endpoint>),
    /// To `health`.
    Health(Health),
    /// To any request.
    Error(Problem),
}

impl Answer {
    /// The frame's `type`.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::Package(_) => "package",
            Self::Done => "done",
            Self::Endpoints(_) => "endpoints",
            Self::Health(_) => "health",
            Self::Error(_) => "error",
        }
    }
}

/// A sealed credential.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// What is in the box.
    pub(crate) kind: String,
    /// The box.
    pub(crate) sealed: Sealed,
}

/// The two parts of an HPKE message, in base64.
#[derive(Debug, Deserialize)]
pub(crate) struct Sealed {
    /// The encapsulated key.
    pub(crate) enc: String,
    /// The box with its tag.
    pub(crate) ciphertext: String,
}

/// An External Jump Item that an ECM found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// The vault's name for it.
    pub external_id: String,
    /// For people.
    pub name: String,
    /// Host name or address.
    pub hostname: String,
    /// `rdp` or `shell`.
    pub r#type: String,
    /// Its port, where it is not the usual one.
    pub port: Option<u16>,
    /// Shown beside it.
    pub comments: Option<String>,
    /// Which Jumpoint reaches it.
    pub network_id: Option<String>,
}

/// Whether the plugin is well.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Whether it is.
    pub healthy: bool,
    /// For people.
    pub detail: Option<String>,
}

/// Why a request failed, in the ECM's words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// One of the categories of the protocol; one that is not known counts as `unexpected`.
    pub category: String,
    /// Fit for the console user's screen.
    pub message: String,
    /// Whether trying again may help.
    #[serde(default)]
    pub retryable: Option<bool>,
    /// Where a pending approval is given.
    pub action_url: Option<String>,
}

impl Problem {
    /// A problem that no category fits.
    #[must_use]
    pub(crate) fn unexpected(message: String) -> Self {
        let category = "unexpected".to_owned();
        Self {
            category,
            message,
            retryable: None,
            action_url: None,
        }
    }
}

/// Why a frame was not understood. It quotes nothing of the frame but its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Not JSON, or not an object with a string member `type`.
    #[error("not a JSON object with a member \"type\"")]
    NotAFrame,
    /// A type that an ECM does not send.
    #[error("unknown frame type {0:?}")]
    UnknownType(String),
    /// A member is missing or has another type.
    #[error("frame {0:?} lacks a member or has one of the wrong type")]
    Members(&'static str),
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
    id: Option<String>,
}

#[derive(Deserialize)]
struct CredentialsFrame {
    credentials: Vec<SummaryFrame>,
}

#[derive(Deserialize)]
struct SummaryFrame {
    credential_id: String,
    display_value: String,
}

#[derive(Deserialize)]
struct EndpointsFrame {
    endpoints: Vec<Endpoint>,
}

impl FromEcm {
    /// Reads a text message.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub(crate) fn read(text: &str) -> Result<Self, FrameError> {
        let head: Head = serde_json::from_str(text).map_err(|_| FrameError::NotAFrame)?;
        let answer = match head.r#type.as_str() {
            "hello" => return members("hello", text).map(Self::Hello),
            "credentials" => {
                let frame: CredentialsFrame = members("credentials", text)?;
                Answer::Credentials(frame.credentials.into_iter().map(Into::into).collect())
            }
            "package" => Answer::Package(members("package", text)?),
            "done" => Answer::Done,
            "endpoints" => {
                Answer::Endpoints(members::<EndpointsFrame>("endpoints", text)?.endpoints)
            }
            "health" => Answer::Health(members("health", text)?),
            "error" => Answer::Error(members("error", text)?),
            unknown => return Err(FrameError::UnknownType(unknown.chars().take(40).collect())),
        };
        let id = head.id.ok_or(FrameError::Members("answer"))?;
        Ok(Self::Answer { id, answer })
    }
}

impl From<SummaryFrame> for CredentialSummary {
    fn from(frame: SummaryFrame) -> Self {
        Self {
            credential_id: frame.credential_id,
            display_value: frame.display_value,
            recommended: false,
        }
    }
}

/// The parser's own message would quote values, so only the frame's type is told.
fn members<'a, T: Deserialize<'a>>(name: &'static str, text: &'a str) -> Result<T, FrameError> {
    serde_json::from_str(text).map_err(|_| FrameError::Members(name))
}

impl ToEcm<'_> {
    /// The text of the frame.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys and no failing serialiser")
    }
}
