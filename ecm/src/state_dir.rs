//! The directory of the ECM's own files, held by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::entropy;
use crate::small_file::{self, ReadProblem};

/// An id and its line break are shorter; what is longer is none.
const ID_FILE_BYTES_MAX: usize = 1024;

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It cannot be made or written to.
    #[error("failed to use the state directory {}: {reason}; {cure}", path.display(), cure = cure(.reason))]
    Unusable {
        /// The directory or the file in it.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// Another ECM is running in it.
    #[error(
        "failed to lock the state directory {}: another ECM uses it; give each its own state.dir",
        .0.display()
    )]
    InUse(PathBuf),
}

/// The locked directory. The lock is the kernel's and ends with the process, however that ends.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Makes the directory if need be and locks it.
    ///
    /// # Errors
    /// It cannot be used, or another process holds it.
    pub fn lock(path: &Path) -> Result<Self, StateDirError> {
        create_private(path).map_err(|reason| unusable(path, reason))?;
        let file = path.join("lock");
        // Read as well, since a pipe would be waited for otherwise.
        let lock = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&file);
        let lock = lock.map_err(|reason| unusable(&file, reason))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(reason)) => Err(unusable(&file, reason)),
        }
    }

    /// Where the outbox is.
    pub fn outbox(&self) -> PathBuf {
        Self::outbox_in(&self.path)
    }

    /// Where the outbox of whoever holds the directory `path` is.
    pub fn outbox_in(path: &Path) -> PathBuf {
        path.join("check-ins.log")
    }

    /// This ECM's id, 32 hexadecimal digits: drawn at the first start and kept.
    ///
    /// # Errors
    /// The file cannot be read or written, or there is no randomness.
    pub fn ecm_id(&self) -> Result<String, StateDirError> {
        let path = self.path.join("ecm-id");
        match small_file::read_text(&path, ID_FILE_BYTES_MAX) {
            Ok(text) if is_id(text.trim()) => return Ok(text.trim().to_owned()),
            Err(ReadProblem::System(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(ReadProblem::System(error)) => return Err(unusable(&path, error)),
            Err(ReadProblem::Directory) => {
                return Err(unusable(&path, io::ErrorKind::IsADirectory.into()));
            }
            _ => tracing::warn!(path = %path.display(), "not an ECM id; drawing another"),
        }
        let id = drawn_id().map_err(|reason| unusable(&path, reason))?;
        write_id(&id, &path).map_err(|reason| unusable(&path, reason))?;
        Ok(id)
    }
}

fn drawn_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    entropy::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes it beside its place first, so that a crash leaves the old one or the new one.
fn write_id(id: &str, path: &Path) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn unusable(path: &Path, reason: io::Error) -> StateDirError {
    StateDirError::Unusable {
        path: path.to_owned(),
        reason,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn cure(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on its disk, or name a state.dir on another one"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands in its way; name another state.dir"
        }
        io::ErrorKind::IsADirectory => "move this directory away",
        _ => "make it writable for this user",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_id_is_drawn_once_and_redrawn_only_when_spoilt() {
        let parent = tempfile::tempdir().unwrap();
        let directory = StateDir::lock(&parent.path().join("a/b")).unwrap();
        let id = directory.ecm_id().unwrap();
        assert!(is_id(&id));
        assert_eq!(directory.ecm_id().unwrap(), id);
        for spoilt in [&b"spoilt"[..], b"\xff\xfe", &[b'0'; 1 << 20]] {
            std::fs::write(parent.path().join("a/b/ecm-id"), spoilt).unwrap();
            assert_ne!(directory.ecm_id().unwrap(), id);
        }
    }

    #[test]
    fn two_processes_cannot_share_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        let held = StateDir::lock(parent.path()).unwrap();
        assert!(matches!(
            StateDir::lock(parent.path()),
            Err(StateDirError::InUse(_))
        ));
        drop(held);
        assert!(StateDir::lock(parent.path()).is_ok());
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StateDir::lock(file.path()).unwrap_err().to_string();
        assert!(
            error.contains(&file.path().display().to_string()),
            "{error}"
        );
    }

    #[test]
    fn each_reason_has_its_own_cure() {
        for (kind, cure) in [
            (io::ErrorKind::StorageFull, "make room on its disk"),
            (io::ErrorKind::PermissionDenied, "make it writable"),
            (io::ErrorKind::AlreadyExists, "a file stands in its way"),
            (io::ErrorKind::IsADirectory, "move this directory away"),
        ] {
            let error = StateDirError::Unusable {
                path: "state".into(),
                reason: kind.into(),
            };
            assert!(error.to_string().contains(cure), "{error}");
        }
    }
}
