//! The plugin's settings: the documented ones under their documented labels (documented ecm:§6) and
//! our own below them. What is read from a file is [`SettingsFile`]; what the plugin works with is
//! [`Settings`], which exists only when every value was checked. The form of the ECM that comes
//! bundled with Password Safe is in [`bundled`].

pub mod bundled;
#[cfg(test)]
mod tests;

use std::time::Duration;

use url::Url;

use super::wire::auth::RegistrationKey;
use crate::endpoint::EndpointRules;
use crate::error::PluginError;
use crate::identity::MappingRules;
use crate::plugin_settings::{
    ENDPOINT_URL, HttpSettings, SettingLabel, documented, own, refuse, unless_blank,
};
use crate::secret::Secret;
use crate::vault_http::HttpRules;

/// *Release Duration* when none is given, minutes (documented ecm:S003).
pub const RELEASE_DURATION_DEFAULT_MIN: u32 = 360;

/// Longest release that the API takes, minutes: a year (documented psafe:DOC-req).
pub const RELEASE_DURATION_MAX_MIN: u32 = 525_600;

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

/// How the name of a directory user is written in `runas` (documented psafe:§1.3: both forms).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckIn {
    /// It is checked in as soon as no session uses it any more.
    #[default]
    AtSessionEnd,
    /// It runs out by itself after *Release Duration*.
    Never,
}

/// The settings as they stand in a configuration file. `api_registration_key` is a reference to a
/// secret, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// *Endpoint URL*: `https://<server>/BeyondTrust/api/public/v3`.
    pub endpoint_url: String,
    /// *API Registration Key*: where it is found, for example `file:/run/credentials/api_key`.
    pub api_registration_key: String,
    /// *Global Approver*: the user that approves requests which need it.
    pub global_approver: Option<String>,
    /// *Release Duration*, minutes.
    pub release_duration_min: u32,
    /// See [`MappingRules::default_domain`].
    pub default_domain: Option<String>,
    /// See [`MappingRules::fall_back_to_local`].
    pub fall_back_to_local: bool,
    /// See [`MappingRules::guess_netbios`].
    pub guess_netbios_names: bool,
    /// How a directory user is written.
    pub run_as_form: RunAsForm,
    /// The reason of a request; `{session_id}`, `{username}` and `{product}` are filled in
    /// (assumed psafe:§8). After a restart a request is known as the ECM's own by it, so it must
    /// hold `{session_id}` unless *Check-in* is `never`.
    pub reason: String,
    /// The ticket of a request, for policies that ask for one; filled in like the reason
    /// (documented psafe:§2.4).
    pub ticket_number: Option<String>,
    /// The vault's id of the ticket system; its default one when absent (documented psafe:§2.4).
    pub ticket_system_id: Option<i32>,
    /// What happens to a request at session end.
    pub check_in: CheckIn,
    /// See [`EndpointRules::short_name`].
    pub search_short_names: bool,
    /// See [`EndpointRules::public_addresses`].
    pub search_public_addresses: bool,
    /// Most accounts that one search reads.
    pub results_max: usize,
    /// A session that was not used for this long is replaced without asking, seconds; the vault
    /// drops it after 20 minutes (vendor-client psafe:GO), or 15 (assumed psafe:§1.4).
    pub session_idle_s: u64,
    /// How the vault is spoken to.
    pub http: HttpSettings,
}

impl SettingsFile {
    /// Settings with the two values that have no default.
    #[must_use]
    pub fn new(endpoint_url: &str, api_registration_key: &str) -> Self {
        Self {
            endpoint_url: endpoint_url.into(),
            api_registration_key: api_registration_key.into(),
            global_approver: None,
            release_duration_min: RELEASE_DURATION_DEFAULT_MIN,
            default_domain: None,
            fall_back_to_local: false,
            guess_netbios_names: true,
            run_as_form: RunAsForm::default(),
            reason: "{product} session {session_id} of {username}".into(),
            ticket_number: None,
            ticket_system_id: None,
            check_in: CheckIn::default(),
            search_short_names: true,
            search_public_addresses: false,
            results_max: 1_000,
            session_idle_s: 14 * 60,
            http: HttpSettings::default(),
        }
    }

    /// Every value that cannot be used, by its key. `registration_key` is the secret that the
    /// reference stood for; without it the other values are judged.
    #[must_use]
    pub fn problems(&self, registration_key: Option<&Secret>) -> Vec<(&'static str, PluginError)> {
        let mut problems = Vec::new();
        if let Err(error) = endpoint(&self.endpoint_url, &self.http) {
            problems.push(("endpoint_url", error));
        }
        if let Some(Err(error)) = registration_key.map(key) {
            problems.push(("api_registration_key", error));
        }
        let mut refuse_if = |wrong: bool, key, label, why| {
            if wrong {
                problems.push((key, refuse(label, why)));
            }
        };
        refuse_if(
            !(1..=RELEASE_DURATION_MAX_MIN).contains(&self.release_duration_min),
            "release_duration_min",
            "Release Duration",
            "it must be from 1 to 525600 minutes",
        );
        refuse_if(
            self.check_in == CheckIn::AtSessionEnd && !self.reason.contains("{session_id}"),
            "reason",
            "Reason of a release request",
            "it must hold {session_id}, by which a check-in knows its request",
        );
        refuse_if(
            self.ticket_system_id.is_some_and(|id| id < 1),
            "ticket_system_id",
            "Ticket system of a release request",
            "it must be the number that the vault gives the ticket system",
        );
        problems
    }

    /// Checks every value. `registration_key` is the secret that the reference stood for.
    ///
    /// # Errors
    /// The first value that cannot be used, by its label.
    pub fn check(self, registration_key: &Secret) -> Result<Settings, PluginError> {
        if let Some((_, error)) = self.problems(Some(registration_key)).into_iter().next() {
            return Err(error);
        }
        let endpoint = endpoint(&self.endpoint_url, &self.http)?;
        let key = key(registration_key)?;
        Ok(Settings {
            endpoint,
            key,
            global_approver: unless_blank(self.global_approver),
            release_duration_min: self.release_duration_min,
            mapping: MappingRules {
                default_domain: unless_blank(self.default_domain),
                fall_back_to_local: self.fall_back_to_local,
                guess_netbios: self.guess_netbios_names,
            },
            run_as_form: self.run_as_form,
            reason: self.reason.trim().to_owned(),
            ticket_number: unless_blank(self.ticket_number),
            ticket_system_id: self.ticket_system_id,
            check_in: self.check_in,
            endpoints: EndpointRules {
                short_name: self.search_short_names,
                public_addresses: self.search_public_addresses,
                ..EndpointRules::default()
            },
            results_max: self.results_max.max(1),
            session_idle: Duration::from_secs(self.session_idle_s),
            http: self.http.check()?,
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

fn key(registration_key: &Secret) -> Result<RegistrationKey, PluginError> {
    RegistrationKey::new(registration_key)
        .map_err(|error| refuse("API Registration Key", &error.to_string()))
}

fn endpoint(text: &str, http: &HttpSettings) -> Result<Url, PluginError> {
    let mut url = http.address(text, "key")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(ENDPOINT_URL, "it must end after /api/public/v3"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.to_ascii_lowercase().ends_with("/api/public/v3") {
        let corrected = api_address(&url);
        return Err(
            refuse(ENDPOINT_URL, "it must end in /api/public/v3").with_action_url(corrected)
        );
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
