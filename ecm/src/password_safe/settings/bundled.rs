//! The form *Connect to Secure Remote Access* of a Password Safe that brings its own ECM
//! (documented ecm:S004): Host, Port, Client ID and API Key name the *appliance*, and the vault is
//! the machine that the form is filled in on. The key of the API registration is not typed:
//! saving the form creates the registration and configures the ECM with it. In a configuration
//! file the form stands in `[vault.password-safe-bundled]`, and `[appliance]` names no site then.

use url::Url;

use crate::error::PluginError;
use crate::plugin_settings::{SettingLabel, documented, own, refuse};

/// The API of the machine that the bundled ECM runs on (assumed ecm:§6).
pub const OWN_MACHINE: &str = "https://localhost/BeyondTrust/api/public/v3";

/// *Port* when none is given.
pub const PORT_DEFAULT: u16 = 443;

/// Every setting of the form in its order, and what saving it adds. The form shows no default for
/// Release Duration; the plugin's stands in for it (assumed ecm:§6). All settings of
/// [`super::LABELS`] that are our own may stand beside them. There is no Global Approver: the policy
/// that saving the form creates approves by itself.
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

/// The site that *Host* ("the URL of the Secure Remote Access site", or its bare host name) and
/// *Port* name.
///
/// # Errors
/// One of the two cannot be used.
pub fn site_url(host: &str, port: u16) -> Result<Url, PluginError> {
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
