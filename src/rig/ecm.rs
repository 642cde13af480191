//! An ECM of a rig: its configuration file, its secrets, and the running service.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::{Table, Value};

use super::{RigError, file_error};

/// Everything that one ECM is configured with.
pub(super) struct Setup<'a> {
    /// The ECM's own directory.
    pub(super) directory: &'a Path,
    pub(super) site_url: &'a str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) endpoint_url: &'a str,
    pub(super) api_user: &'a str,
    pub(super) api_password: &'a str,
    pub(super) appliance_ca: &'a Path,
    pub(super) vault_ca: &'a Path,
    /// Further settings of the plug-in, from the lab.
    pub(super) settings: &'a Table,
}

impl Setup<'_> {
    /// Writes the configuration and the files that it refers to, and gives the paths of those that
    /// hold secrets on purpose.
    fn write(&self) -> Result<(PathBuf, Vec<PathBuf>), RigError> {
        std::fs::create_dir_all(self.directory).map_err(file_error(self.directory))?;
        let secrets = [
            ("client-secret", self.client_secret),
            ("api-password", self.api_password),
            // Tokens survive a restart of the ECM, encrypted under this key.
            ("token-cache-key", TOKEN_CACHE_KEY),
        ];
        let mut files = Vec::new();
        for (name, secret) in secrets {
            let path = self.directory.join(name);
            private_file(&path, secret).map_err(file_error(&path))?;
            files.push(path);
        }
        let config = self.directory.join("ecm.toml");
        std::fs::write(&config, self.config().to_string()).map_err(file_error(&config))?;
        Ok((config, files))
    }

    fn config(&self) -> Table {
        let path = |path: &Path| Value::from(path.display().to_string());
        let mut vault = self.settings.clone();
        vault.insert("endpoint_url".into(), self.endpoint_url.into());
        vault.insert("api_user".into(), self.api_user.into());
        vault.insert("api_password".into(), "file:api-password".into());
        vault.insert("ca_file".into(), path(self.vault_ca));
        let sections = [
            (
                "appliance",
                table([
                    ("site_url", self.site_url.into()),
                    ("client_id", self.client_id.into()),
                    ("client_secret", "file:client-secret".into()),
                    ("ca_file", path(self.appliance_ca)),
                ]),
            ),
            (
                "state",
                table([
                    ("dir", "state".into()),
                    ("token_cache_key", "file:token-cache-key".into()),
                ]),
            ),
            ("vault", table([("secret-server", Value::Table(vault))])),
        ];
        sections.into_iter().map(|(name, section)| (name.to_owned(), section.into())).collect()
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Writes a file that only its owner may read.
fn private_file(path: &Path, content: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(content.as_bytes())
}

/// A running ECM.
pub(super) struct Running {
    pub(super) name: String,
    /// Files that hold secrets on purpose.
    pub(super) secret_files: Vec<PathBuf>,
    directory: PathBuf,
    state: watch::Receiver<LinkState>,
    connection: Option<String>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ServiceError>>,
}
