//! `mock-secret-server`: the simulated Secret Server as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use sim_kit::cli::ServerArgs;

/// A simulated Delinea Secret Server: SOAP web service, vault, delegated trust
#[derive(Parser)]
#[command(name = mock_secret_server::NAME, version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

/// Serves many small requests with half the instructions of the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mock_secret_server::main(&Args::parse().server)
}
