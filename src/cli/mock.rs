//! `ecm-lab mock`: one simulator alone, the same as its own command.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use mock_appliance::MockAppliance;
use mock_password_safe::MockPasswordSafe;
use mock_secret_server::MockSecretServer;
use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};

/// Run one simulator alone
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    simulator: Simulator,
}

#[derive(Debug, Subcommand)]
enum Simulator {
    /// Delinea Secret Server: SOAP web service, vault, delegated trust
    SecretServer(ServerArgs),
    /// BeyondTrust appliance: OAuth tokens, the ECM link, sessions with credential injection
    Appliance(ServerArgs),
    /// BeyondTrust Password Safe: REST API v3 and vault
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
        Some(file) => mock_appliance::Lab::read(&file.path, &file.text)?,
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
        Some(file) => Lab::read(&file.path, &file.text)?,
        None => Lab::acme()?,
    };
    let server = MockSecretServer::builder()
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .lab(&lab)
        .start()
        .await?;
    let secrets = lab.passwords(start.seed)?;
    Ok(Started {
        hosted: server.into_hosted(),
        secrets,
    })
}

async fn password_safe(start: Start) -> Result<Started, StartError> {
    use mock_password_safe::Lab;
    let lab = match &start.lab {
        Some(file) => Lab::read(&file.path, &file.text)?,
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
