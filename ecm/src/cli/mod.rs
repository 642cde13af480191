//! The command line: one file for each subcommand.

mod check_config;
mod clear_token_cache;
mod hyphens;
mod run;
mod stop;
mod test_settings;

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ecm::error::on_screen;

/// Endpoint Credential Manager: brings a vault's credential into a remote session.
#[derive(Debug, Parser)]
#[command(name = "ecm", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the vault refused, 2 usage or configuration, 3 the vault cannot be reached, 5 a defect of this \
program, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    TestSettings(Box<test_settings::TestSettings>),
    CheckConfig(check_config::CheckConfig),
    ClearTokenCache(clear_token_cache::ClearTokenCache),
}

/// The configuration file.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "ecm.toml")]
    config: PathBuf,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Success,
    /// The vault was reached and refused.
    Refused,
    /// The command line or the configuration is wrong.
    Usage,
    /// The vault or the appliance cannot be reached.
    Unreachable,
    /// A defect of this program.
    Engine,
    /// Stopped by Ctrl-C, with everything cleaned up.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Engine => 5,
            Exit::Interrupted => 130,
        })
    }
}

impl Cli {
    /// Runs the command; what went wrong is on standard error when this returns.
    pub(crate) fn run(self) -> Exit {
        match self.command {
            Command::Run(command) => command.run(),
            Command::TestSettings(command) => command.run(),
            Command::CheckConfig(command) => command.run(),
            Command::ClearTokenCache(command) => command.run(),
        }
    }
}

/// Says what went wrong, with everything that led to it.
fn complain(error: impl Into<anyhow::Error>) {
    let error = on_screen(&format!("{:#}", error.into()));
    // Standard error may be closed; the exit code still tells.
    let _ = writeln!(std::io::stderr(), "ecm: {error}");
}

/// Prints lines for whoever reads standard output. That nobody reads any more is no failure; that
/// they could not be written, as on a full disk, is one of the place that the operator named.
fn say(lines: impl Display) -> Exit {
    match writeln!(std::io::stdout(), "{lines}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(anyhow::anyhow!(
                "failed to write to standard output: {error}; send it to a place with room"
            ));
            Exit::Usage
        }
        _ => Exit::Success,
    }
}
