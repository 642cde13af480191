//! The plugin's settings: the documented ones under their documented labels (documented ecm:§6)
//! and our own below them. What is read from a file is [`SettingsFile`], whose keys are [`LABELS`];
//! what the plugin works with is [`Settings`], which exists only when every value was checked.

mod warnings;

use std::time::Duration;

use url::Url;

use crate::diagnosis::Symptom;
use crate::endpoint::EndpointRules;
use crate::error::{Hop, PluginError};
use crate::identity::MappingRules;
use crate::plugin_settings::{
    ENDPOINT_URL, HttpSettings, SettingLabel, documented, own, refuse, required, unless_blank,
};
use crate::secret::Secret;
use crate::vault_http::HttpRules;

/// Every setting, in the order of the guides, ours last.
pub const LABELS: &[SettingLabel] = &[
    documented("endpoint_url", "Endpoint URL", true),
    documented("api_user", "API User", true),
    documented("api_password", "API Password", true),
    documented("api_domain", "API Domain", false),
    documented("api_organization", "API Organization", false),
    documented(
        "include_domain_credentials_for",
        "Include domain credentials for",
        false,
    ),
    documented("domain_field", "Domain Field", true),
    documented("machine_field", "Machine Field", true),
    documented(
        "default_domain_for_local_users",
        "Default Domain for Local BeyondTrust Users",
        false,
    ),
    documented(
        "fall_back_to_local_account",
        "Enable fall-back to local account if domain account not found",
        false,
    ),
    documented(
        "include_default_organization",
        "Include default organization",
        false,
    ),
    own("ca_file", "CA file"),
    own("allow_plain_http", "Allow plain HTTP"),
    own("show_restricted", "List restricted secrets"),
    own("comment", "Comment for secrets that require one"),
    own("ticket", "Ticket for secrets that require one"),
    own(
        "checked_out_wait_s",
        "Wait for secrets checked out to somebody else",
    ),
    own("search_short_names", "Search short host names"),
    own("search_public_addresses", "Search public addresses"),
    own("guess_netbios_names", "Guess NetBIOS names"),
    own("connect_timeout_s", "Connect time-out"),
    own("answer_timeout_s", "Answer time-out"),
    own("answer_bytes_max", "Longest answer"),
    own("held_answers_bytes_max", "Most of all answers"),
    own("results_max", "Most results of a search"),
    own("token_lifetime_s", "Token lifetime"),
];

/// The settings as they stand in a configuration file. `api_password` is a reference to a secret,
/// never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// *Endpoint URL*: the full address of `SSWebService.asmx`.
    pub endpoint_url: String,
    /// *API User*.
    pub api_user: String,
    /// *API Password*: where it is found, for example `file:/run/credentials/api_password`.
    pub api_password: String,
    /// *API Domain*: only if the API account is not local to Secret Server.
    pub api_domain: Option<String>,
    /// *API Organization*: Secret Server Online only.
    pub api_organization: Option<String>,
    /// *Include domain credentials for*: each entry one domain, or several separated by commas.
    pub include_domain_credentials_for: Vec<String>,
    /// *Domain Field*.
    pub domain_field: String,
    /// *Machine Field*.
    pub machine_field: String,
    /// *Default Domain for Local BeyondTrust Users*.
    pub default_domain: Option<String>,
    /// *Enable fall-back to local account if domain account not found*.
    pub fall_back_to_local: bool,
    /// *Include default organization*: sends *API Organization* when looking for the user too.
    pub include_default_organization: bool,
    /// Whether secrets that need a comment, check-out or approval are listed (assumed soap:§3.4).
    pub show_restricted: bool,
    /// What is answered to a secret that requires a comment; `{session_id}`, `{username}` and
    /// `{product}` are filled in. Empty: such secrets are refused. (assumed soap:§3.5)
    pub comment: String,
    /// What is answered where a ticket number is asked for as well.
    pub ticket: Option<String>,
    /// How long is waited for a secret that is checked out to somebody else, seconds; 0 refuses it
    /// at once. The list cannot leave such secrets out: a search does not tell who has what.
    pub checked_out_wait_s: u64,
    /// See [`EndpointRules::short_name`].
    pub search_short_names: bool,
    /// See [`EndpointRules::public_addresses`].
    pub search_public_addresses: bool,
    /// See [`MappingRules::guess_netbios`].
    pub guess_netbios_names: bool,
    /// How the vault is spoken to.
    pub http: HttpSettings,
    /// Most results of one search.
    pub results_max: usize,
    /// How long a token is used at most, seconds; absent: until the vault refuses it.
    pub token_lifetime_s: Option<u64>,
}

