//! The plugin's settings: the documented ones under their documented labels (documented ecm:§6) and
//! our own below them. What is read from a file is [`SettingsFile`]; what the plugin works with is
//! [`Settings`], which exists only when every value was checked. The form of the ECM that comes
//! bundled with Password Safe is in [`bundled`].

pub mod bundled;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::wire::auth::RegistrationKey;
use crate::endpoint::EndpointRules;
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::identity::MappingRules;
use crate::secret::Secret;
use crate::vault_http::{HELD_ANSWERS_BYTES_MAX, HttpRules};

/// *Release Duration* when none is given, minutes (documented ecm:S003).
pub const RELEASE_DURATION_DEFAULT_MIN: u32 = 360;

/// Longest release that the API takes, minutes: a year (documented psafe:DOC-req).
pub const RELEASE_DURATION_MAX_MIN: u32 = 525_600;

/// One row of the settings' documentation.
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

/// Every setting, in the order of the guide, ours last.
pub const LABELS: &[SettingLabel] = &[
    documented("endpoint_url", "Endpoint URL", true),
    documented("api_registration_key", "API Registration Key", true),
    documented("global_approver", "Global Approver", false),
    documented("release_duration_min", "Release Duration", false),
    own("default_domain", "Run-as: default domain"),
    own("fall_back_to_local", "Run-as: fall back to a local user"),
    own("guess_netbios_names", "Run-as: guess NetBIOS names"),
    own("run_as_form", "Run-as: form of a directory user"),
    own("reason", "Reason of a release request"),
    own("ticket_number", "Ticket number of a release request"),
    own("ticket_system_id", "Ticket system of a release request"),
    own("check_in", "Check-in"),
    own("search_short_names", "Search short host names"),
    own("search_public_addresses", "Search public addresses"),
    own("results_max", "Most accounts of a search"),
    own("session_idle_s", "Idle time of a session"),
    own("ca_file", "CA file"),
    own("allow_plain_http", "Allow plain HTTP"),
    own("connect_timeout_s", "Connect time-out"),
    own("answer_timeout_s", "Answer time-out"),
    own("answer_bytes_max", "Longest answer"),
    own("held_answers_bytes_max", "Most of all answers"),
];

const fn documented(key: &'static str, label: &'static str, required: bool) -> SettingLabel {
    SettingLabel {
        key,
        label,
        required,
        documented: true,
    }
}

const fn own(key: &'static str, label: &'static str) -> SettingLabel {
    SettingLabel {
        key,
        label,
        required: false,
        documented: false,
    }
}

/// How the name of a directory user is written in `runas` (documented psafe:§1.3: both forms).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunAsForm {
    /// `user@domain` for a DNS domain, `DOMAIN\user` for a NetBIOS name.
    #[default]
    ByDomain,
    /// Always `DOMAIN\user`.
    DownLevel,
    /// Always `user@domain`.
    Upn,
}

/// What happens to a release request at session end (assumed psafe:§4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckIn {
    /// It is checked in as soon as no session uses it any more.
    #[default]
    AtSessionEnd,
    /// It runs out by itself after *Release Duration*.
    Never,
}

