//! `mock-secret-server`: the simulated Secret Server as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use mock_secret_server::{MockSecretServer, NAME, StartFailure};
use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};
use sim_kit::config::ConfigError;

/// A simulated Delinea Secret Server: SOAP web service, vault, delegated trust
#[derive(Parser)]
#[command(name = NAME, version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    cli::run(NAME, &args.server, start)
}

async fn start(begun: Start) -> Result<Started, StartError> {
    let server = MockSecretServer::builder()
        .hosting(begun.hosting)
        .clock(begun.clock)
        .seed(begun.seed)
        .start()
        .await
        .map_err(|failure| match failure {
            StartFailure::Host(error) => StartError::Host(error),
            StartFailure::Contents(error) => {
                StartError::Config(ConfigError::at("lab", format!("failed to {error}")))
            }
        })?;
    Ok(Started {
        hosted: server.into_hosted(),
        secrets: Vec::new(),
    })
}
