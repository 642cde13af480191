//! What a test was run with, so that whoever reads its text later or elsewhere can judge it.

use std::path::Path;

use super::form::without_secrets;
use crate::config::{Override, VaultConfig};
use crate::error::shortened;

/// Longest value that is shown.
const VALUE_CHARS_MAX: usize = 1024;

/// The version, the configuration and the vault of a test, by label; no value that may be secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tested {
    rows: Vec<(&'static str, String)>,
}

impl Tested {
    /// A test of `vault` as it stands in `config_file`, with `changed` in place of what is there;
    /// of `changed` only the keys are kept. There is no vault when the configuration is of no use.
    #[must_use]
    pub fn new(config_file: &Path, vault: Option<&VaultConfig>, changed: &[Override]) -> Self {
        let file = std::path::absolute(config_file).unwrap_or_else(|_| config_file.to_owned());
        let mut rows = vec![
            ("ECM version", env!("CARGO_PKG_VERSION").to_owned()),
            ("Configuration", file.display().to_string()),
        ];
        match vault {
            Some(VaultConfig::SecretServer { settings, .. }) => {
                rows.push(("Endpoint URL", without_secrets(&settings.endpoint_url)));
                rows.push(("API User", settings.api_user.clone()));
            }
            Some(VaultConfig::PasswordSafe { settings, .. }) => {
                rows.push(("Endpoint URL", without_secrets(&settings.endpoint_url)));
            }
            None => {}
        }
        let mut keys: Vec<_> = changed.iter().map(Override::key).collect();
        keys.sort_unstable();
        keys.dedup();
        if !keys.is_empty() {
            rows.push(("Changed by --set", keys.join(", ")));
        }
        for (_, value) in &mut rows {
            *value = shortened(value, VALUE_CHARS_MAX);
        }
        Self { rows }
    }

    /// Label and value, in the order in which they are shown.
    #[must_use]
    pub fn rows(&self) -> &[(&'static str, String)] {
        &self.rows
    }
}
