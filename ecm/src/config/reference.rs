//! A secret in a configuration file is a reference to where it is kept, never the secret itself.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::env::Environment;
use crate::secret::Secret;
use crate::small_file::{ReadProblem, SmallFile};
use crate::wiped::Wiped;

/// A secret longer than this is somebody's mistake: the largest real one is a private key.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `env:NAME`: the environment variable of that name.
    Variable(String),
    /// `file:PATH`: a file that only its owner may read (mode 0600 or 0400), without its final
    /// line break and the mark that editors of Windows put before UTF-8.
    File(PathBuf),
    /// `credential:NAME`: the file of that name in `$CREDENTIALS_DIRECTORY`, where systemd puts
    /// the credentials of a unit.
    Credential(String),
}

/// Why a reference was refused or led nowhere. No variant carries what was written in place of a
/// reference, nor what was found at its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The value is not a reference; it may be the secret itself, so it is not repeated.
    #[error(
        "must be a reference to a secret, not the secret itself: write env:NAME, file:PATH or \
         credential:NAME (and change a secret that was kept here)"
    )]
    Literal,
    /// The reference names nothing, or a credential outside its directory.
    #[error("the reference after `{0}:` must be a plain name or path")]
    BadName(&'static str),
    /// The environment has no such variable.
    #[error("environment variable {0} is not set; set it or use file:PATH")]
    VariableUnset(String),
    /// The ECM was not started with a credentials directory.
    #[error("$CREDENTIALS_DIRECTORY is not set; start the ECM with systemd's LoadCredential={0}")]
    NoCredentialsDirectory(String),
    /// The file cannot be read.
    #[error("cannot read {}: {reason}; name a file that the user running the ECM owns", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words, or what else is wrong with it.
        reason: String,
    },
    /// Others than the owner may read the file.
    #[error("{} has mode {mode:04o}; run `chmod 600` on it, others must not read it", path.display())]
    ModeTooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What the reference leads to is empty, too long, or not text.
    #[error(
        "{0} does not hold a secret: it is empty, longer than 64 KiB, or not UTF-8; put the secret there"
    )]
    NotASecret(String),
}

impl SecretReference {
    /// Reads a reference; a relative path is taken from `base`, the directory of the
    /// configuration file.
    ///
    /// # Errors
    /// [`ReferenceError::Literal`] and [`ReferenceError::BadName`].
    pub fn parse(text: &str, base: &Path) -> Result<Self, ReferenceError> {
        if let Some(name) = text.strip_prefix("env:") {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return match plain && !name.is_empty() {
                true => Ok(Self::Variable(name.to_owned())),
                false => Err(ReferenceError::BadName("env")),
            };
        }
        if let Some(name) = text.strip_prefix("credential:") {
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
            return match plain {
                true => Ok(Self::Credential(name.to_owned())),
                false => Err(ReferenceError::BadName("credential")),
            };
        }
        match text.strip_prefix("file:") {
            Some("") => Err(ReferenceError::BadName("file")),
            Some(path) => Ok(Self::File(base.join(path))),
            None => Err(ReferenceError::Literal),
        }
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// Every way in which the reference may lead nowhere, or to a file that others may read.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, ReferenceError> {
        match self {
            Self::Variable(name) => {
                let value = environment.variable(name);
                let value = value.ok_or_else(|| ReferenceError::VariableUnset(name.clone()))?;
                accept(value.as_encoded_bytes(), &self.to_string())
            }
            Self::File(path) => read_private(path, 0o077),
            Self::Credential(name) => {
                let directory = environment.credentials_directory();
                let directory = directory
                    .ok_or_else(|| ReferenceError::NoCredentialsDirectory(name.clone()))?;
                // systemd shows its access list as group bits, so only "others" are refused here.
                read_private(&directory.join(name), 0o007)
            }
        }
    }
}

/// The reference as it is written, which is no secret.
impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

