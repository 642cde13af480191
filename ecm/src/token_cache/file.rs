//! The cache's file: a mark, a nonce, and the tokens as JSON under XChaCha20-Poly1305. It is
//! replaced as a whole by renaming, and a lock file keeps two writers apart.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{Key, KeySource};
use super::{CacheError, CachedToken, TokenKey, failed};
use crate::secret::Secret;
use crate::small_file::{self, ReadProblem};
use crate::wiped::{Wipe, Wiped};
use crate::{clock, entropy};

const FILE_NAME: &str = "tokens";
const ASIDE_NAME: &str = "tokens.set-aside";
const FRESH_NAME: &str = "tokens.new";
const LOCK_NAME: &str = "tokens.lock";
/// Stands in front of the file and is authenticated with it.
const MARK: &[u8] = b"ECM tokens 1\n";
const NONCE_BYTES: usize = 24;
/// Ten thousand tokens of 4,000 characters stay below this.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A writer holds the lock for milliseconds; these are the attempts to get it.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Tells one state of the file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// The present state of `path`, `None` while there is no such file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

#[derive(Debug)]
pub(super) struct CacheFile {
    path: PathBuf,
    directory: PathBuf,
    key: Key,
}

/// Why there are no tokens in the file.
enum Unread {
    /// The system does not let it be read.
    Unreadable(std::io::Error),
    /// It is not what was written there.
    Damaged(String),
}

impl CacheFile {
    pub(super) fn open(directory: &Path, key: &KeySource) -> Result<Self, CacheError> {
        std::fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
        Ok(Self::new(directory, key.load_or_make()?))
    }

    /// The file with a key that exists already.
    pub(super) fn existing(directory: &Path, key: &KeySource) -> Result<Self, CacheError> {
        Ok(Self::new(directory, key.load()?))
    }

    fn new(directory: &Path, key: Key) -> Self {
        Self {
            path: directory.join(FILE_NAME),
            directory: directory.to_owned(),
            key,
        }
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        Stamp::of(&self.path)
    }

    /// The tokens in the file; none if there is no file. A damaged one is set aside; `None` for one
    /// that the system does not let be read, which may be sound.
    pub(super) fn read(&self) -> Option<BTreeMap<TokenKey, CachedToken>> {
        match self.try_read() {
            Ok(tokens) => Some(tokens),
            Err(Unread::Unreadable(error)) => {
                tracing::warn!(
                    path = %self.path.display(),
                    "failed to read the token cache: {error}; tokens are kept in memory only"
                );
                None
            }
            Err(Unread::Damaged(reason)) => {
                let aside = self.directory.join(ASIDE_NAME);
                let moved = std::fs::rename(&self.path, &aside).is_ok();
                tracing::warn!(
                    path = %self.path.display(), aside = %aside.display(), moved,
                    "set the token cache aside and start an empty one: {reason}"
                );
                Some(BTreeMap::new())
            }
        }
    }

    fn try_read(&self) -> Result<BTreeMap<TokenKey, CachedToken>, Unread> {
        match small_file::read_own(&self.path, FILE_BYTES_MAX) {
            Ok(content) => self
                .opened(&content)
                .map_err(|reason| Unread::Damaged(reason.to_owned())),
            Err(ReadProblem::System(error)) if error.kind() == ErrorKind::NotFound => {
                Ok(BTreeMap::new())
            }
            Err(ReadProblem::System(error)) => Err(Unread::Unreadable(error)),
            Err(problem) => Err(Unread::Damaged(problem.to_string())),
        }
    }

