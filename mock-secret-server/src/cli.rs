//! The simulated Secret Server as a program of its own.

use std::process::ExitCode;

use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};

use crate::lab::Lab;
use crate::server::{MockSecretServer, NAME};

/// Runs the simulator until a signal stops it. Without a lab file it plays the company ACME.
pub fn main(args: &ServerArgs) -> ExitCode {
    cli::run(NAME, args, start)
}

async fn start(begun: Start) -> Result<Started, StartError> {
    let lab = match &begun.lab {
        Some(path) => Lab::open(path)?,
        None => Lab::acme()?,
    };
    let secrets = lab.passwords(begun.seed)?;
    let server = MockSecretServer::builder()
        .hosting(begun.hosting)
        .clock(begun.clock)
        .seed(begun.seed)
        .lab(lab)
        .start()
        .await?;
    tracing::info!(endpoint = server.endpoint_url(), "answering");
    Ok(Started {
        hosted: server.into_hosted(),
        secrets,
    })
}
