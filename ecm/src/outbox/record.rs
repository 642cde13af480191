//! One line of the outbox file: a checksum and what happened, in JSON.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DebtKey;
use crate::link::wire::SessionFrame;

/// What may happen to a check-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Record {
    /// A credential is about to be fetched, so its check-in is owed from now on.
    Owed {
        session: Box<SessionFrame>,
        credential_id: String,
        /// The vault users that may hold it; absent in what earlier releases wrote.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        holders: Vec<String>,
    },
    /// The credential left the ECM; its session goes on until the appliance reports its end.
    Delivered(DebtKey),
    /// The check-in may be made now.
    Due {
        #[serde(flatten)]
        key: DebtKey,
        ended_at_unix: i64,
        due_since_unix: i64,
        /// Whether the vault may still handle the fetch, so that it is to be made twice.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fetch_may_come_late: bool,
    },
    /// The first of two check-ins was confirmed; the second may be made at that time.
    Repeat {
        #[serde(flatten)]
        key: DebtKey,
        ended_at_unix: i64,
        due_since_unix: i64,
        not_before_unix: i64,
    },
    /// The vault confirmed the check-in.
    Confirmed(DebtKey),
    /// All attempts within the limit were in vain.
    GivenUp {
        #[serde(flatten)]
        key: DebtKey,
        /// When that was, Unix seconds; absent in what earlier releases wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_unix: Option<i64>,
    },
}

/// A line that is not one: torn by a crash, or damaged later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// Bytes of the checksum in hexadecimal.
const CHECKSUM_CHARS: usize = 16;

impl Record {
    /// The line with its final line break.
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{} {json}\n", checksum(json.as_bytes())))
    }

    /// Reads one line without its line break.
    pub(super) fn from_line(line: &[u8]) -> Result<Self, Damaged> {
        let (written, json) = line.split_at_checked(CHECKSUM_CHARS).ok_or(Damaged)?;
        let json = json.strip_prefix(b" ").ok_or(Damaged)?;
        if written != checksum(json).as_bytes() {
            return Err(Damaged);
        }
        serde_json::from_slice(json).map_err(|_| Damaged)
    }
}

/// The first half of SHA-256 is more than enough against accidents; it proves no origin.
fn checksum(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    digest
        .iter()
        .take(CHECKSUM_CHARS / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that an earlier release left behind has to be read, so its form is pinned.
    #[test]
    fn a_record_is_one_flat_object_whatever_it_tells() {
        let key = DebtKey::new("s-1", "7");
        let due = Record::Due {
            key: key.clone(),
            ended_at_unix: 1,
            due_since_unix: 2,
            fetch_may_come_late: false,
        };
        let due_twice = Record::Due {
            key: key.clone(),
            ended_at_unix: 1,
            due_since_unix: 2,
            fetch_may_come_late: true,
        };
        let repeat = Record::Repeat {
            key: key.clone(),
            ended_at_unix: 1,
            due_since_unix: 2,
            not_before_unix: 3,
        };
        let cases = [
            (
                Record::Delivered(key.clone()),
                r#"{"op":"delivered","session_id":"s-1","credential_id":"7"}"#,
            ),
            (
                due,
                r#"{"op":"due","session_id":"s-1","credential_id":"7","ended_at_unix":1,"due_since_unix":2}"#,
            ),
            (
                due_twice,
                r#"{"op":"due","session_id":"s-1","credential_id":"7","ended_at_unix":1,"due_since_unix":2,"fetch_may_come_late":true}"#,
            ),
            (
                repeat,
                r#"{"op":"repeat","session_id":"s-1","credential_id":"7","ended_at_unix":1,"due_since_unix":2,"not_before_unix":3}"#,
            ),
            (
                Record::Confirmed(key.clone()),
                r#"{"op":"confirmed","session_id":"s-1","credential_id":"7"}"#,
            ),
            (
                Record::GivenUp {
                    key: key.clone(),
                    at_unix: None,
                },
                r#"{"op":"given_up","session_id":"s-1","credential_id":"7"}"#,
            ),
            (
                Record::GivenUp {
                    key,
                    at_unix: Some(4),
                },
                r#"{"op":"given_up","session_id":"s-1","credential_id":"7","at_unix":4}"#,
            ),
        ];
        for (record, json) in cases {
            let line = format!("{} {json}\n", checksum(json.as_bytes()));
            assert_eq!(record.to_line().ok().as_deref(), Some(line.as_str()));
            assert_eq!(Record::from_line(line.trim_end().as_bytes()), Ok(record));
        }
    }
}
