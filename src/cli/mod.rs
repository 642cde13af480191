//! The `ecm-lab` command: one file for each subcommand.

mod demo;
mod lab;
mod list;
mod mock;
mod run;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::outcome::exit;

/// Simulation and conformance harness for privileged-credential injection
///
/// Puts an appliance, an Endpoint Credential Manager and a vault together, on this machine, without
/// a licence. The link between appliance and ECM is this project's own protocol, not BeyondTrust's.
#[derive(Debug, Parser)]
#[command(name = "ecm-lab", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ecm-lab demo                          one credential travels from the vault into a session
  ecm-lab demo --keep                   the same, and everything stays up to be tried by hand
  ecm-lab run --tags '@DT-1 or @DT-2'   the scenarios of two requirements
  ecm-lab mock secret-server            a Secret Server alone

Exit codes: 0 all passed, 1 failed, 2 usage or configuration, 3 target unreachable, 4 a person must
judge, 5 error of the lab itself, 6 a planted secret was found, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Play the journey of one credential and tell what happens
    Demo(demo::Arguments),
    /// Run scenarios and judge them
    Run(run::Arguments),
    /// List the scenarios with the requirements that they prove
    List(list::Arguments),
    /// Print the built-in lab, to start your own from
    #[command(after_help = "Example:
  ecm-lab lab > my.toml && ecm-lab demo --lab my.toml")]
    Lab,
    /// Run one simulator alone
    Mock(mock::Arguments),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let code = match Arguments::parse().command {
        Command::Mock(arguments) => return mock::main(&arguments),
        Command::Lab => lab::main(),
        Command::Demo(arguments) => on_runtime(demo::main(arguments)),
        Command::Run(arguments) => on_runtime(run::main(arguments)),
        Command::List(arguments) => on_runtime(list::main(arguments)),
    };
    ExitCode::from(code)
}

fn on_runtime(work: impl Future<Output = u8>) -> u8 {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // A thread may still wait for a line of standard input.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            anstream::eprintln!("ecm-lab: failed to start the runtime: {error}");
            exit::ENGINE
        }
    }
}