/// The settings as they stand in a configuration file. `api_registration_key` is a reference to a
/// secret, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    /// *Endpoint URL*: `https://<server>/BeyondTrust/api/public/v3`.
    pub endpoint_url: String,
    /// *API Registration Key*: where it is found, for example `file:/run/credentials/api_key`.
    pub api_registration_key: String,
    /// *Global Approver*: the user that approves requests which need it.
    #[serde(default)]
    pub global_approver: Option<String>,
    /// *Release Duration*, minutes.
    #[serde(default = "default_release_duration_min")]
    pub release_duration_min: u32,
    /// See [`MappingRules::default_domain`].
    #[serde(default)]
    pub default_domain: Option<String>,
    /// See [`MappingRules::fall_back_to_local`].
    #[serde(default)]
    pub fall_back_to_local: bool,
    /// See [`MappingRules::guess_netbios`].
    #[serde(default = "yes")]
    pub guess_netbios_names: bool,
    /// How a directory user is written.
    #[serde(default)]
    pub run_as_form: RunAsForm,
    /// The reason of a request; `{session_id}`, `{username}` and `{product}` are filled in
    /// (assumed psafe:§8). After a restart a request is known as the ECM's own by it, so it must
    /// hold `{session_id}` unless *Check-in* is `never`.
    #[serde(default = "default_reason")]
    pub reason: String,
    /// The ticket of a request, for policies that ask for one; filled in like the reason
    /// (documented psafe:§2.4).
    #[serde(default)]
    pub ticket_number: Option<String>,
    /// The vault's id of the ticket system; its default one when absent (documented psafe:§2.4).
    #[serde(default)]
    pub ticket_system_id: Option<i32>,
    /// What happens to a request at session end.
    #[serde(default)]
    pub check_in: CheckIn,
    /// See [`EndpointRules::short_name`].
    #[serde(default = "yes")]
    pub search_short_names: bool,
    /// See [`EndpointRules::public_addresses`].
    #[serde(default)]
    pub search_public_addresses: bool,
    /// Most accounts that one search reads.
    #[serde(default = "default_results_max")]
    pub results_max: usize,
    /// A session that was not used for this long is replaced without asking, seconds; the vault
    /// drops it after 20 minutes (vendor-client psafe:GO), or 15 (assumed psafe:§1.4).
    #[serde(default = "default_session_idle_s")]
    pub session_idle_s: u64,
    /// Authorities trusted beside the system's, PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether an `http:` Endpoint URL is allowed.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Limit on name lookup, TCP and TLS together, seconds.
    #[serde(default = "default_connect_timeout_s")]
    pub connect_timeout_s: u64,
    /// Limit on one exchange, seconds.
    #[serde(default = "default_answer_timeout_s")]
    pub answer_timeout_s: u64,
    /// Longest answer that is read, bytes.
    #[serde(default = "default_answer_bytes_max")]
    pub answer_bytes_max: usize,
    /// Most bytes of answers that are held at a time, all calls together.
    #[serde(default = "default_held_answers_bytes_max")]
    pub held_answers_bytes_max: usize,
}

impl SettingsFile {
    /// Settings with the two values that have no default.
    #[must_use]
    pub fn new(endpoint_url: &str, api_registration_key: &str) -> Self {
        Self {
            endpoint_url: endpoint_url.into(),
            api_registration_key: api_registration_key.into(),
            global_approver: None,
            release_duration_min: default_release_duration_min(),
            default_domain: None,
            fall_back_to_local: false,
            guess_netbios_names: true,
            run_as_form: RunAsForm::default(),
            reason: default_reason(),
            ticket_number: None,
            ticket_system_id: None,
            check_in: CheckIn::default(),
            search_short_names: true,
            search_public_addresses: false,
            results_max: default_results_max(),
            session_idle_s: default_session_idle_s(),
            ca_file: None,
            allow_plain_http: false,
            connect_timeout_s: default_connect_timeout_s(),
            answer_timeout_s: default_answer_timeout_s(),
            answer_bytes_max: default_answer_bytes_max(),
            held_answers_bytes_max: default_held_answers_bytes_max(),
        }
    }

