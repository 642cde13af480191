//! The frames of the ECM link, version 1, as the ECM writes and reads them.
//!
//! Provenance: our own protocol (`mock-appliance/ECM-LINK.md`); the members repeat what the
//! vendor's SDK shows publicly (vendor-client ecm:§2.2). These types are the ECM's alone: the
//! simulated appliance has its own, written from the same text.

mod incoming;

use serde::{Deserialize, Serialize};

pub use self::incoming::read;
pub use super::session_frame::SessionFrame;
use crate::error::{ErrorKind, PluginError};
use crate::plugin::{Capabilities, CredentialSummary, Endpoint};

/// The WebSocket sub-protocol.
pub const SUB_PROTOCOL: &str = "sim-ecm.v1";

/// The only version of the frames that this ECM speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The largest frame that is ever read or written, whatever `welcome` allows.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// The first frame of the ECM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Versions of the frames that the ECM speaks.
    pub protocol_versions: Vec<u32>,
    /// The ECM's own version.
    pub ecm_version: String,
    /// 32 hexadecimal digits, stable over restarts.
    pub ecm_id: String,
    /// The host that the ECM runs on.
    pub hostname: String,
    /// The operating system.
    pub os: String,
    /// The plugin behind this ECM.
    pub plugin: PluginIdentity,
    /// What the plugin offers.
    pub capabilities: CapabilityFlags,
}

/// Name, version and purpose of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginIdentity {
    /// Short name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// One sentence.
    pub description: String,
}

/// The six flags of [`Capabilities`] on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CapabilityFlags {
    pub credentials_used: bool,
    pub endpoint_search: bool,
    pub health_check: bool,
    pub session_complete: bool,
    pub session_started: bool,
    pub start_session: bool,
}

impl From<Capabilities> for CapabilityFlags {
    fn from(from: Capabilities) -> Self {
        Self {
            credentials_used: from.credentials_used,
            endpoint_search: from.endpoint_search,
            health_check: from.health_check,
            session_complete: from.session_complete,
            session_started: from.session_started,
            start_session: from.start_session,
        }
    }
}

/// The answer to one request, without its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// The list behind the key icon; may be empty.
    Credentials {
        /// The entries in the plugin's order.
        credentials: Vec<CredentialEntry>,
    },
    /// A sealed credential.
    Package {
        /// `username_password` or `ssh_key`.
        kind: &'static str,
        /// The box.
        sealed: SealedBox,
    },
    /// The call was carried out and has nothing to return.
    Done,
    /// The result of an endpoint search; may be empty.
    Endpoints {
        /// The endpoints in the plugin's order.
        endpoints: Vec<EndpointEntry>,
    },
    /// The state of the vault as the plugin sees it.
    Health {
        /// Whether a look-up would have a chance.
        healthy: bool,
        /// One line for an administrator.
        detail: String,
    },
    /// The call failed.
    Error(ErrorAnswer),
}

/// A failure, in words fit for the console user's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorAnswer {
    /// The name of an [`crate::error::ErrorKind`].
    pub category: &'static str,
    /// What happened.
    pub message: String,
    /// Whether the same request may succeed later without anybody changing anything.
    pub retryable: bool,
    /// Where a pending approval is given.
    pub action_url: Option<String>,
}

/// One entry of a credential list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialEntry {
    /// What the appliance hands back to fetch this entry.
    pub credential_id: String,
    /// What the user reads.
    pub display_value: String,
}

impl From<CredentialSummary> for CredentialEntry {
    fn from(from: CredentialSummary) -> Self {
        Self {
            credential_id: from.credential_id,
            display_value: from.display_value,
        }
    }
}

/// A sealed credential in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedBox {
    /// The encapsulated key.
    pub enc: String,
    /// The ciphertext with its tag.
    pub ciphertext: String,
}

/// One result of an endpoint search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct EndpointEntry {
    pub external_id: String,
    pub name: String,
    pub hostname: String,
    #[serde(rename = "type")]
    pub endpoint_type: &'static str,
    pub port: Option<u16>,
    pub comments: Option<String>,
    pub network_id: Option<String>,
}

impl From<Endpoint> for EndpointEntry {
    fn from(from: Endpoint) -> Self {
        Self {
            external_id: from.external_id,
            name: from.name,
            hostname: from.hostname,
            endpoint_type: from.endpoint_type.name(),
            port: from.port,
            comments: from.comments,
            network_id: from.network_id,
        }
    }
}

/// The text of a `hello` frame.
///
/// # Errors
/// None in practice: the frame holds strings and numbers only.
pub fn write_hello(hello: &Hello) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Frame<'a> {
        #[serde(rename = "type")]
        frame_type: &'static str,
        #[serde(flatten)]
        hello: &'a Hello,
    }
    serde_json::to_string(&Frame {
        frame_type: "hello",
        hello,
    })
}

