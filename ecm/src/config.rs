//! The configuration file `ecm.toml`: where the appliance and the vault are, and how the ECM
//! behaves beside them. Secrets are named, never held: see [`SecretReference`].
//!
//! The settings of the Secret Server plugin keep the documented names of `ecm:§6` as snake_case
//! keys; everything else is this project's own.

pub mod keys;
mod level;
mod overrides;
pub mod places;
mod reference;
mod sections;
mod survey;
mod table;
mod values;
mod vaults;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use url::Url;

pub use reference::{ReferenceError, SecretReference};
pub use survey::Survey;
pub use table::Finding;

use crate::env::Environment;
use crate::password_safe::settings::SettingsFile as PasswordSafeSettings;
use crate::secret::Secret;
use crate::secret_server::settings::SettingsFile as SecretServerSettings;
use crate::small_file::{ReadProblem, read_text};

/// A configuration file larger than this is not one.
const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// Everything that `ecm run` needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The appliance to connect to.
    pub appliance: ApplianceConfig,
    /// What does not concern the appliance.
    pub local: LocalConfig,
}

/// The part of the configuration that works without an appliance: all that `ecm test-settings`
/// and `ecm clear-token-cache` may look at.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    /// Section `[state]`.
    pub state: StateConfig,
    /// Section `[log]`.
    pub log: LogConfig,
    /// Section `[monitor]`; absent means no listener at all.
    pub monitor: Option<MonitorConfig>,
    /// Section `[check_in]`.
    pub check_in: CheckInConfig,
    /// Section `[log_on]`.
    pub log_on: LogOnConfig,
    /// Section `[vault]`.
    pub vault: VaultConfig,
}

/// Section `[appliance]`.
#[derive(Clone, Debug)]
pub struct ApplianceConfig {
    /// `https://` and the site's host name.
    pub site_url: Url,
    /// The OAuth client id of the API account.
    pub client_id: String,
    /// The OAuth client secret of the API account.
    pub client_secret: ConfiguredSecret,
    /// Certificates in PEM to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// Limit for reaching the appliance: name lookup, TCP, TLS and each HTTP exchange.
    pub connect_timeout: Duration,
}

/// Section `[state]`.
#[derive(Clone, Debug)]
pub struct StateConfig {
    /// Directory of the ECM's own files: its id, the check-ins that it owes, the token cache.
    pub dir: PathBuf,
    /// Key of the token cache; without it tokens are kept in memory only.
    pub token_cache_key: Option<SecretReference>,
}

/// Section `[log]`.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The log file; absent means standard error.
    pub file: Option<PathBuf>,
    /// What is logged: this level and everything graver.
    pub level: LevelFilter,
    /// The file is rotated before it grows beyond this size.
    pub file_bytes_max: u64,
    /// How many rotated files are kept.
    pub rotations: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            file: None,
            level: LevelFilter::INFO,
            file_bytes_max: 10 * 1024 * 1024,
            rotations: 5,
        }
    }
}

impl LogConfig {
    /// What `file` says about the log, as far as it can be read: a test that cannot begin since
    /// the configuration is wrong is logged all the same.
    #[must_use]
    pub fn glimpse(file: &Path) -> Self {
        let text = read_text(file, CONFIG_BYTES_MAX).unwrap_or_default();
        sections::read_log(file, &text).unwrap_or_default()
    }
}

/// Section `[check_in]`: how the ECM treats check-ins that it owes to the vault (assumed; no
/// vendor text covers them).
#[derive(Clone, Copy, Debug)]
pub struct CheckInConfig {
    /// After this time of vain attempts a check-in is given up, with a loud log line.
    pub give_up_after: Duration,
    /// A credential that was delivered before the ECM was restarted is checked in after this
    /// time, unless the appliance reports the end of its session earlier.
    pub orphan_after: Duration,
    /// A credential whose fetch got no answer is checked in a second time, so long after the
    /// vault confirmed the first check-in; zero for never. The default is longer than ASP.NET
    /// lets a request run (110 s).
    pub repeat_after: Duration,
    /// How long a check-in that was given up makes this ECM's health degraded, unless the same
    /// secret is fetched or checked in again earlier; zero for never.
    pub given_up_kept: Duration,
}

impl Default for CheckInConfig {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            give_up_after: hours(7 * 24),
            orphan_after: hours(8),
            repeat_after: Duration::from_secs(120),
            given_up_kept: hours(30 * 24),
        }
    }
}

