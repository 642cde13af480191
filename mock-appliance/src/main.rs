//! `mock-appliance`: a simulated BeyondTrust appliance.

use std::process::ExitCode;

use clap::Parser;
use mock_appliance::{Lab, MockAppliance, NAME};
use sim_kit::cli::{self, ServerArgs, Start, StartError, Started};

/// Simulated BeyondTrust appliance: OAuth tokens, the ECM link, sessions with credential injection
#[derive(Parser)]
#[command(name = NAME, version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

/// Serves many small requests with half the instructions of the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(NAME, &Args::parse().server, start)
}

async fn start(start: Start) -> Result<Started, StartError> {
    let lab = match &start.lab {
        Some(path) => Lab::open(path)?,
        None => Lab::acme()?,
    };
    let appliance = MockAppliance::builder()
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .lab(lab)
        .start()
        .await?;
    let (hosted, secrets) = appliance.into_hosted();
    Ok(Started { hosted, secrets })
}