impl SettingsFile {
    /// Settings with the three values that have no default.
    #[must_use]
    pub fn new(endpoint_url: &str, api_user: &str, api_password: &str) -> Self {
        Self {
            endpoint_url: endpoint_url.into(),
            api_user: api_user.into(),
            api_password: api_password.into(),
            api_domain: None,
            api_organization: None,
            include_domain_credentials_for: Vec::new(),
            domain_field: "Domain".into(),
            machine_field: "Machine".into(),
            default_domain: None,
            fall_back_to_local: false,
            include_default_organization: false,
            show_restricted: true,
            comment: "{product} session {session_id} of {username}".into(),
            ticket: None,
            checked_out_wait_s: 0,
            search_short_names: true,
            search_public_addresses: false,
            guess_netbios_names: true,
            http: HttpSettings::default(),
            results_max: 1_000,
            token_lifetime_s: None,
        }
    }

    /// Every value that cannot be used, by its key. `api_password` is the secret that the reference
    /// stood for; without it the other values are judged.
    #[must_use]
    pub fn problems(&self, api_password: Option<&Secret>) -> Vec<(&'static str, PluginError)> {
        let api_password = api_password.map(|password| required("API Password", password.expose()));
        let is_long = self.checked_out_wait_s > CHECKED_OUT_WAIT_MAX_S;
        let domains = split_domains(&self.include_domain_credentials_for);
        let http = self.http.clone();
        let outcomes = [
            (
                "endpoint_url",
                endpoint(&self.endpoint_url, &self.http).err(),
            ),
            ("api_user", required("API User", &self.api_user).err()),
            ("api_password", api_password.and_then(Result::err)),
            (
                "domain_field",
                required("Domain Field", &self.domain_field).err(),
            ),
            (
                "machine_field",
                required("Machine Field", &self.machine_field).err(),
            ),
            (
                "checked_out_wait_s",
                is_long.then(|| {
                    refuse(
                        "Wait for secrets checked out to somebody else",
                        "it must be from 0 to 300 seconds; no session waits longer",
                    )
                }),
            ),
            (
                "include_domain_credentials_for",
                (domains.len() > DOMAINS_MAX).then(|| {
                    refuse(
                        "Include domain credentials for",
                        "it names more than 20 domains, and each is one search",
                    )
                }),
            ),
            ("answer_timeout_s", http.check().err()),
        ];
        let wrong = outcomes.into_iter();
        wrong
            .filter_map(|(key, error)| Some((key, error?)))
            .collect()
    }

    /// Values that are taken and that cannot do what was probably meant, by their keys, and why.
    #[must_use]
    pub fn warnings(&self) -> Vec<(&'static str, &'static str)> {
        warnings::warnings(self)
    }

    /// Checks every value. `api_password` is the secret that the reference stood for.
    ///
    /// # Errors
    /// The first value that cannot be used, by its label.
    pub fn check(self, api_password: Secret) -> Result<Settings, PluginError> {
        if let Some((_, error)) = self.problems(Some(&api_password)).into_iter().next() {
            return Err(error);
        }
        let endpoint = endpoint(&self.endpoint_url, &self.http)?;
        let domain_field = self.domain_field.trim().to_owned();
        let machine_field = self.machine_field.trim().to_owned();
        let domains = split_domains(&self.include_domain_credentials_for);
        Ok(Settings {
            endpoint,
            api_user: self.api_user.trim().to_owned(),
            api_password,
            api_domain: unless_blank(self.api_domain).unwrap_or_default(),
            api_organization: unless_blank(self.api_organization).unwrap_or_default(),
            include_default_organization: self.include_default_organization,
            domains,
            domain_field,
            machine_field,
            mapping: MappingRules {
                default_domain: unless_blank(self.default_domain),
                fall_back_to_local: self.fall_back_to_local,
                guess_netbios: self.guess_netbios_names,
            },
            endpoints: EndpointRules {
                short_name: self.search_short_names,
                public_addresses: self.search_public_addresses,
                ..EndpointRules::default()
            },
            show_restricted: self.show_restricted,
            comment: self.comment.trim().to_owned(),
            ticket: unless_blank(self.ticket),
            checked_out_wait: Duration::from_secs(self.checked_out_wait_s),
            results_max: self.results_max.max(1),
            token_lifetime: self.token_lifetime_s.map(Duration::from_secs),
            http: self.http.check()?,
        })
    }
}

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) endpoint: Url,
    pub(super) api_user: String,
    pub(super) api_password: Secret,
    pub(super) api_domain: String,
    pub(super) api_organization: String,
    pub(super) include_default_organization: bool,
    pub(super) domains: Vec<String>,
    pub(super) domain_field: String,
    pub(super) machine_field: String,
    pub(super) mapping: MappingRules,
    pub(super) endpoints: EndpointRules,
    pub(super) show_restricted: bool,
    pub(super) comment: String,
    pub(super) ticket: Option<String>,
    pub(super) checked_out_wait: Duration,
    pub(super) results_max: usize,
    pub(super) token_lifetime: Option<Duration>,
    pub(super) http: HttpRules,
}

impl Settings {
    /// Scheme, host and port of the vault.
    pub(super) fn address(&self) -> String {
        self.endpoint.origin().ascii_serialization()
    }

