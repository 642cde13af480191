//! The key that encrypts the cache: from a file that only its owner may read, or from a directory
//! of credentials that the service manager hands over. There is no default key.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::CacheError;
use crate::config::places::makeable_file;
use crate::entropy;
use crate::small_file::{ReadProblem, SmallFile};

/// Where the cache's key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of 32 to 4096 bytes with mode 0600; made with random content when it is missing.
    File(PathBuf),
    /// A directory such as `$CREDENTIALS_DIRECTORY`, which holds the file `token-cache-key`.
    CredentialsDirectory(PathBuf),
}

/// Name of the key in a directory of credentials.
const CREDENTIAL_NAME: &str = "token-cache-key";
const KEY_BYTES: usize = 32;
/// More than any key file has.
const FILE_BYTES_MAX: usize = 4 * 1024;

/// A key ready for use.
pub(super) type Key = Zeroizing<[u8; KEY_BYTES]>;

impl KeySource {
    /// Whether the key can be used, or made as a start would make it, in a directory that
    /// exists; nothing is made to find out.
    ///
    /// # Errors
    /// Why not, and the cure.
    pub fn check(&self) -> Result<(), CacheError> {
        match self {
            Self::File(path) if !path.exists() => {
                makeable_file(path).map_err(|reason| refuse(path, reason))
            }
            _ => self.load().map(|_| ()),
        }
    }

    /// The key, made if it is a file that is missing.
    pub(super) fn load_or_make(&self) -> Result<Key, CacheError> {
        if let Self::File(path) = self {
            create_if_missing(path).map_err(|reason| refuse(path, reason))?;
        }
        self.load()
    }

    pub(super) fn load(&self) -> Result<Key, CacheError> {
        match self {
            Self::File(path) => read(path, true),
            Self::CredentialsDirectory(directory) => read(&directory.join(CREDENTIAL_NAME), false),
        }
    }
}

fn create_if_missing(path: &Path) -> Result<(), String> {
    create_with(path, |file| {
        let mut fresh: Key = Zeroizing::default();
        entropy::fill(&mut *fresh)?;
        file.write_all(&*fresh)?;
        file.sync_all()
    })
}

/// Makes the file unless it is there. One that cannot be filled is taken away again, since the next
/// start would take it for a key that is too short.
fn create_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), String> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    fill(&mut file).map_err(|error| {
        // What cannot be taken away is told by the next start.
        let _ = std::fs::remove_file(path);
        error.to_string()
    })
}

fn read(path: &Path, owner_only: bool) -> Result<Key, CacheError> {
    let failed = |problem: ReadProblem| {
        let cure = "name a file of 32 to 4096 random bytes, or a missing one, which is then made";
        refuse(path, format!("{problem}; {cure}"))
    };
    let file = SmallFile::open(path).map_err(failed)?;
    let mode = file.permissions().mode();
    if owner_only && mode & 0o077 != 0 {
        return Err(refuse(
            path,
            format!("others may read it; run chmod 600 {}", path.display()),
        ));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
    file.read_to(&mut content, FILE_BYTES_MAX).map_err(failed)?;
    if content.len() < KEY_BYTES {
        return Err(refuse(path, format!("it has fewer than {KEY_BYTES} bytes")));
    }
    let digest = Sha256::new()
        .chain_update(b"ecm token cache 1")
        .chain_update(&*content);
    Ok(Zeroizing::new(digest.finalize().into()))
}

fn refuse(path: &Path, reason: String) -> CacheError {
    CacheError::Key {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_that_could_not_be_written_leaves_no_file_for_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let full = |file: &mut File| {
            file.write_all(b"half")?;
            Err(std::io::ErrorKind::StorageFull.into())
        };
        assert!(create_with(&path, full).is_err());
        assert!(!path.exists());
        let key = KeySource::File(path);
        let made = key.load_or_make().unwrap();
        assert_eq!(made, key.load().unwrap());
    }
}
