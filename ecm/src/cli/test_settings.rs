//! `ecm test-settings`: the form *Test Settings* of the classic Configurator.

mod json;

use std::time::Duration;

use clap::{Args, ValueEnum};
use ecm::clock::within;
use ecm::config::{LocalConfig, Override};
use ecm::env::Environment;
use ecm::error::ErrorKind;
use ecm::plugin::{JumpItemType, Plugin, Product};
use ecm::test_settings::{FormProblem, TestForm, TestReport, test_settings};
use ecm::token_cache::TokenCache;
use ecm::{log, vault};
use tokio::signal::ctrl_c;

use super::{ConfigFile, Exit, complain, say};

/// How long an interrupted test may take to check in what it retrieved.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(60);

/// Ask the vault as a session would, with the settings at hand.
///
/// Needs neither the service nor the appliance and never contacts the appliance. Values given with
/// --set are used in place of those in the file; nothing is saved. A password is never shown: a
/// credential that is retrieved is reported as found and checked in again. The text of the outcome
/// is also written to Configurator.log beside log.file, when that is set.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestSettings {
    #[command(flatten)]
    file: ConfigFile,
    /// SRA Console Username: bare, ACME\joe.user, or joe.user@acme.example.
    #[arg(long, value_name = "NAME")]
    username: String,
    /// Distinguished Name, as an LDAP provider would add it.
    #[arg(long, value_name = "DN")]
    distinguished_name: Option<String>,
    /// Jump Item Type; jump_client stands for Remote and Local Jump as well.
    #[arg(long, value_name = "TYPE", value_parser = jump_item_type, default_value = "remote_rdp")]
    jump_item_type: JumpItemType,
    /// Hostname / IP Address; for every type but web_jump.
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Website URL; for web_jump only.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Additional IP Address; for jump_client only, may be repeated.
    #[arg(long = "additional-ip", value_name = "IP")]
    additional_ips: Vec<String>,
    /// Application Name; for secure_app only.
    #[arg(long, value_name = "NAME")]
    application_name: Option<String>,
    /// The product that asks.
    #[arg(long, value_enum, default_value = "pra")]
    product: ProductName,
    /// Retrieve Credential: fetch this entry of the list, and check it in again.
    #[arg(long, value_name = "ID")]
    retrieve: Option<String>,
    /// Show every user and search term that was tried or left out, and why.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object instead of the dialog's text.
    #[arg(long)]
    json: bool,
    /// Use this value of the vault's section in place of the saved one; may be repeated. A secret
    /// is given by reference here too.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

const EXAMPLES: &str = r"Examples:
  ecm test-settings --username joe.user --hostname web01.acme.example
  ecm test-settings --username 'ACME\joe.user' --hostname web01 --explain
  ecm test-settings --username joe.user --jump-item-type web_jump --url https://intranet.acme.example
  ecm test-settings --username joe.user --hostname web01 --retrieve 7 \
      --set endpoint_url=https://vault.acme.example/SecretServer/webservices/SSWebService.asmx \
      --set api_password=env:OTHER_PASSWORD

Exit codes: 0 the list was found, even if empty; 1 the vault refused; 2 usage or configuration;
3 the vault cannot be reached; 130 interrupted.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProductName {
    /// Privileged Remote Access.
    Pra,
    /// Remote Support.
    Rs,
}

fn jump_item_type(name: &str) -> Result<JumpItemType, String> {
    JumpItemType::from_name(name).ok_or_else(|| {
        let names: Vec<_> = JumpItemType::ALL
            .into_iter()
            .map(JumpItemType::name)
            .collect();
        format!("must be one of {}", names.join(", "))
    })
}

impl TestSettings {
    pub(super) fn run(self) -> Exit {
        let overrides = match self.overrides() {
            Ok(overrides) => overrides,
            Err(error) => {
                complain(anyhow::anyhow!("--set: {error}"));
                return Exit::Usage;
            }
        };
        let local = match LocalConfig::load(&self.file.config, &overrides) {
            Ok(local) => local,
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        // Nothing is saved, so tokens are not either.
        let environment = Environment::of_process();
        let plugin = match vault::plugin_with(&local, &environment, TokenCache::in_memory()) {
            Ok(plugin) => plugin,
            Err(error) => {
                complain(error);
                return Exit::Usage;
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.test(plugin.as_ref(), &local)),
            Err(error) => {
                complain(error);
                Exit::Engine
            }
        }
    }

    /// Read here and not by the parser of the command line, whose refusal would repeat a secret
    /// that was written without its key.
    fn overrides(&self) -> Result<Vec<Override>, &'static str> {
        self.overrides.iter().map(|text| text.parse()).collect()
    }

    async fn test(&self, plugin: &dyn Plugin, local: &LocalConfig) -> Exit {
        let form = self.form();
        let testing = test_settings(plugin, &form, self.retrieve.as_deref());
        tokio::pin!(testing);
        let outcome = tokio::select! {
            outcome = &mut testing => outcome,
            _ = ctrl_c() => {
                if self.retrieve.is_some() {
                    complain(anyhow::anyhow!("interrupted; waiting until the credential is back"));
                    let _ = within(CLEAN_UP_LIMIT, testing).await;
                }
                return Exit::Interrupted;
            }
        };
        match outcome {
            Ok(report) => self.tell(&report, local),
            Err(problems) => wrong_form(&problems),
        }
    }

    fn form(&self) -> TestForm {
        TestForm {
            username: self.username.clone(),
            distinguished_name: self.distinguished_name.clone(),
            item_type: self.jump_item_type,
            hostname: self.hostname.clone(),
            url: self.url.clone(),
            additional_ips: self.additional_ips.clone(),
            application_name: self.application_name.clone(),
            product: match self.product {
                ProductName::Pra => Product::Pra,
                ProductName::Rs => Product::Rs,
            },
        }
    }

    fn tell(&self, report: &TestReport, local: &LocalConfig) -> Exit {
        match self.json {
            true => say(json::render(report, self.explain)),
            false => say(report.to_text(self.explain).trim_end()),
        }
        // The log has all that is known about a failure, asked for or not.
        let text = report.to_text(self.explain || !report.succeeded());
        if let Err(error) = log::record_test(&local.log, &text, report.succeeded()) {
            complain(error);
        }
        match report.error().map(|error| error.kind) {
            None => Exit::Success,
            Some(ErrorKind::Configuration) => Exit::Usage,
            Some(ErrorKind::Connectivity | ErrorKind::Timeout | ErrorKind::Tls) => {
                Exit::Unreachable
            }
            Some(_) => Exit::Refused,
        }
    }
}

fn wrong_form(problems: &[FormProblem]) -> Exit {
    for problem in problems {
        complain(problem.clone());
    }
    Exit::Usage
}
