//! What the settings of both plug-ins have in common: the rows of their documentation, the address
//! of a vault, the limits of an exchange with it, and the words of a refusal.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::tls::TlsSetupError;
use crate::vault_http::{HELD_ANSWERS_BYTES_MAX, HttpRules};

/// One row of the documentation of a plug-in's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingLabel {
    /// The key in the configuration file.
    pub key: &'static str,
    /// The label in the vendor's guides, or our own for the last group.
    pub label: &'static str,
    /// Whether a value must be given.
    pub required: bool,
    /// Whether the vendor's guides have it; the others are ours.
    pub documented: bool,
}

/// A setting of the vendor's guides.
pub(crate) const fn documented(
    key: &'static str,
    label: &'static str,
    required: bool,
) -> SettingLabel {
    SettingLabel {
        key,
        label,
        required,
        documented: true,
    }
}

/// A setting of our own, which always has a default.
pub(crate) const fn own(key: &'static str, label: &'static str) -> SettingLabel {
    SettingLabel {
        key,
        label,
        required: false,
        documented: false,
    }
}

/// How the vault is spoken to, as it stands in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Authorities trusted beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether an `http:` Endpoint URL is allowed.
    pub allow_plain_http: bool,
    /// Limit on name lookup, TCP and TLS together, seconds, 1 to 600.
    pub connect_timeout_s: u64,
    /// Limit on one exchange, seconds, 1 to 600.
    pub answer_timeout_s: u64,
    /// Longest answer that is read, bytes.
    pub answer_bytes_max: usize,
    /// Most bytes of answers that are held at a time, all calls together.
    pub held_answers_bytes_max: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            allow_plain_http: false,
            connect_timeout_s: 10,
            answer_timeout_s: 25,
            answer_bytes_max: 4 * 1024 * 1024,
            held_answers_bytes_max: HELD_ANSWERS_BYTES_MAX,
        }
    }
}

impl HttpSettings {
    /// The rules that they are, once they are checked.
    ///
    /// # Errors
    /// The first limit that is out of its range, by its label.
    pub(crate) fn check(self) -> Result<HttpRules, PluginError> {
        for (label, limit_s) in [
            ("Connect time-out", self.connect_timeout_s),
            ("Answer time-out", self.answer_timeout_s),
        ] {
            if !(1..=600).contains(&limit_s) {
                return Err(refuse(label, "it must be from 1 to 600 seconds"));
            }
        }
        Ok(HttpRules {
            ca_file: self.ca_file,
            allow_plain_http: self.allow_plain_http,
            connect_timeout: Duration::from_secs(self.connect_timeout_s),
            answer_timeout: Duration::from_secs(self.answer_timeout_s),
            answer_bytes_max: self.answer_bytes_max,
            held_answers_bytes_max: self.held_answers_bytes_max,
        })
    }

    /// The address in `text`, encrypted unless that was waived, with a host and without a user or
    /// password; `secret` is what else would travel in clear.
    ///
    /// # Errors
    /// Why it cannot be *Endpoint URL*.
    pub(crate) fn address(&self, text: &str, secret: &str) -> Result<Url, PluginError> {
        let text = required(ENDPOINT_URL, text)?;
        let url = Url::parse(text).map_err(|error| refuse(ENDPOINT_URL, &error.to_string()))?;
        let problem: &str = match url.scheme() {
            "http" if !self.allow_plain_http => {
                &format!("it is not https, so the {secret} would travel in clear")
            }
            "https" | "http" if url.host().is_none() => "it names no host",
            "https" | "http" if has_login(&url) => "it carries a user name or password",
            "https" | "http" => return Ok(url),
            _ => "it is not an https address",
        };
        Err(refuse(ENDPOINT_URL, problem))
    }
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The label of the vault's address, which both guides have.
pub(crate) const ENDPOINT_URL: &str = "Endpoint URL";

/// The trimmed value of a setting that must be given.
///
/// # Errors
/// There is none.
pub(crate) fn required<'v>(label: &str, value: &'v str) -> Result<&'v str, PluginError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(refuse(label, "it is required and empty"));
    }
    Ok(value)
}

/// A trimmed value; a blank one counts as absent, as in the vendors' forms.
pub(crate) fn unless_blank(value: Option<String>) -> Option<String> {
    let value = value.map(|value| value.trim().to_owned());
    value.filter(|value| !value.is_empty())
}

/// The refusal of a setting, by its label.
pub(crate) fn refuse(label: &str, why: &str) -> PluginError {
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Settings,
        format!("{label} cannot be used: {why}"),
        format!("correct {label} in the plugin's settings"),
        Owner::EcmAdministrator,
    )
}

/// There is nothing to trust the vault by.
pub(crate) fn no_trust(error: &TlsSetupError) -> PluginError {
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Settings,
        error.to_string(),
        "set ca_file to a PEM file with the authority of the vault's certificate",
        Owner::EcmAdministrator,
    )
}