    /// Checks every value. `registration_key` is the secret that the reference stood for.
    ///
    /// # Errors
    /// The first value that cannot be used, by its label.
    pub fn check(self, registration_key: &Secret) -> Result<Settings, PluginError> {
        let endpoint = endpoint(&self.endpoint_url, self.allow_plain_http)?;
        let key = RegistrationKey::new(registration_key)
            .map_err(|error| refuse("API Registration Key", &error.to_string()))?;
        if !(1..=RELEASE_DURATION_MAX_MIN).contains(&self.release_duration_min) {
            return Err(refuse(
                "Release Duration",
                "it must be from 1 to 525600 minutes",
            ));
        }
        for (label, value) in [
            ("Connect time-out", self.connect_timeout_s),
            ("Answer time-out", self.answer_timeout_s),
        ] {
            if !(1..=600).contains(&value) {
                return Err(refuse(label, "it must be from 1 to 600 seconds"));
            }
        }
        if self.check_in == CheckIn::AtSessionEnd && !self.reason.contains("{session_id}") {
            let why = "it must hold {session_id}, by which a check-in knows its request";
            return Err(refuse("Reason of a release request", why));
        }
        if self.ticket_system_id.is_some_and(|id| id < 1) {
            let why = "it must be the number that the vault gives the ticket system";
            return Err(refuse("Ticket system of a release request", why));
        }
        let tidy = |text: Option<String>| {
            text.map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        Ok(Settings {
            endpoint,
            key,
            global_approver: tidy(self.global_approver),
            release_duration_min: self.release_duration_min,
            mapping: MappingRules {
                default_domain: tidy(self.default_domain),
                fall_back_to_local: self.fall_back_to_local,
                guess_netbios: self.guess_netbios_names,
            },
            run_as_form: self.run_as_form,
            reason: self.reason.trim().to_owned(),
            ticket_number: tidy(self.ticket_number),
            ticket_system_id: self.ticket_system_id,
            check_in: self.check_in,
            endpoints: EndpointRules {
                short_name: self.search_short_names,
                public_addresses: self.search_public_addresses,
                ..EndpointRules::default()
            },
            results_max: self.results_max.max(1),
            session_idle: Duration::from_secs(self.session_idle_s),
            http: HttpRules {
                ca_file: self.ca_file,
                allow_plain_http: self.allow_plain_http,
                connect_timeout: Duration::from_secs(self.connect_timeout_s),
                answer_timeout: Duration::from_secs(self.answer_timeout_s),
                answer_bytes_max: self.answer_bytes_max,
                held_answers_bytes_max: self.held_answers_bytes_max,
            },
        })
    }
}

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Without a slash at its end.
    pub(super) endpoint: Url,
    pub(super) key: RegistrationKey,
    pub(super) global_approver: Option<String>,
    pub(super) release_duration_min: u32,
    pub(super) mapping: MappingRules,
    pub(super) run_as_form: RunAsForm,
    pub(super) reason: String,
    pub(super) ticket_number: Option<String>,
    pub(super) ticket_system_id: Option<i32>,
    pub(super) check_in: CheckIn,
    pub(super) endpoints: EndpointRules,
    pub(super) results_max: usize,
    pub(super) session_idle: Duration,
    pub(super) http: HttpRules,
}

fn endpoint(text: &str, allow_plain_http: bool) -> Result<Url, PluginError> {
    const LABEL: &str = "Endpoint URL";
    if text.trim().is_empty() {
        return Err(refuse(LABEL, "it is required and empty"));
    }
    let mut url = Url::parse(text.trim()).map_err(|error| refuse(LABEL, &error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_plain_http => {}
        "http" => {
            return Err(refuse(
                LABEL,
                "it is not https, so the key would travel in clear",
            ));
        }
        _ => return Err(refuse(LABEL, "it is not an https address")),
    }
    if url.host_str().is_none() {
        return Err(refuse(LABEL, "it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(LABEL, "it carries a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(LABEL, "it must end after /api/public/v3"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.to_ascii_lowercase().ends_with("/api/public/v3") {
        let corrected = api_address(&url);
        return Err(refuse(LABEL, "it must end in /api/public/v3").with_action_url(corrected));
    }
    url.set_path(&path);
    Ok(url)
}

/// The usual address of the API on the host of `url` (documented psafe:§1.1).
pub(super) fn api_address(url: &Url) -> String {
    format!(
        "{}/BeyondTrust/api/public/v3",
        url.origin().ascii_serialization()
    )
}

fn refuse(label: &str, why: &str) -> PluginError {
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Settings,
        format!("{label} cannot be used: {why}"),
        format!("correct {label} in the plugin's settings"),
        Owner::EcmAdministrator,
    )
}

fn yes() -> bool {
    true
}

fn default_release_duration_min() -> u32 {
    RELEASE_DURATION_DEFAULT_MIN
}

fn default_reason() -> String {
    "{product} session {session_id} of {username}".into()
}

fn default_results_max() -> usize {
    1_000
}

fn default_session_idle_s() -> u64 {
    14 * 60
}

fn default_connect_timeout_s() -> u64 {
    10
}

fn default_answer_timeout_s() -> u64 {
    25
}

fn default_answer_bytes_max() -> usize {
    4 * 1024 * 1024
}

fn default_held_answers_bytes_max() -> usize {
    HELD_ANSWERS_BYTES_MAX
}
