//! `ecm test-settings`: the form *Test Settings* of the classic Configurator.

mod item_type;
mod json;
mod outlet;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ecm::clock::within;
use ecm::config::{LocalConfig, Override, VaultConfig};
use ecm::env::Environment;
use ecm::error::{ErrorKind, Hop, Owner, PluginError};
use ecm::plugin::{JumpItemType, Plugin, Product};
use ecm::state_dir::StateDir;
use ecm::test_settings::{TestForm, TestReport, Tested, look_up, wrong_form};
use ecm::token_cache::TokenCache;
use ecm::vault::{VaultError, plugin_with};

use self::item_type::jump_item_type;
use self::outlet::Outlet;
use super::hyphens::{filled_hyphen_text, hyphen_text};
use super::stop::StopSignals;
use super::{ConfigFile, Exit, complain};

/// How long an interrupted test may take to fetch what it had asked for and to check it in.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(120);

/// Ask the vault as a session would, with the settings at hand.
///
/// Needs neither the service nor the appliance and never contacts the appliance. Values given with
/// --set are used in place of those in the file; nothing is saved. A password is never shown: a
/// credential that is retrieved is reported as found and checked in again, also when the test is
/// stopped by Ctrl-C, SIGTERM or SIGHUP; after kill -9 it stays checked out. A check-in may rotate
/// the password. What a session of the running service has for the same vault user, as state.dir
/// tells, is not checked in: it stays checked out until the service checks it in. The text of the
/// outcome begins with what was tested: the ECM's version, the configuration file, Endpoint URL, API
/// User and the keys given with --set. It and every step that led to it are also written to
/// Configurator.log: beside log.file, or beside the configuration file when that is not set. Its
/// times are UTC, its mode 0640.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestSettings {
    #[command(flatten)]
    file: ConfigFile,
    /// SRA Console Username: bare, ACME\joe.user, or joe.user@acme.example.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, value_parser = hyphen_text())]
    username: String,
    /// Distinguished Name, as an LDAP provider would add it.
    #[arg(long, value_name = "DN", allow_hyphen_values = true, value_parser = hyphen_text())]
    distinguished_name: Option<String>,
    /// Jump Item Type, by its name or its label in the form ("Remote RDP"); jump_client stands for
    /// Remote and Local Jump as well.
    #[arg(long, value_name = "TYPE", value_parser = jump_item_type, default_value = "remote_rdp")]
    jump_item_type: JumpItemType,
    /// Hostname / IP Address; for every type but web_jump.
    #[arg(long, value_name = "HOST", allow_hyphen_values = true, value_parser = hyphen_text())]
    hostname: Option<String>,
    /// Website URL; for web_jump, or for protocol_tunnel in place of a host name.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Additional IP Address; for jump_client only, may be repeated.
    #[arg(long = "additional-ip", value_name = "IP")]
    additional_ips: Vec<String>,
    /// Application Name; for secure_app only.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, value_parser = hyphen_text())]
    application_name: Option<String>,
    /// The product that asks.
    #[arg(long, value_enum, default_value = "pra")]
    product: ProductName,
    /// Retrieve Credential: fetch this entry of the list, and check it in again, which may rotate its
    /// password; what a running session has stays checked out.
    #[arg(long, value_name = "ID", allow_hyphen_values = true,
          value_parser = filled_hyphen_text())]
    retrieve: Option<String>,
    /// Show every user and search term that was tried or left out, and why.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object instead of the dialog's text.
    #[arg(long)]
    json: bool,
    /// Use this value of the vault's section in place of the saved one; may be repeated, and of one
    /// key the last value counts. A secret is given by reference here too.
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

/// Why a test could not begin: for the dialog, and for standard error.
struct NotBegun {
    plugin: &'static str,
    error: Box<PluginError>,
    complaints: Vec<String>,
}

