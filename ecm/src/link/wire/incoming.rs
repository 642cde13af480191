//! Reads the frames of the appliance: what it usually sends in one pass, and all else, refusals with
//! their words among it, by way of a document in memory.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Call, ErrorAnswer, Incoming, NotAFrame, Request, SessionFrame};
use crate::error::{ErrorKind, shortened};
use crate::link::session_frame::Strict;

/// No id of a sane appliance is longer.
const ID_BYTES_MAX: usize = 256;

/// Reads one text message of the appliance.
///
/// # Errors
/// It is not a JSON object with a string `type`, or an opening frame that cannot be read.
pub fn read(text: &str) -> Result<Incoming, NotAFrame> {
    match read_usual(text) {
        Some(request) => Ok(Incoming::Request(request)),
        None => read_any(text),
    }
}

/// The request in `text`, if it is one with no member that the protocol does not have, none twice
/// and none of a wrong type: then [`read_any`] would read the same.
fn read_usual(text: &str) -> Option<Request> {
    if !text.starts_with('{') {
        return None;
    }
    let frame: Usual<'_> = serde_json::from_str(text).ok()?;
    if frame.id.len() > ID_BYTES_MAX {
        return None;
    }
    let call = match frame.frame_type {
        "find_credentials" => Call::FindCredentials {
            session: frame.session?,
        },
        "get_credential" => Call::GetCredential {
            session: frame.session?,
            credential_id: frame.credential_id?,
            recipient_key: frame.recipient_key?,
        },
        "release_credential" => Call::ReleaseCredential {
            session: frame.session?,
            credential_id: frame.credential_id?,
            session_ended_at: frame.session_ended_at?,
        },
        "find_endpoints" => Call::FindEndpoints {
            session: frame.session?,
            types: frame.types,
            query: frame.query,
            most_recently_used_count: frame.most_recently_used_count,
        },
        "start_session" => Call::StartSession {
            session: frame.session?,
            credential_id: frame.credential_id?,
        },
        "session_started" => Call::SessionStarted {
            session: frame.session?,
            history_url: frame.history_url,
            history_url_expiry_s: frame.history_url_expiry_s,
        },
        "session_complete" => Call::SessionComplete {
            session: frame.session?,
        },
        "health" => Call::Health,
        _ => return None,
    };
    Some(Request {
        id: frame.id,
        deadline_ms: frame.deadline_ms,
        call,
    })
}

/// The members of all requests. What is not known is not passed over, since that would not look
/// whether it is well formed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual<'a> {
    #[serde(rename = "type")]
    frame_type: &'a str,
    id: String,
    deadline_ms: Option<u64>,
    #[serde(default, deserialize_with = "strict_session")]
    session: Option<SessionFrame>,
    credential_id: Option<String>,
    recipient_key: Option<String>,
    session_ended_at: Option<i64>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    query: String,
    most_recently_used_count: Option<u32>,
    history_url: Option<String>,
    history_url_expiry_s: Option<u64>,
}

fn strict_session<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SessionFrame>, D::Error> {
    Strict::deserialize(from).map(Some)
}

