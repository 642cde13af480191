//! `ecm check-config`: everything that can be found wrong without connecting anywhere.

use clap::Args;
use ecm::config::{Config, VaultConfig};
use ecm::env::Environment;
use ecm::error::on_screen;
use ecm::test_settings::without_secrets;
use ecm::tls;
use ecm::token_cache::{KeySource, TokenCache};
use ecm::vault::{plugin_with, token_cache_key};

use super::{ConfigFile, Exit, complain, say};

/// Check the configuration without connecting anywhere.
///
/// Shows everything that is wrong at once, with its line: unknown keys, values that cannot be used,
/// secrets that cannot be fetched, certificate files that cannot be read, places where `ecm run`
/// could not write. Only what is no TOML hides the rest. Warnings name values that are taken and
/// cannot do what was probably meant; they do not change the exit code. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecm check-config --config /etc/ecm/ecm.toml")]
pub(super) struct CheckConfig {
    #[command(flatten)]
    file: ConfigFile,
}

impl CheckConfig {
    pub(super) fn run(self) -> Exit {
        let environment = Environment::of_process();
        let survey = match Config::survey(&self.file.config, &environment) {
            Ok(survey) => survey,
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        for warning in &survey.warnings {
            complain(anyhow::anyhow!("warning: {warning}"));
        }
        let Some(config) = survey.config else {
            for problem in survey.problems {
                complain(problem);
            }
            return Exit::Usage;
        };
        if let Err(error) = assembled(&config, &environment) {
            complain(error);
            return Exit::Usage;
        }
        let file = self.file.config.display();
        let summary = summary(&config, &environment);
        let doubts = match survey.warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            count => format!(", {count} warnings"),
        };
        say(on_screen(&format!(
            "{file}: nothing wrong{doubts}\n{summary}"
        )))
    }
}

/// What of the configuration has no key of its own: that this system trusts any authority, and that
/// the plug-in can be made.
fn assembled(config: &Config, environment: &Environment) -> anyhow::Result<()> {
    tls::client_config(config.appliance.ca_file.as_deref())?;
    plugin_with(&config.local, environment, TokenCache::in_memory())?;
    Ok(())
}

/// What the configuration comes to, one thing a line.
fn summary(config: &Config, environment: &Environment) -> String {
    let (vault, endpoint_url) = match &config.local.vault {
        VaultConfig::SecretServer { settings, .. } => ("Secret Server", &settings.endpoint_url),
        VaultConfig::PasswordSafe { settings, .. } => ("Password Safe", &settings.endpoint_url),
    };
    let mut lines = vec![
        format!("  appliance  {}", config.appliance.site_url),
        format!("  vault      {} ({vault})", without_secrets(endpoint_url)),
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
