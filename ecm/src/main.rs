//! The `ecm` command.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Serves many small requests with half the instructions of the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Cli::parse().run().into()
}
