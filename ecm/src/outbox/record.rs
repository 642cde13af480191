//! One line of the outbox file: a checksum and what happened, in JSON.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::link::wire::SessionFrame;

/// What may happen to a check-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Record {
    /// A credential is about to be fetched, so its check-in is owed from now on.
    Owed {
        session: Box<SessionFrame>,
        credential_id: String,
    },
    /// The credential left the ECM; its session goes on until the appliance reports its end.
    Delivered {
        session_id: String,
        credential_id: String,
    },
    /// The check-in may be made now.
    Due {
        session_id: String,
        credential_id: String,
        ended_at_unix: i64,
        due_since_unix: i64,
    },
    /// The vault confirmed the check-in.
    Confirmed {
        session_id: String,
        credential_id: String,
    },
    /// All attempts within the limit were in vain.
    GivenUp {
        session_id: String,
        credential_id: String,
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
