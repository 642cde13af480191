//! `ecm-lab mock`: one simulator alone, the same as its own command.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use sim_kit::cli::ServerArgs;

/// Run one simulator alone
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    simulator: Simulator,
}

#[derive(Debug, Subcommand)]
enum Simulator {
    /// Delinea Secret Server: SOAP web service, vault, delegated trust
    SecretServer(ServerArgs),
    /// BeyondTrust appliance: OAuth tokens, the ECM link, sessions with credential injection
    Appliance(ServerArgs),
}

pub(super) fn main(arguments: &Arguments) -> ExitCode {
    match &arguments.simulator {
        Simulator::SecretServer(server) => mock_secret_server::main(server),
        Simulator::Appliance(server) => mock_appliance::main(server),
    }
}
