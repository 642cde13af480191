//! What `ecm check-config` looks at beyond the text of the file: whether secrets can be fetched,
//! files read, places written, and what the plug-ins say of their settings. All of it is found in
//! the same pass as what is wrong with the text, so that one fault hides no other.

use std::path::Path;

use super::table::{Finding, Table};
use super::{Config, ConfigError, ConfiguredSecret, SecretReference, places, read, sections};
use crate::env::Environment;
use crate::error::PluginError;
use crate::secret::Secret;
use crate::tls;
use crate::vault::key_source;

/// What there is to say about a configuration file.
#[derive(Debug)]
pub struct Survey {
    /// The configuration, if nothing is wrong with it.
    pub config: Option<Config>,
    /// Everything for which `ecm run` would not start, in the order of the lines.
    pub problems: Vec<Finding>,
    /// What is taken and cannot do what was probably meant, in the order of the lines.
    pub warnings: Vec<Finding>,
}

impl Config {
    /// Looks for everything that is wrong with the configuration in `file`, without connecting
    /// anywhere and without making anything.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn survey(file: &Path, environment: &Environment) -> Result<Survey, ConfigError> {
        Ok(sections::survey(file, &read(file)?, environment))
    }
}

/// A finding when the secret that `key` refers to cannot be fetched.
pub(super) fn secret(table: &Table<'_, '_>, key: &str, secret: &ConfiguredSecret) {
    if let Some(environment) = table.surveyed_in()
        && let Err(finding) = secret.resolve(environment)
    {
        table.problem(key, finding.problem);
    }
}

/// A finding when nothing can be trusted by the authorities in `file`.
pub(super) fn ca_file(table: &Table<'_, '_>, key: &str, file: &Path) {
    if table.surveyed_in().is_some()
        && let Err(error) = tls::client_config(Some(file))
    {
        table.problem(key, error.to_string());
    }
}

/// A finding when the log cannot be written.
pub(super) fn log_file(table: &Table<'_, '_>, key: &str, file: &Path) {
    if table.surveyed_in().is_some()
        && let Err(problem) = places::writable_file(file)
    {
        table.problem(key, problem);
    }
}

/// A finding when the directory of the state cannot be used or made.
pub(super) fn state_dir(table: &Table<'_, '_>, key: &str, dir: &Path) {
    if table.surveyed_in().is_some()
        && let Err(problem) = places::usable_directory(dir)
    {
        table.problem(key, problem);
    }
}

/// A finding when the key of the token cache can be neither used nor made.
pub(super) fn token_cache_key(table: &Table<'_, '_>, key: &str, reference: &SecretReference) {
    let Some(environment) = table.surveyed_in() else {
        return;
    };
    if table.is_wrong(key) {
        return;
    }
    let checked = key_source(reference, environment).and_then(|source| Ok(source.check()?));
    if let Err(error) = checked {
        table.problem(key, error.to_string());
    }
}

/// What a plug-in says of its settings, each by its key. `secret` is handed to it when it can be
/// fetched; else the plug-in judges the rest.
pub(super) fn settings<F>(table: &Table<'_, '_>, secret: Option<&ConfiguredSecret>, problems: F)
where
    F: FnOnce(Option<&Secret>) -> Vec<(&'static str, PluginError)>,
{
    let Some(environment) = table.surveyed_in() else {
        return;
    };
    let secret = secret.and_then(|secret| secret.resolve(environment).ok());
    for (key, error) in problems(secret.as_ref()) {
        // What is missing or of a wrong type is told already.
        if !table.is_wrong(key) {
            table.problem(key, format!("{error}; {}", error.next_action));
        }
    }
}
