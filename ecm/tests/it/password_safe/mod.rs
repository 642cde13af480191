//! The Password Safe plugin against scripted vaults on raw sockets.

mod failures;
mod fetch;
mod hostile_matrix;
mod list;
mod pending;
mod release;
mod sessions;
pub mod symptoms;
mod systems;
mod vault;
mod vectors;

use std::path::PathBuf;

use ecm::error::PluginError;
use ecm::password_safe::settings::SettingsFile;
use ecm::plugin::Plugin;

/// Why a list fails at a server on this port that is reached over TLS.
pub async fn look_up_over_tls(port: u16, ca_file: PathBuf) -> PluginError {
    let url = format!("https://localhost:{port}{}", vault::BASE);
    let mut file = SettingsFile::new(&url, "env:unused");
    file.http.ca_file = Some(ca_file);
    let plugin = vault::plugin(file);
    vault::soon(plugin.find_credentials(&vault::session()))
        .await
        .unwrap_err()
}