/// Section `[monitor]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorConfig {
    /// A loopback address and port.
    pub listen: SocketAddr,
    /// How often the vault's health is asked for; zero for never.
    pub vault_check_every: Duration,
}

/// Section `[log_on]`: what happens after the vault refused to log the API account on. Vaults lock
/// accounts after a few refusals (assumed; no vendor text says how many).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOnConfig {
    /// No further attempt is made for so long after the first refusal, and twice as long after
    /// each further one; zero to try for every request.
    pub refused_pause: Duration,
    /// The longest such pause.
    pub refused_pause_max: Duration,
}

impl Default for LogOnConfig {
    fn default() -> Self {
        Self {
            refused_pause: Duration::from_secs(60),
            refused_pause_max: Duration::from_secs(3600),
        }
    }
}

/// Section `[vault]`: exactly one plugin.
#[derive(Clone, Debug)]
pub enum VaultConfig {
    /// Section `[vault.secret-server]`.
    SecretServer {
        /// The plugin's settings, as they stand in the file.
        settings: Box<SecretServerSettings>,
        /// *API Password*.
        api_password: ConfiguredSecret,
    },
    /// Section `[vault.password-safe]`.
    PasswordSafe {
        /// The plugin's settings, as they stand in the file.
        settings: Box<PasswordSafeSettings>,
        /// *API Registration Key*.
        api_registration_key: ConfiguredSecret,
    },
}

/// A secret's reference together with where it stands in the file.
#[derive(Clone, Debug)]
pub struct ConfiguredSecret {
    reference: SecretReference,
    place: Finding,
}

impl ConfiguredSecret {
    /// Fetches the secret.
    ///
    /// # Errors
    /// A finding with the key's file and line.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, Finding> {
        self.reference
            .resolve(environment)
            .map_err(|error| Finding {
                problem: error.to_string(),
                ..self.place.clone()
            })
    }
}

/// A value given on the command line in place of one in the file: `--set KEY=VALUE`, where the
/// key is one of the vault's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    key: String,
    value: String,
}

impl Override {
    /// The key; the value may be a secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl std::str::FromStr for Override {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
        // What does not look like a key may be a secret in base64, which ends in an equals sign; a
        // finding about the key would repeat it.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if key.is_empty() || !key.bytes().all(plain) {
            return Err("KEY must be a setting of the vault's section, such as endpoint_url");
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration {}: {reason}; {cure}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words, or what else is wrong with it.
        reason: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// The file can be read and is wrong; all that is wrong with it.
    #[error("{}", Findings(.0))]
    Invalid(Vec<Finding>),
}

impl Config {
    /// Reads the whole configuration.
    ///
    /// # Errors
    /// The file cannot be read, or everything that is wrong in it at once.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        sections::read_all(file, &read(file)?).map_err(ConfigError::Invalid)
    }
}

impl LocalConfig {
    /// Reads what concerns the vault, with `overrides` in place of what the file says. The
    /// section `[appliance]` may be missing and is not looked at.
    ///
    /// # Errors
    /// As [`Config::load`]; a finding about an override names `--set` as its file.
    pub fn load(file: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = match read_text(file, CONFIG_BYTES_MAX) {
            // All settings may be given on the command line.
            Err(_) if !overrides.is_empty() && !file.exists() => String::new(),
            read => read.map_err(|problem| unreadable(file, &problem))?,
        };
        sections::read_local(file, &text, overrides).map_err(ConfigError::Invalid)
    }
}

impl std::error::Error for Finding {}

struct Findings<'f>(&'f [Finding]);

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            let break_before = if index == 0 { "" } else { "\n" };
            write!(f, "{break_before}{finding}")?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    read_text(file, CONFIG_BYTES_MAX).map_err(|problem| unreadable(file, &problem))
}

fn unreadable(file: &Path, problem: &ReadProblem) -> ConfigError {
    let cure = match problem {
        ReadProblem::System(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "let the user that runs this command read it, or name another one with --config"
        }
        ReadProblem::NotText => "save it as UTF-8, or name another one with --config",
        _ => "name the file with --config",
    };
    ConfigError::Unreadable {
        file: file.to_owned(),
        reason: problem.to_string(),
        cure,
    }
}

#[cfg(test)]
mod tests;