    /// The API account as one would name it: domain, user and organization, where they are set.
    pub(super) fn api_account(&self) -> String {
        let mut name = match self.api_domain.as_str() {
            "" => self.api_user.clone(),
            domain => format!("{domain}\\{}", self.api_user),
        };
        if !self.api_organization.is_empty() {
            name.push_str(&format!(" of {}", self.api_organization));
        }
        name
    }

    /// The organization sent when a user is looked for.
    pub(super) fn user_organization(&self) -> &str {
        if self.include_default_organization {
            &self.api_organization
        } else {
            ""
        }
    }
}

/// Most domains of *Include domain credentials for*; each is one search of every look-up.
pub(super) const DOMAINS_MAX: usize = 20;

/// Longest wait for a secret that somebody else has.
pub const CHECKED_OUT_WAIT_MAX_S: u64 = 300;

fn split_domains(entries: &[String]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for domain in entries
        .iter()
        .flat_map(|entry| entry.split(','))
        .map(str::trim)
    {
        if !domain.is_empty()
            && !domains
                .iter()
                .any(|known| known.eq_ignore_ascii_case(domain))
        {
            domains.push(domain.to_owned());
        }
    }
    domains
}

fn endpoint(text: &str, http: &HttpSettings) -> Result<Url, PluginError> {
    let mut url = http.address(text, "password")?;
    let host = url.host_str().unwrap_or_default();
    // documented ecm:§8: the integration is not compatible with the Delinea Platform.
    if is_platform(host) {
        return Err(Symptom::DelineaPlatform.at(Hop::Settings, host));
    }
    if !url.path().to_ascii_lowercase().ends_with(".asmx") {
        return Err(refuse(
            ENDPOINT_URL,
            "it must end in /webservices/SSWebService.asmx",
        ));
    }
    // A pasted `?wsdl` would be ignored by the service (documented soap:§5) and means nothing here.
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Whether a host is one of the Delinea Platform (documented soap:§3.11, ecm:§8).
pub(super) fn is_platform(host: &str) -> bool {
    host == "delinea.app" || host.ends_with(".delinea.app")
}

/// Whether it is a tenant of Secret Server Cloud. Regional tenants have names such as
/// `acme.secretservercloud.eu`.
pub(super) fn is_cloud(url: &Url) -> bool {
    url.host_str()
        .is_some_and(|host| host.contains(".secretservercloud."))
}

fn is_blank(value: Option<&str>) -> bool {
    value.is_none_or(|value| value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ErrorKind;

    const CLOUD: &str = "https://acme.secretservercloud.com/webservices/SSWebservice.asmx";

    fn check(url: &str) -> Result<Settings, PluginError> {
        SettingsFile::new(url, "svc", "env:X").check("pw".into())
    }

    #[test]
    fn every_setting_is_in_the_guide() {
        let guide = include_str!("../../SECRET-SERVER.md");
        let rows: Vec<_> = guide
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let expected = LABELS
            .iter()
            .map(|row| format!("| `{}` | {}", row.key, row.label));
        for (row, expected) in rows.iter().zip(expected) {
            assert!(row.starts_with(&expected), "{row}\n{expected}");
        }
        assert!(rows.len() >= LABELS.len());
    }

    #[test]
    fn the_fields_have_the_documented_defaults() {
        let settings = check(CLOUD).unwrap();
        assert_eq!(
            (&*settings.domain_field, &*settings.machine_field),
            ("Domain", "Machine")
        );
    }

    #[test]
    fn domains_are_split_at_commas_and_named_once() {
        let entries = [
            "ACME, Other ,".to_owned(),
            "acme".to_owned(),
            "third".to_owned(),
        ];
        assert_eq!(split_domains(&entries), ["ACME", "Other", "third"]);
    }

    #[test]
    fn an_unusable_value_is_named_by_its_label() {
        for (url, part) in [
            ("", "required"),
            ("vault", "relative URL"),
            ("http://v/webservices/SSWebService.asmx", "not https"),
            ("ftp://v/webservices/SSWebService.asmx", "not an https"),
            (
                "https://u:p@v/webservices/SSWebService.asmx",
                "user name or password",
            ),
            ("https://v/SecretServer/", "must end in"),
        ] {
            let error = check(url).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Configuration);
            assert!(
                error.message.starts_with("Endpoint URL cannot be used: "),
                "{error}"
            );
            assert!(error.message.contains(part), "{error}");
        }
        let error = SettingsFile::new(CLOUD, " ", "env:X")
            .check("pw".into())
            .unwrap_err();
        assert!(error.message.starts_with("API User"), "{error}");
    }

    #[test]
    fn a_pasted_wsdl_query_is_dropped() {
        assert_eq!(
            check(&format!("{CLOUD}?wsdl")).unwrap().endpoint.as_str(),
            CLOUD
        );
    }
}
