//! A look at the outbox of another process, which goes on writing it meanwhile: nothing is locked,
//! repaired or created.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::file::{FILE_BYTES_MAX, read};
use super::record::Record;
use super::state::folded;
use crate::small_file::{ReadProblem, read_own};

/// Whether a session of the ECM whose outbox is at `path` has `credential_id` for one of `holders`,
/// or is about to. A check-in that is due belongs to no session any more, and another one beside it
/// changes nothing. Nobody has anything where there is no file. What is written a moment later is not
/// seen.
///
/// # Errors
/// The file cannot be read; the text completes "failed to read …: ".
pub fn is_held(path: &Path, credential_id: &str, holders: &[String]) -> Result<bool, String> {
    let bytes_max = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let bytes = match read_own(path, bytes_max) {
        Ok(bytes) => bytes,
        Err(ReadProblem::System(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(false);
        }
        Err(problem) => return Err(problem.to_string()),
    };
    let (contents, _) = read(&bytes);
    let mut held = BTreeMap::new();
    for record in contents.records {
        match record {
            Record::Owed {
                session,
                credential_id: other,
                holders,
            } if other == credential_id => {
                held.insert(session.session_id.clone(), folded(&holders, &session));
            }
            Record::Confirmed(key) | Record::Due { key, .. } | Record::GivenUp { key, .. }
                if key.credential_id == credential_id =>
            {
                held.remove(&key.session_id);
            }
            _ => {}
        }
    }
    let mut holders = holders.iter().map(|holder| holder.to_lowercase());
    Ok(holders.any(|holder| held.values().any(|others| others.contains(&holder))))
}
