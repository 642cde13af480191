//! `ecm check-config`: everything that can be found wrong without connecting anywhere.

use clap::Args;
use ecm::config::{Config, Finding, LocalConfig, VaultConfig, places};
use ecm::env::Environment;
use ecm::error::on_screen;
use ecm::tls;
use ecm::token_cache::{KeySource, TokenCache};
use ecm::vault::{VaultError, plugin_with, token_cache_key};

use super::{ConfigFile, Exit, complain, say};

/// Check the configuration without connecting anywhere.
///
/// Shows everything that is wrong at once: unknown keys, values that cannot be used, secrets that
/// cannot be fetched, certificate files that cannot be read, places where `ecm run` could not
/// write. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecm check-config --config /etc/ecm/ecm.toml")]
pub(super) struct CheckConfig {
    #[command(flatten)]
    file: ConfigFile,
}

impl CheckConfig {
    pub(super) fn run(self) -> Exit {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        let environment = Environment::of_process();
        let problems = problems(&config, &environment);
        if problems.is_empty() {
            let file = self.file.config.display();
            let summary = summary(&config, &environment);
            return say(on_screen(&format!("{file}: nothing wrong\n{summary}")));
        }
        for problem in problems {
            complain(anyhow::anyhow!(problem));
        }
        Exit::Usage
    }
}

/// Everything for which `ecm run` would not start.
fn problems(config: &Config, environment: &Environment) -> Vec<String> {
    let mut problems: Vec<_> = unresolved(config, environment)
        .into_iter()
        .map(|finding| finding.to_string())
        .collect();
    if let Err(error) = tls::client_config(config.appliance.ca_file.as_deref()) {
        problems.push(error.to_string());
    }
    match plugin_with(&config.local, environment, TokenCache::in_memory()) {
        // A secret is among the problems already.
        Ok(_) | Err(VaultError::Secret(_)) => {}
        Err(error) => problems.push(error.to_string()),
    }
    problems.extend(unusable_places(&config.local, environment));
    problems
}

/// What the configuration comes to, one thing a line.
fn summary(config: &Config, environment: &Environment) -> String {
    let (vault, endpoint_url) = match &config.local.vault {
        VaultConfig::SecretServer { settings, .. } => ("Secret Server", &settings.endpoint_url),
        VaultConfig::PasswordSafe { settings, .. } => ("Password Safe", &settings.endpoint_url),
    };
    let mut lines = vec![
        format!("  appliance  {}", config.appliance.site_url),
        format!("  vault      {endpoint_url} ({vault})"),
        format!("  state      {}", config.local.state.dir.display()),
    ];
    if let Ok(Some(KeySource::File(key))) = token_cache_key(&config.local, environment)
        && !key.exists()
    {
        let key = key.display();
        lines.push(format!(
            "  token key  {key} (missing; `ecm run` makes it, its directory can be written)"
        ));
    }
    lines.join("\n")
}

/// What `ecm run` would refuse about its log, its state and the key of its token cache.
fn unusable_places(local: &LocalConfig, environment: &Environment) -> Vec<String> {
    let log = local.log.file.as_ref().map(|file| {
        places::writable_file(file).map_err(|problem| format!("`log.file`: {problem}"))
    });
    let state = places::usable_directory(&local.state.dir);
    let state = state.map_err(|problem| format!("`state.dir`: {problem}"));
    let key = token_cache_key(local, environment)
        .and_then(|key| Ok(key.map_or(Ok(()), |key| key.check())?))
        .map_err(|error| format!("`state.token_cache_key`: {error}"));
    let outcomes = log.into_iter().chain([state, key]);
    outcomes.filter_map(Result::err).collect()
}

fn unresolved(config: &Config, environment: &Environment) -> Vec<Finding> {
    let secrets = config.secrets().into_iter();
    secrets
        .filter_map(|secret| secret.resolve(environment).err())
        .collect()
}