    /// The tokens in `content`, or what is wrong with it.
    fn opened(&self, content: &[u8]) -> Result<BTreeMap<TokenKey, CachedToken>, &'static str> {
        let rest = content
            .strip_prefix(MARK)
            .ok_or("it is not a token cache")?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or("it ends too early")?;
        let payload = Payload {
            msg: sealed,
            aad: MARK,
        };
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Wiped::new)
            .map_err(|_| "it was changed or encrypted with another key")?;
        let stored: Vec<Stored> =
            serde_json::from_slice(&plain).map_err(|_| "its content is of another version")?;
        Ok(stored.into_iter().map(Stored::into_entry).collect())
    }

    /// Writes the tokens into a file of its own, which is to replace this one.
    pub(super) fn write_beside(
        &self,
        tokens: &BTreeMap<TokenKey, CachedToken>,
    ) -> Result<PathBuf, CacheError> {
        let stored: Vec<_> = tokens.iter().map(Stored::from_entry).collect();
        // All at once, since a buffer that grows leaves tokens behind.
        let bytes_max = stored.iter().map(Stored::bytes_max).sum::<usize>() + "[]".len();
        let mut plain = Wiped::new(Vec::with_capacity(bytes_max));
        serde_json::to_writer(&mut *plain, &stored)
            .map_err(|error| self.failed_to(&error.to_string()))?;
        let mut nonce = [0; NONCE_BYTES];
        entropy::fill(&mut nonce).map_err(|error| failed(&self.path, &error))?;
        let payload = Payload {
            msg: &plain,
            aad: MARK,
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| self.failed_to("its content cannot be encrypted"))?;

        let fresh = self.directory.join(FRESH_NAME);
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(&[MARK, &nonce, &sealed].concat())
        };
        write().map_err(|error| failed(&self.path, &error))?;
        Ok(fresh)
    }

    pub(super) fn replace_by(&self, fresh: &Path) -> Result<(), CacheError> {
        std::fs::rename(fresh, &self.path).map_err(|error| failed(&self.path, &error))
    }

    /// See [`lock_directory`].
    pub(super) fn lock(&self) -> Result<File, CacheError> {
        lock_directory(&self.directory)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.key).into())
    }

    fn failed_to(&self, reason: &str) -> CacheError {
        CacheError::File {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }
}

/// Keeps other processes from writing in `directory` until the answer is dropped.
pub(super) fn lock_directory(directory: &Path) -> Result<File, CacheError> {
    let path = directory.join(LOCK_NAME);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed(&path, &error))?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => clock::block_for(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
        }
    }
    Err(CacheError::File {
        path,
        reason: "another process keeps it locked".into(),
    })
}

/// Whether there is a file of tokens.
pub(super) fn has_tokens(directory: &Path) -> bool {
    directory.join(FILE_NAME).exists()
}

/// Takes away what nobody can read: a file that was set aside, and, with `all`, the file of tokens
/// itself.
pub(super) fn sweep(directory: &Path, all: bool) -> Result<(), CacheError> {
    let unreadable = [ASIDE_NAME, FRESH_NAME];
    let tokens = all.then_some(FILE_NAME);
    for name in unreadable.into_iter().chain(tokens) {
        let path = directory.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed(&path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// One token as it stands in the file, inside the encryption.
#[derive(Serialize, Deserialize)]
struct Stored {
    vault: String,
    users: Vec<String>,
    user: String,
    issued_at_unix_s: i64,
    token: String,
}

impl Stored {
    fn from_entry((key, held): (&TokenKey, &CachedToken)) -> Self {
        Self {
            vault: key.vault.clone(),
            users: key.users.clone(),
            user: held.user.clone(),
            issued_at_unix_s: held.issued_at.as_second(),
            token: held.token.expose().to_owned(),
        }
    }

    /// Most bytes that it takes as JSON with a comma behind: each byte of a text may become `\u0000`,
    /// each name of a user has two quotes and a comma.
    fn bytes_max(&self) -> usize {
        const NAMES: &str = r#"{"vault":"","users":[],"user":"","issued_at_unix_s":,"token":""},"#;
        let texts = [&self.vault, &self.user, &self.token];
        let texts = texts.into_iter().chain(&self.users);
        let written: usize = texts.map(|text| 6 * text.len() + r#""","#.len()).sum();
        NAMES.len() + i64::MIN.to_string().len() + written
    }

    fn into_entry(mut self) -> (TokenKey, CachedToken) {
        let token = Secret::new(std::mem::take(&mut self.token));
        let key = TokenKey {
            vault: std::mem::take(&mut self.vault),
            users: std::mem::take(&mut self.users),
        };
        let user = std::mem::take(&mut self.user);
        // A time that no calendar has makes the token very old, not the cache unreadable.
        let issued_at = Timestamp::from_second(self.issued_at_unix_s).unwrap_or_default();
        (
            key,
            CachedToken {
                token,
                user,
                issued_at,
            },
        )
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.token.wipe();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_token_takes_more_room_than_was_reckoned() {
        for text in ["", "token", "\u{1}\u{7f}\"\\", "\u{1}", "ü€😀"] {
            for users in 0..3 {
                let stored = Stored {
                    vault: text.into(),
                    users: vec![text.into(); users],
                    user: text.into(),
                    issued_at_unix_s: i64::MIN,
                    token: text.into(),
                };
                let written = serde_json::to_string(&stored).unwrap().len() + ",".len();
                assert!(written <= stored.bytes_max(), "{text:?}, {users} users");
            }
        }
    }
}