/// Reads a secret from a file that must not have any of the permission bits `refused`.
fn read_private(path: &Path, refused: u32) -> Result<Secret, ReferenceError> {
    let failed = |problem: ReadProblem| match problem {
        ReadProblem::TooLarge(_) => ReferenceError::NotASecret(path.display().to_string()),
        problem => ReferenceError::Unreadable {
            path: path.to_owned(),
            reason: problem.to_string(),
        },
    };
    let file = SmallFile::open(path).map_err(failed)?;
    let mode = permission_bits(file.permissions());
    if mode & refused != 0 {
        return Err(ReferenceError::ModeTooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Wiped::new(Vec::with_capacity(SECRET_BYTES_MAX));
    file.read_to(&mut bytes, SECRET_BYTES_MAX).map_err(failed)?;
    accept(&bytes, &path.display().to_string())
}

fn accept(bytes: &[u8], origin: &str) -> Result<Secret, ReferenceError> {
    let secret = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let secret = secret.strip_suffix(b"\n").unwrap_or(secret);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    match std::str::from_utf8(secret) {
        Ok(secret) if (1..=SECRET_BYTES_MAX).contains(&secret.len()) => Ok(Secret::from(secret)),
        _ => Err(ReferenceError::NotASecret(origin.to_owned())),
    }
}

#[cfg(unix)]
fn permission_bits(permissions: &std::fs::Permissions) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    permissions.mode() & 0o7777
}

/// Elsewhere the access lists of the directory have to protect the file.
#[cfg(not(unix))]
fn permission_bits(_: &std::fs::Permissions) -> u32 {
    0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file_with(text: &[u8], mode: u32) -> tempfile::NamedTempFile {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn resolve_file(file: &tempfile::NamedTempFile) -> Result<Secret, ReferenceError> {
        SecretReference::File(file.path().to_owned()).resolve(&Environment::default())
    }

    #[test]
    fn a_literal_is_refused_without_being_repeated() {
        for literal in ["hunter2", "env", "ENV:NAME", "prompt:", ""] {
            let error = SecretReference::parse(literal, Path::new("/etc")).unwrap_err();
            assert_eq!(error, ReferenceError::Literal);
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn names_that_could_hide_a_literal_or_leave_the_directory_are_refused() {
        for bad in [
            "env:",
            "env:MY SECRET!",
            "file:",
            "credential:",
            "credential:../shadow",
        ] {
            let error = SecretReference::parse(bad, Path::new("/etc")).unwrap_err();
            assert!(matches!(error, ReferenceError::BadName(_)), "{bad}");
            assert!(!error.to_string().contains("MY SECRET"));
        }
    }

    #[test]
    fn a_relative_path_is_taken_from_the_configuration_files_directory() {
        let reference = SecretReference::parse("file:secrets/api", Path::new("/etc/ecm")).unwrap();
        assert_eq!(
            reference,
            SecretReference::File("/etc/ecm/secrets/api".into())
        );
    }

    #[test]
    fn a_file_is_read_only_if_nobody_else_may_read_it() {
        for mode in [0o600, 0o400] {
            let secret = resolve_file(&file_with(b"s3cret\n", mode)).unwrap();
            assert_eq!(secret, Secret::from("s3cret"));
        }
        let windows = resolve_file(&file_with(b"\xef\xbb\xbfs3cret\r\n", 0o600));
        assert_eq!(windows, Ok(Secret::from("s3cret")));
        for mode in [0o640, 0o604, 0o644] {
            let error = resolve_file(&file_with(b"s3cret\n", mode)).unwrap_err();
            assert!(
                matches!(error, ReferenceError::ModeTooOpen { mode: found, .. } if found == mode)
            );
            assert!(error.to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn an_empty_a_binary_and_an_endless_file_hold_no_secret() {
        for bytes in [b"".as_slice(), b"\n", &[0xff, 0xfe], &[b'a'; 65 * 1024]] {
            let error = resolve_file(&file_with(bytes, 0o600)).unwrap_err();
            assert!(matches!(error, ReferenceError::NotASecret(_)), "{error}");
        }
    }

    #[test]
    fn a_variable_and_a_credential_are_found_and_missed_by_name() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("api"), "from systemd").unwrap();
        let path = directory.path().join("api");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o440);
        std::fs::set_permissions(path, mode).unwrap();
        let environment: Environment = [
            ("ECM_SECRET", "from env".into()),
            (
                "CREDENTIALS_DIRECTORY",
                directory.path().as_os_str().to_owned(),
            ),
        ]
        .into_iter()
        .collect();
        let resolve = |text| {
            SecretReference::parse(text, Path::new("/"))
                .unwrap()
                .resolve(&environment)
        };
        assert_eq!(resolve("env:ECM_SECRET").unwrap(), Secret::from("from env"));
        assert_eq!(
            resolve("credential:api").unwrap(),
            Secret::from("from systemd")
        );
        assert!(matches!(
            resolve("env:OTHER"),
            Err(ReferenceError::VariableUnset(_))
        ));
        assert!(matches!(
            resolve("credential:none"),
            Err(ReferenceError::Unreadable { .. })
        ));
    }
}
