//! The `ecm-lab` command.

use std::process::ExitCode;

/// Serves many small requests with half the instructions of the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ecm_lab::cli::main()
}
