//! What the appliance reads.

use serde::Deserialize;

use crate::state::ecms::{Announced, Capabilities};
use crate::state::sessions::CredentialSummary;

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

/// A list as an ECM usually sends it, read in one pass. With other members it is read in two, since
/// one that is passed over is not looked into.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsualList<'a> {
    r#type: &'a str,
    id: String,
    credentials: Vec<UsualSummary>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsualSummary {
    credential_id: String,
    display_value: String,
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
        match Self::read_usual_list(text) {
            Some(list) => Ok(list),
            None => Self::read_any(text),
        }
    }

    fn read_usual_list(text: &str) -> Option<Self> {
        if !text.starts_with('{') {
            return None;
        }
        let frame: UsualList<'_> = serde_json::from_str(text).ok()?;
        if frame.r#type != "credentials" {
            return None;
        }
        let credentials = frame.credentials.into_iter().map(|entry| SummaryFrame {
            credential_id: entry.credential_id,
            display_value: entry.display_value,
        });
        Some(Self::Answer {
            id: frame.id,
            answer: Answer::Credentials(credentials.map(Into::into).collect()),
        })
    }

    fn read_any(text: &str) -> Result<Self, FrameError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_error_quotes_nothing_but_the_type() {
        let check = |text: &str, expected: &str| {
            let error = FromEcm::read(text)
                .map(drop)
                .map_err(|error| error.to_string());
            assert_eq!(error, Err(expected.to_owned()), "{text}");
        };
        check("CnRy", "not a JSON object with a member \"type\"");
        check(
            r#"{"type":7,"x":"CnRy"}"#,
            "not a JSON object with a member \"type\"",
        );
        check(
            r#"{"type":"nonsense","x":"CnRy"}"#,
            "unknown frame type \"nonsense\"",
        );
        check(
            r#"{"type":"package","id":"r-1","kind":"CnRy","sealed":"CnRy"}"#,
            "frame \"package\" lacks a member or has one of the wrong type",
        );
    }

    #[test]
    fn a_list_is_read_in_one_pass_as_in_two() {
        let list = r#"{"id":"r-1","type":"credentials","credentials":[
            {"credential_id":"7","display_value":"J\u00f6 \"x\""},["8","b"]]}"#;
        assert!(FromEcm::read_usual_list(list).is_some());
        let same = |text: &str| {
            if let Some(read) = FromEcm::read_usual_list(text) {
                let read_in_two = FromEcm::read_any(text);
                assert_eq!(
                    format!("{:?}", Ok::<_, FrameError>(read)),
                    format!("{read_in_two:?}")
                );
            }
        };
        same(list);
        for (old, new) in [
            ("\"r-1\"", "null"),
            ("\"r-1\"", "7"),
            ("\"credentials\",", "\"done\","),
            ("\"id\"", "\"id\":\"r-2\",\"id\""),
            ("\"id\"", "\"x\":\"\\ud800\",\"id\""),
            ("\"id\"", "\"x\":1e400,\"id\""),
            ("\"id\"", "\"kind\":[[[\"deep\"]]],\"id\""),
            ("\"7\"", "null"),
            ("\"7\"", "7"),
            ("\"7\"", "\"7\",\"x\":1"),
            ("[\"8\",\"b\"]", "[\"8\"]"),
            ("[\"8\",\"b\"]", "[\"8\",\"b\",\"c\"]"),
            ("]}", "]} "),
            ("]}", "]}x"),
            ("{\"id\"", " {\"id\""),
        ] {
            let changed = list.replace(old, new);
            assert_ne!(changed, list);
            same(&changed);
        }
        same(r#"["credentials","r-1",[]]"#);
    }

    proptest::proptest! {
        #[test]
        fn no_text_upsets_the_reader(text in "\\PC{0,80}") {
            let _ = FromEcm::read(&text);
        }

        #[test]
        fn no_member_upsets_the_reader(
            kind in "hello|credentials|package|done|endpoints|health|error",
            member in "id|credentials|sealed|plugin|protocol_versions|healthy",
            value in "null|true|-1|1e400|\"x\"|\\[\\]|\\[1\\]|\\{\\}|\\{\"a\":null\\}",
        ) {
            let _ = FromEcm::read(&format!(r#"{{"type":"{kind}","{member}":{value}}}"#));
        }
    }
}
