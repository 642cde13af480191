//! The form *Connect to Secure Remote Access* of a Password Safe that brings its own ECM
//! (documented ecm:S004): Host, Port, Client ID and API Key name the *appliance*, and the vault is
//! the machine that the form is filled in on. The key of the API registration is not typed:
//! saving the form creates the registration and configures the ECM with it.

use serde::Deserialize;
use url::Url;

use super::{
    RELEASE_DURATION_DEFAULT_MIN, SettingLabel, Settings, SettingsFile, documented, own, refuse,
};
use crate::error::PluginError;
use crate::secret::Secret;

/// The API of the machine that the bundled ECM runs on (assumed ecm:§6).
pub const OWN_MACHINE: &str = "https://localhost/BeyondTrust/api/public/v3";

/// Every setting of the form in its order, and what saving it adds.
pub const LABELS: &[SettingLabel] = &[
    documented("host", "Host", true),
    documented("port", "Port", false),
    documented("client_id", "Client ID", true),
    documented("api_key", "API Key", true),
    documented("release_duration_min", "Release Duration", false),
    own(
        "api_registration_key",
        "Key of the registration that saving the form creates",
    ),
    own("endpoint_url", "Address of the API on this machine"),
];

/// The form as it stands in a configuration file. `api_key` and `api_registration_key` are
/// references to secrets, never the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledForm {
    /// *Host*: "the URL of the Secure Remote Access site", or its bare host name.
    pub host: String,
    /// *Port*.
    #[serde(default = "default_port")]
    pub port: u16,
    /// *Client ID*: the OAuth client id of the appliance's API account.
    pub client_id: String,
    /// *API Key*: where the OAuth client secret of that account is found.
    pub api_key: String,
    /// *Release Duration*, minutes. The form shows no default; the plugin's stands in for it
    /// (assumed ecm:§6).
    #[serde(default = "default_release_duration_min")]
    pub release_duration_min: u32,
    /// Where the key of the registration *Secure Remote Access Integration* is found.
    pub api_registration_key: String,
    /// The vault's API.
    #[serde(default = "own_machine")]
    pub endpoint_url: String,
}

/// The half of the form that is about the appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplianceAccount {
    /// Scheme, host and port of the site.
    pub site_url: Url,
    /// The OAuth client id.
    pub client_id: String,
    /// The OAuth client secret.
    pub client_secret: Secret,
}

impl BundledForm {
    /// Splits the form into the account at the appliance and the settings of the vault, with the
    /// secrets that its two references stood for.
    ///
    /// # Errors
    /// The first value that cannot be used, by its label.
    pub fn check(
        self,
        api_key: Secret,
        registration_key: &Secret,
    ) -> Result<(ApplianceAccount, Settings), PluginError> {
        let site_url = site_url(&self.host, self.port)?;
        for (label, value) in [
            ("Client ID", &*self.client_id),
            ("API Key", api_key.expose()),
        ] {
            if value.trim().is_empty() {
                return Err(refuse(label, "it is required and empty"));
            }
        }
        let vault = SettingsFile {
            release_duration_min: self.release_duration_min,
            ..SettingsFile::new(&self.endpoint_url, &self.api_registration_key)
        };
        let appliance = ApplianceAccount {
            site_url,
            client_id: self.client_id.trim().to_owned(),
            client_secret: api_key,
        };
        Ok((appliance, vault.check(registration_key)?))
    }
}

fn site_url(host: &str, port: u16) -> Result<Url, PluginError> {
    let host = host.trim().trim_end_matches('/');
    let bare = host.strip_prefix("https://").unwrap_or(host);
    let plain = !bare.is_empty() && !bare.contains(['/', '?', '#', '@', '\\']);
    let parsed = plain
        .then(|| Url::parse(&format!("https://{bare}")).ok())
        .flatten();
    let Some(mut url) = parsed.filter(|url| url.host().is_some()) else {
        return Err(refuse(
            "Host",
            "it must be the site's host name or https:// address",
        ));
    };
    match (url.port(), port) {
        (_, 0) => return Err(refuse("Port", "it must be from 1 to 65535")),
        (Some(written), port) if written != port => {
            return Err(refuse("Port", "Host names another port"));
        }
        _ => {}
    }
    url.set_port(Some(port))
        .map_err(|()| refuse("Host", "it takes no port"))?;
    Ok(url)
}

fn default_port() -> u16 {
    443
}

fn default_release_duration_min() -> u32 {
    RELEASE_DURATION_DEFAULT_MIN
}

fn own_machine() -> String {
    OWN_MACHINE.into()
}
