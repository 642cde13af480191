//! An ECM of a rig: its configuration file, its secrets, and the running service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ecm::config::{Config, LocalConfig};
use ecm::env::Environment;
use ecm::link::LinkState;
use ecm::plugin::JumpItemType;
use ecm::service::{Service, ServiceError};
use ecm::test_settings::{TestForm, TestReport, test_settings as test_settings_form};
use ecm::token_cache::TokenCache;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use toml::{Table, Value};

use super::RigError;
use super::error::file_error;

const CLIENT_SECRET: &str = "client-secret";
const CACHE_KEY: &str = "token-cache-key";

/// Longest that an ECM may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that one ECM is configured with.
pub(super) struct Setup<'a> {
    /// The ECM's own directory.
    pub(super) directory: &'a Path,
    pub(super) site_url: &'a str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) appliance_ca: &'a Path,
    pub(super) vault: VaultSection<'a>,
    pub(super) vault_ca: &'a Path,
}

/// What the vault's section holds, which depends on the plug-in.
pub(super) struct VaultSection<'a> {
    /// Its name below `[vault]`.
    pub(super) name: &'static str,
    /// Its keys, but for the secret and the authority.
    pub(super) settings: Table,
    /// The key that refers to the secret.
    pub(super) secret_key: &'static str,
    /// The file that the secret is in.
    pub(super) secret_file: &'static str,
    pub(super) secret: &'a str,
    /// Whether it names the appliance too, as the form of a bundled ECM does.
    pub(super) names_appliance: bool,
}

impl Setup<'_> {
    /// The files that hold secrets on purpose.
    pub(super) fn secret_files(&self) -> [PathBuf; 3] {
        [CLIENT_SECRET, self.vault.secret_file, CACHE_KEY].map(|name| self.directory.join(name))
    }

    /// Writes the configuration and the files that it refers to.
    pub(super) fn write(&self) -> Result<PathBuf, RigError> {
        std::fs::create_dir_all(self.directory).map_err(file_error(self.directory))?;
        for (name, secret) in [
            (CLIENT_SECRET, self.client_secret),
            (self.vault.secret_file, self.vault.secret),
        ] {
            let path = self.directory.join(name);
            private_file(&path, secret).map_err(file_error(&path))?;
        }
        let config = self.directory.join("ecm.toml");
        std::fs::write(&config, self.config().to_string()).map_err(file_error(&config))?;
        Ok(config)
    }

    fn config(&self) -> Table {
        let path = |path: &Path| Value::from(path.display().to_string());
        let secret = |name: &str| Value::from(format!("file:{name}"));
        let mut vault = self.vault.settings.clone();
        vault.extend(table([
            (self.vault.secret_key, secret(self.vault.secret_file)),
            ("ca_file", path(self.vault_ca)),
        ]));
        let mut appliance = table([("ca_file", path(self.appliance_ca))]);
        let (client_id, client_secret) = (self.client_id.into(), secret(CLIENT_SECRET));
        if self.vault.names_appliance {
            let (host, port) = host_and_port(self.site_url);
            vault.extend(table([
                ("host", host.into()),
                ("port", port.into()),
                ("client_id", client_id),
                ("api_key", client_secret),
            ]));
        } else {
            appliance.extend(table([
                ("site_url", self.site_url.into()),
                ("client_id", client_id),
                ("client_secret", client_secret),
            ]));
        }
        table([
            ("appliance", Value::Table(appliance)),
            (
                "state",
                Value::Table(table([
                    ("dir", "state".into()),
                    ("token_cache_key", secret(CACHE_KEY)),
                ])),
            ),
            (
                "vault",
                Value::Table(table([(self.vault.name, Value::Table(vault))])),
            ),
        ])
    }
}

/// The two fields of the bundled ECM's form, from `https://host:port`.
fn host_and_port(site_url: &str) -> (&str, i64) {
    let (host, port) = site_url.rsplit_once(':').unwrap_or((site_url, ""));
    port.trim_end_matches('/')
        .parse()
        .map_or((site_url, 443), |port| (host, port))
}

/// The service that `file` describes, with a handle of its own on the token cache.
fn assemble(file: &Path) -> Result<(Service, TokenCache), String> {
    let config = Config::load(file).map_err(|error| error.to_string())?;
    let environment = Environment::of_process();
    let service = Service::from_config(&config, &environment).map_err(|error| error.to_string())?;
    let tokens = ecm::vault::token_cache(&config.local, &environment);
    let tokens = tokens.map_err(|error| error.to_string())?;
    Ok((service, tokens.unwrap_or_else(TokenCache::in_memory)))
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
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
    /// The appliance's name for its connection.
    pub(super) connection: String,
    tokens: TokenCache,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ServiceError>>,
}

/// Starts the ECM that `file` describes and waits until the appliance has welcomed it.
pub(super) async fn start(
    name: &str,
    file: &Path,
    patience: Duration,
) -> Result<Running, RigError> {
    let (service, tokens) = assemble(file).map_err(RigError::EcmRefused)?;
    let mut state = service.state();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(service.run(shutdown.clone()));
    let welcomed = async {
        loop {
            if let LinkState::Up { connection_id, .. } = &*state.borrow_and_update() {
                return Some(connection_id.clone());
            }
            state.changed().await.ok()?;
        }
    };
    match tokio::time::timeout(patience, welcomed).await {
        Ok(Some(connection)) => {
            let name = name.to_owned();
            Ok(Running {
                name,
                connection,
                tokens,
                shutdown,
                task,
            })
        }
        Ok(None) => {
            let ended = task
                .await
                .map(|ended| ended.err().map(|error| error.to_string()));
            let reason = ended
                .ok()
                .flatten()
                .unwrap_or_else(|| "it ended".to_owned());
            Err(RigError::Ecm(reason))
        }
        Err(_) => {
            shutdown.cancel();
            let within_s = patience.as_secs();
            Err(RigError::Ecm(format!(
                "the appliance did not welcome it within {within_s} s"
            )))
        }
    }
}

impl Running {
    /// Lets running requests end, then closes the link.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.task).await;
    }

    pub(super) fn clear_token_cache(&self) -> Result<(), RigError> {
        self.tokens
            .clear(None)
            .map(drop)
            .map_err(|error| RigError::Ecm(error.to_string()))
    }
}

/// Runs the Test Settings form against the vault of a configuration.
pub(super) async fn test_settings(
    file: &Path,
    username: &str,
    hostname: &str,
    retrieve: Option<&str>,
) -> Result<TestReport, RigError> {
    let refused = |error: &dyn std::fmt::Display| RigError::EcmRefused(error.to_string());
    let local = LocalConfig::load(file, &[]).map_err(|error| refused(&error))?;
    let plugin = ecm::vault::plugin(&local, &Environment::of_process());
    let plugin = plugin.map_err(|error| refused(&error))?;
    let form = TestForm::new(username, JumpItemType::RemoteRdp, hostname);
    let test = |retrieve: Option<String>| {
        let (plugin, form) = (&plugin, &form);
        async move {
            let report = test_settings_form(plugin.as_ref(), form, retrieve.as_deref()).await;
            report.map_err(|problems| RigError::EcmRefused(format!("{problems:?}")))
        }
    };
    let report = test(None).await?;
    let Some(name) = retrieve else {
        return Ok(report);
    };
    let mut named = report
        .credentials()
        .iter()
        .filter(|entry| entry.display_value.contains(name));
    let missing = || RigError::Unknown(format!("{name:?} in the list of the test"));
    let id = named.next().ok_or_else(missing)?.credential_id.clone();
    test(Some(id)).await
}