/// Reads whatever the appliance may send, in several passes.
fn read_any(text: &str) -> Result<Incoming, NotAFrame> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "type")]
        frame_type: String,
        id: Option<String>,
        deadline_ms: Option<u64>,
    }
    let frame: Value = serde_json::from_str(text).map_err(|_| NotAFrame)?;
    let envelope = Envelope::deserialize(&frame).map_err(|_| NotAFrame)?;
    match envelope.frame_type.as_str() {
        "welcome" => {
            return serde_json::from_value(frame)
                .map(Incoming::Welcome)
                .map_err(|_| NotAFrame);
        }
        "reject" => {
            return serde_json::from_value(frame)
                .map(Incoming::Reject)
                .map_err(|_| NotAFrame);
        }
        _ => {}
    }
    let known = Call::NAMES.contains(&envelope.frame_type.as_str());
    let Some(id) = envelope.id else {
        return if known {
            Err(NotAFrame)
        } else {
            Ok(Incoming::Ignored)
        };
    };
    if id.len() > ID_BYTES_MAX {
        return Err(NotAFrame);
    }
    if !known {
        let message = "this ECM does not know the type of this request".to_owned();
        return Ok(Incoming::Refused {
            id,
            answer: ErrorAnswer::own(ErrorKind::Unsupported, message),
        });
    }
    Ok(match Call::deserialize(frame) {
        Ok(call) => Incoming::Request(Request {
            id,
            deadline_ms: envelope.deadline_ms,
            call,
        }),
        Err(error) => {
            let message = format!(
                "the request cannot be read: {}",
                shortened(&error.to_string(), 200)
            );
            Incoming::Refused {
                id,
                answer: ErrorAnswer::own(ErrorKind::Unexpected, message),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = r#"{"session_id":"s-1","product":"pra","user":{"username":"ACME\\joe",
        "distinguished_name":null,"display_name":"J\u00f6 \"x\"","provider_type":"ldap"},
        "jump_item":{"type":"shell_jump","name":"web01","hostname":"web01","port":22,"url":null,
        "additional_ips":["10.0.0.1"],"application_name":null,"jump_group":"g","tag":""}}"#;

    /// A frame with every member that `kind` may have.
    fn frame(kind: &str) -> String {
        let more = match kind {
            "get_credential" => r#","credential_id":"1","recipient_key":"AA==""#,
            "release_credential" => r#","credential_id":"1","session_ended_at":-1"#,
            "find_endpoints" => r#","types":["rdp"],"query":"q","most_recently_used_count":3"#,
            "start_session" => r#","credential_id":"1""#,
            "session_started" => r#","history_url":"https://h","history_url_expiry_s":60"#,
            _ => "",
        };
        format!(r#"{{"type":"{kind}","id":"r-1","deadline_ms":5,"session":{SESSION}{more}}}"#)
    }

    #[test]
    fn every_request_is_read_in_one_pass() {
        for kind in Call::NAMES {
            let text = frame(kind);
            let request = read_usual(&text);
            assert_eq!(
                request.as_ref().map(|request| request.call.name()),
                Some(kind)
            );
            assert_eq!(
                request.map(Incoming::Request),
                read_any(&text).ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn an_object_written_as_a_list_is_read_as_it_always_was() {
        let item = r#"["shell_jump","n",null,22,null,null,null,null,null]"#;
        for user in ["null,null", "null", "null,null,null", "7,null"] {
            let session = format!(r#"["s","pra",["joe",null,{user}],{item}]"#);
            let text = format!(r#"{{"type":"session_complete","id":"r","session":{session}}}"#);
            assert_eq!(
                read_usual(&text).map(Incoming::Request).ok_or(NotAFrame),
                read_any(&text).and_then(|incoming| match incoming {
                    Incoming::Request(_) => Ok(incoming),
                    _ => Err(NotAFrame),
                }),
                "{text}"
            );
        }
    }

    /// What is read in one pass and what is read in several is the same, or only read in several.
    fn check_same(text: &str) -> Result<(), TestCaseError> {
        if let Some(request) = read_usual(text) {
            prop_assert_eq!(Ok(Incoming::Request(request)), read_any(text), "{}", text);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_value_in_place_of_another_makes_no_difference(
            kind in prop::sample::select(Call::NAMES.to_vec()),
            (old, new) in (0_usize..40, VALUE),
        ) {
            let text = frame(kind);
            let values: Vec<_> = text.match_indices(':').collect();
            let (at, _) = values[old % values.len()];
            let end = text[at..].find([',', '}']).map_or(text.len(), |end| at + end);
            check_same(&format!("{}{new}{}", &text[..=at], &text[end..]))?;
        }

        #[test]
        fn a_member_more_makes_no_difference(
            kind in prop::sample::select(Call::NAMES.to_vec()),
            (name, value, place) in (MEMBER, VALUE, 0_usize..8),
        ) {
            let text = frame(kind);
            let starts: Vec<_> = text.match_indices('{').collect();
            let (at, _) = starts[place % starts.len()];
            check_same(&format!("{}\"{name}\":{value},{}", &text[..=at], &text[at + 1..]))?;
        }

        #[test]
        fn a_member_less_makes_no_difference(
            kind in prop::sample::select(Call::NAMES.to_vec()),
            name in MEMBER,
        ) {
            check_same(&frame(kind).replace(&format!("\"{name}\":"), "\"x\":"))?;
            check_same(&format!(r#"{{"type":"{kind}","id":"r-1"}}"#))?;
        }
    }

    const MEMBER: &str = "type|id|deadline_ms|session|credential_id|types|query|history_url|user|\
                          username|jump_item|name|port|additional_ips|tag|x|\\\\u0069d";
    const VALUE: &str = concat!(
        r#"null|true|-0|-1|7|70000|1e400|1.0|99999999999999999999|"x"|"\\ud800"|"pra"|"url"|"#,
        r#"\[\]|\["x"\]|\[null\]|\{\}|\{"pra":null\}|\[1"#,
    );
}
