//! `mock-secret-server`: the simulated Secret Server as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use mock_secret_server::lab::Lab;
use mock_secret_server::{MockSecretServer, NAME};
use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};

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
    let lab = match &begun.lab {
        Some(file) => Lab::read(&file.path, &file.text)?,
        None => Lab::acme()?,
    };
    let server = MockSecretServer::builder()
        .hosting(begun.hosting)
        .clock(begun.clock)
        .seed(begun.seed)
        .lab(&lab)
        .start()
        .await?;
    let secrets = lab.passwords(begun.seed)?;
    tracing::info!(endpoint = server.endpoint_url(), "answering");
    Ok(Started {
        hosted: server.into_hosted(),
        secrets,
    })
}
