//! The `ecm-lab` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecm_lab::cli::main()
}