impl TestSettings {
    pub(super) fn run(self) -> Exit {
        let mut outlet = Outlet::open(&self.file.config, self.json, self.explain);
        let local = self.local();
        let vault = local.as_ref().ok().map(|local| &local.vault);
        let given: Vec<_> = self.overrides().into_iter().flatten().collect();
        outlet.tested = Tested::new(&self.file.config, vault, &given);
        let outbox = local.as_ref().ok().and_then(|local| self.outbox(local));
        let plugin = match local.and_then(|local| self.plugin(&local)) {
            Ok(plugin) => plugin,
            Err(reason) => return self.not_begun(&outlet, reason),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.test(plugin.as_ref(), outbox.as_deref(), &outlet)),
            Err(error) => {
                complain(error);
                Exit::Engine
            }
        }
    }

    /// The settings at hand.
    fn local(&self) -> Result<LocalConfig, NotBegun> {
        let unusable = |complaint: String| NotBegun {
            plugin: "no plugin",
            error: misconfigured(&complaint),
            complaints: vec![complaint],
        };
        let overrides = self
            .overrides()
            .map_err(|problem| unusable(format!("--set: {problem}")))?;
        LocalConfig::load(&self.file.config, &overrides)
            .map_err(|error| unusable(error.to_string()))
    }

    /// The plugin with these settings, once the form is in order.
    fn plugin(&self, local: &LocalConfig) -> Result<Arc<dyn Plugin>, NotBegun> {
        let name = match &local.vault {
            VaultConfig::SecretServer { .. } => "Secret Server",
            VaultConfig::PasswordSafe { .. } => "Password Safe",
        };
        self.form().session().map_err(|problems| NotBegun {
            plugin: name,
            error: Box::new(wrong_form(&problems)),
            complaints: problems.iter().map(ToString::to_string).collect(),
        })?;
        // Nothing is saved, so tokens are not either.
        let environment = Environment::of_process();
        plugin_with(local, &environment, TokenCache::in_memory()).map_err(|error| {
            let complaint = error.to_string();
            let error = match error {
                VaultError::Settings { refusal } => refusal,
                _ => misconfigured(&complaint),
            };
            NotBegun {
                plugin: name,
                error,
                complaints: vec![complaint],
            }
        })
    }

    /// Where a running service notes which secrets its sessions have of the vault that is tested.
    /// `None` for another vault than the file's, and for Password Safe, where every session has a
    /// request of its own and a check-in touches no other.
    fn outbox(&self, local: &LocalConfig) -> Option<PathBuf> {
        let saved = LocalConfig::load(&self.file.config, &[]).ok()?;
        let (
            VaultConfig::SecretServer { settings, .. },
            VaultConfig::SecretServer {
                settings: saved, ..
            },
        ) = (&local.vault, &saved.vault)
        else {
            return None;
        };
        let is_same = settings.endpoint_url == saved.endpoint_url;
        is_same.then(|| StateDir::outbox_in(&local.state.dir))
    }

    /// Read here and not by the parser of the command line, whose refusal would repeat a secret
    /// that was written without its key.
    fn overrides(&self) -> Result<Vec<Override>, &'static str> {
        self.overrides.iter().map(|text| text.parse()).collect()
    }

    fn not_begun(&self, outlet: &Outlet, reason: NotBegun) -> Exit {
        let NotBegun {
            plugin,
            error,
            complaints,
        } = reason;
        let _ = outlet.tell(&TestReport::not_begun(plugin, &self.form(), *error));
        for complaint in complaints {
            complain(anyhow::anyhow!(complaint));
        }
        Exit::Usage
    }

    async fn test(&self, plugin: &dyn Plugin, outbox: Option<&Path>, outlet: &Outlet) -> Exit {
        let mut stop = match StopSignals::listen() {
            Ok(stop) => stop,
            Err(error) => {
                complain(error);
                return Exit::Engine;
            }
        };
        let form = self.form();
        let looked_up = tokio::select! {
            report = look_up(plugin, &form) => report,
            _ = stop.next() => {
                outlet.alarm("interrupted before there was a list; nothing was retrieved");
                return Exit::Interrupted;
            }
        };
        let mut report = match looked_up {
            Ok(report) => report,
            Err(problems) => {
                complain(wrong_form(&problems));
                return Exit::Usage;
            }
        };
        if let Some(id) = &self.retrieve
            && let retrieving = report.retrieve(plugin, &form, id, outbox)
            && !is_back(retrieving, &mut stop).await
        {
            if report.retrieval.is_none() {
                outlet.alarm(&may_be_checked_out(id));
            } else {
                let _ = outlet.tell(&report);
            }
            return Exit::Interrupted;
        }
        match outlet.tell(&report) {
            Exit::Success => exit_of(&report),
            untold => untold,
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
}

/// Finishes `retrieving`; `false` when it was asked to stop meanwhile. What was asked for may be
/// checked out as soon as the call has left, so stopping waits until it is back; one that asks again
/// stops at once. The form was in order for the list, so what becomes of it is in the report.
async fn is_back(retrieving: impl Future, stop: &mut StopSignals) -> bool {
    tokio::pin!(retrieving);
    tokio::select! {
        _ = &mut retrieving => return true,
        _ = stop.next() => {}
    }
    complain(anyhow::anyhow!(
        "interrupted; waiting until the credential is back (Ctrl-C once more to stop at once)"
    ));
    tokio::select! {
        _ = within(CLEAN_UP_LIMIT, retrieving) => {}
        _ = stop.again() => {}
    }
    false
}

fn may_be_checked_out(id: &str) -> String {
    format!(
        "stopped before the credential was back: {id} may still be checked out; check it in by \
         hand in the vault"
    )
}

fn exit_of(report: &TestReport) -> Exit {
    match report.error().map(|error| error.kind) {
        None => Exit::Success,
        Some(ErrorKind::Configuration) => Exit::Usage,
        Some(ErrorKind::Connectivity | ErrorKind::Timeout | ErrorKind::Tls) => Exit::Unreachable,
        Some(_) => Exit::Refused,
    }
}

fn misconfigured(problem: &str) -> Box<PluginError> {
    Box::new(PluginError::new(
        ErrorKind::Configuration,
        Hop::Settings,
        problem,
        "correct the configuration or the value given with --set",
        Owner::EcmAdministrator,
    ))
}
