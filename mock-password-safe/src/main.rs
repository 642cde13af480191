//! `mock-password-safe`: the simulator as a program.

use std::process::ExitCode;

use clap::Parser;
use mock_password_safe::{Lab, MockPasswordSafe, NAME};
use sim_kit::cli::{ServerArgs, Start, StartError, Started, run};

/// A simulated BeyondTrust Password Safe: REST API v3 and vault
///
/// Prints one READY line with its addresses and files, then serves until SIGINT or SIGTERM.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  mock-password-safe\n  mock-password-safe --lab acme.toml --listen 127.0.0.1:8443 --seed 7\n  mock-password-safe --tls off --clock 2026-01-05T09:00:00Z"
)]
struct Cli {
    #[command(flatten)]
    server: ServerArgs,
}

/// Serves many small requests with half the instructions of the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(NAME, &Cli::parse().server, start)
}

async fn start(start: Start) -> Result<Started, StartError> {
    let lab = match &start.lab {
        Some(path) => Lab::open(path)?,
        None => Lab::acme()?,
    };
    let mock = MockPasswordSafe::builder()
        .lab(lab)
        .hosting(start.hosting)
        .clock(start.clock)
        .seed(start.seed)
        .start()
        .await?;
    Ok(mock.into_started())
}