/// The text of the answer to the request `id`.
///
/// # Errors
/// None in practice: the frame holds strings, numbers and lists only.
pub fn write_answer(id: &str, answer: &Answer) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Frame<'a> {
        id: &'a str,
        #[serde(flatten)]
        answer: &'a Answer,
    }
    let mut text = Vec::with_capacity(ANSWER_BYTES_USUAL);
    serde_json::to_writer(&mut text, &Frame { id, answer })?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// Room for a list of a few entries, so that it is not moved while it is written.
const ANSWER_BYTES_USUAL: usize = 1024;

/// A frame of the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // one at a time, and taken apart at once
pub enum Incoming {
    /// The appliance accepted `hello`.
    Welcome(Welcome),
    /// The appliance refused `hello`.
    Reject(Reject),
    /// Work.
    Request(Request),
    /// A frame with an id that this ECM cannot serve; to be answered with an error.
    Refused {
        /// The id to answer.
        id: String,
        /// The answer.
        answer: ErrorAnswer,
    },
    /// A frame of an unknown type without an id; to be ignored.
    Ignored,
}

/// The appliance's side of the opening.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Welcome {
    /// The version that the appliance chose.
    pub protocol_version: u32,
    /// The appliance's name for this connection; part of what a credential is sealed to.
    pub connection_id: String,
    /// The ECM group of the API account.
    pub ecm_group: String,
    /// The appliance's clock, Unix seconds.
    pub server_time: Option<i64>,
    /// Seconds between two pings.
    #[serde(default = "Welcome::default_ping_interval_s")]
    pub ping_interval_s: u64,
    /// The largest frame that the appliance takes.
    #[serde(default = "Welcome::default_frame_bytes_max")]
    pub max_frame_bytes: usize,
    /// Limits for requests that carry no deadline of their own.
    #[serde(default)]
    pub request_timeout_ms: RequestTimeouts,
}

impl Welcome {
    fn default_ping_interval_s() -> u64 {
        30
    }

    fn default_frame_bytes_max() -> usize {
        FRAME_BYTES_MAX
    }
}

/// The default limits of requests, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct RequestTimeouts {
    pub find_credentials: u64,
    pub get_credential: u64,
    pub find_endpoints: u64,
    pub release_credential: u64,
    pub other: u64,
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

/// A refused opening.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reject {
    /// A stable word, such as `version_mismatch`.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// One request of the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Unique on the connection.
    pub id: String,
    /// Milliseconds from the arrival until the answer is worthless.
    pub deadline_ms: Option<u64>,
    /// What is asked.
    pub call: Call,
}

/// What the appliance may ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Call {
    FindCredentials {
        session: SessionFrame,
    },
    GetCredential {
        session: SessionFrame,
        credential_id: String,
        recipient_key: String,
    },
    ReleaseCredential {
        session: SessionFrame,
        credential_id: String,
        session_ended_at: i64,
    },
    FindEndpoints {
        session: SessionFrame,
        #[serde(default)]
        types: Vec<String>,
        #[serde(default)]
        query: String,
        most_recently_used_count: Option<u32>,
    },
    StartSession {
        session: SessionFrame,
        credential_id: String,
    },
    SessionStarted {
        session: SessionFrame,
        history_url: Option<String>,
        history_url_expiry_s: Option<u64>,
    },
    SessionComplete {
        session: SessionFrame,
    },
    Health,
}

impl Call {
    /// Every request type by name.
    pub const NAMES: [&'static str; 8] = [
        "find_credentials",
        "get_credential",
        "release_credential",
        "find_endpoints",
        "start_session",
        "session_started",
        "session_complete",
        "health",
    ];

    /// The request's type.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FindCredentials { .. } => "find_credentials",
            Self::GetCredential { .. } => "get_credential",
            Self::ReleaseCredential { .. } => "release_credential",
            Self::FindEndpoints { .. } => "find_endpoints",
            Self::StartSession { .. } => "start_session",
            Self::SessionStarted { .. } => "session_started",
            Self::SessionComplete { .. } => "session_complete",
            Self::Health => "health",
        }
    }

    /// The limit of this call when the request carries none.
    pub fn timeout_ms(&self, timeouts: &RequestTimeouts) -> u64 {
        match self {
            Self::FindCredentials { .. } => timeouts.find_credentials,
            Self::GetCredential { .. } => timeouts.get_credential,
            Self::FindEndpoints { .. } => timeouts.find_endpoints,
            Self::ReleaseCredential { .. } => timeouts.release_credential,
            _ => timeouts.other,
        }
    }
}

/// Text that is not a frame at all: the two sides no longer understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the appliance sent text that is not a frame of {SUB_PROTOCOL}")]
pub struct NotAFrame;

impl ErrorAnswer {
    /// A failure that arose in the ECM itself.
    pub fn own(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            category: kind.name(),
            message: message.into(),
            retryable: kind.is_retryable(),
            action_url: None,
        }
    }
}

impl From<&PluginError> for ErrorAnswer {
    fn from(error: &PluginError) -> Self {
        Self {
            category: error.kind.name(),
            message: error.message.clone(),
            retryable: error.is_retryable(),
            action_url: error.action_url.clone(),
        }
    }
}
