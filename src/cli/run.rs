//! `ecm-lab run`: scenarios, judged, with reports for people and for build servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::signals;
use crate::outcome::{RunResult, exit};
use crate::redact::Output;
use crate::report::{json, junit, terminal};
use crate::scenarios::{self, Selection};
use crate::world::SEED;

/// Where the project's own scenarios are, seen from the project's root.
pub(super) const FEATURES: &str = "features";

/// Run scenarios and judge them
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ecm-lab run                               every scenario under features/
  ecm-lab run --tags '@DT-1 and not @slow'  by requirement
  ecm-lab run --name 'token' --junit r.xml  by name, with a report for a build server")]
pub(super) struct Arguments {
    /// A feature file, or a directory of them
    #[arg(default_value = FEATURES)]
    path: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) async fn main(arguments: Arguments) -> u8 {
    let output = Arc::new(Output::standard());
    let mut stop = match signals::Interrupt::listen() {
        Ok(stop) => stop,
        Err(error) => {
            output.complain(&format!("ecm-lab: failed to listen for signals: {error}"));
            return exit::ENGINE;
        }
    };
    let running = scenarios::run(
        &arguments.path,
        arguments.selection,
        SEED.0,
        Arc::clone(&output),
    );
    // What is not waited for any more is dropped, and with it the directories of the rigs.
    let run = tokio::select! {
        run = running => run,
        () = stop.wait() => {
            output.say("\ninterrupted; everything that was started has been stopped, no report written");
            return exit::INTERRUPTED;
        }
    };
    if run.cases.is_empty() {
        output.complain(
            "ecm-lab: no scenario fits --tags and --name; `ecm-lab list` shows what there is",
        );
    }
    output.say(&terminal::summary(&run));
    let written = write(&run, arguments.junit.as_deref(), junit::render).and_then(|()| {
        write(&run, arguments.json.as_deref(), |run| {
            format!("{:#}\n", json::render(run))
        })
    });
    if let Err(error) = written {
        output.complain(&format!("ecm-lab: {error}"));
        return exit::CONFIGURATION;
    }
    run.exit_code()
}

fn write(
    run: &RunResult,
    file: Option<&Path>,
    render: impl Fn(&RunResult) -> String,
) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, render(run))
        .map_err(|error| format!("failed to write {}: {error}", file.display()))
}
