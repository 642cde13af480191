//! Every scenario is a test of `cargo test`: `cargo test --test features -- --tags @DT-1`.
//!
//! The words that `cargo test` hands to every test binary are understood: a bare word selects by
//! name, and flags of the standard harness are passed over.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use ecm_lab::outcome::exit;
use ecm_lab::redact::Output;
use ecm_lab::report::terminal;
use ecm_lab::scenarios::{self, Selection};
use ecm_lab::world::SEED;
use regex::Regex;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Feature file or directory.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/features"))]
    features: PathBuf,
    /// Only list the scenarios.
    #[arg(long)]
    list: bool,
    /// A part of the scenario's name, as the standard harness takes it.
    filter: Option<String>,
    /// Flags of the standard harness that mean nothing here.
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Arc::new(Output::standard());
    let mut selection = arguments.selection;
    if let Some(filter) = &arguments.filter {
        selection.name = Regex::new(&regex::escape(filter)).ok();
    }
    if arguments.list {
        return list(&arguments.features, &selection, &output).await;
    }
    let filtered = selection.name.is_some() || selection.tags.is_some();
    let run = scenarios::run(&arguments.features, selection, SEED.0, Arc::clone(&output)).await;
    output.say(&terminal::summary(&run));
    // A filter that was meant for another test binary fits nothing here, which is no failure.
    let code = if run.cases.is_empty() && filtered {
        exit::PASS
    } else {
        run.exit_code()
    };
    ExitCode::from(code)
}

async fn list(features: &Path, selection: &Selection, output: &Output) -> ExitCode {
    match scenarios::list(features, selection).await {
        Ok(found) => {
            found
                .iter()
                .for_each(|one| output.say(&format!("{}: test", one.name)));
            ExitCode::from(exit::PASS)
        }
        Err(error) => {
            output.complain(&error.to_string());
            ExitCode::from(exit::CONFIGURATION)
        }
    }
}
