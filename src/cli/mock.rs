//! `ecm-lab mock`: one simulator alone, the same as its own command.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use mock_appliance::MockAppliance;
use mock_password_safe::MockPasswordSafe;
use mock_secret_server::MockSecretServer;
use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};

/// Run one simulator alone
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    simulator: Simulator,
}

const EXAMPLES: &str = "Examples:
  ecm-lab mock secret-server                                on free ports, with the built-in lab
  ecm-lab mock secret-server --lab my.toml --listen 127.0.0.1:8443
  ecm-lab mock appliance --clock 2026-01-05T09:00:00Z       a clock that only you move
  CONTROL=... ecm-lab mock password-safe --control 0.0.0.0:9000 --control-token env:CONTROL

The first line on standard output is READY and a JSON object with the addresses. Ctrl-C is the
orderly end, exit code 0.";

#[derive(Debug, Subcommand)]
enum Simulator {
    /// Delinea Secret Server: SOAP web service, vault, delegated trust
    #[command(after_help = EXAMPLES)]
    SecretServer(ServerArgs),
    /// BeyondTrust appliance: OAuth tokens, the ECM link, sessions with credential injection
    #[command(after_help = EXAMPLES)]
    Appliance(ServerArgs),
    /// BeyondTrust Password Safe: REST API v3 and vault
    #[command(after_help = EXAMPLES)]
    PasswordSafe(ServerArgs),
}

pub(super) fn main(arguments: &Arguments) -> ExitCode {
    match &arguments.simulator {
        Simulator::SecretServer(server) => cli::run(mock_secret_server::NAME, server, vault),
        Simulator::Appliance(server) => cli::run(mock_appliance::NAME, server, appliance),
        Simulator::PasswordSafe(server) => {
            cli::run(mock_password_safe::NAME, server, password_safe)
        }
    }
}

async fn appliance(start: Start) -> Result<Started, StartError> {
    let lab = match &start.lab {
        Some(path) => mock_appliance::Lab::open(path)?,
        None => mock_appliance::Lab::acme()?,
    };
    let server = MockAppliance::builder()
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .lab(lab)
        .start()
        .await?;
    let (hosted, secrets) = server.into_hosted();
    Ok(Started { hosted, secrets })
}

async fn vault(start: Start) -> Result<Started, StartError> {
    use mock_secret_server::lab::Lab;
    let lab = match &start.lab {
        Some(path) => Lab::open(path)?,
        None => Lab::acme()?,
    };
    let secrets = lab.passwords(start.seed)?;
    let server = MockSecretServer::builder()
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .lab(lab)
        .start()
        .await?;
    Ok(Started {
        hosted: server.into_hosted(),
        secrets,
    })
}

async fn password_safe(start: Start) -> Result<Started, StartError> {
    use mock_password_safe::Lab;
    let lab = match &start.lab {
        Some(path) => Lab::open(path)?,
        None => Lab::acme()?,
    };
    let server = MockPasswordSafe::builder()
        .lab(lab)
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .start()
        .await?;
    Ok(server.into_started())
}
