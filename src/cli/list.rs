//! `ecm-lab list`: what there is to run.

use std::path::PathBuf;

use clap::Args;

use super::run::FEATURES;
use crate::outcome::exit;
use crate::redact::Output;
use crate::scenarios::{self, Selection};

/// List the scenarios with the requirements that they prove
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ecm-lab list                            everything under features/
  ecm-lab list --tags '@DT-1 or @DT-2'    what proves one of two requirements")]
pub(super) struct Arguments {
    /// A feature file, or a directory of them
    #[arg(default_value = FEATURES)]
    path: PathBuf,
    #[command(flatten)]
    selection: Selection,
}

pub(super) async fn main(arguments: Arguments) -> u8 {
    let output = Output::standard();
    match scenarios::list(&arguments.path, &arguments.selection).await {
        Err(error) => {
            output.complain(&format!("ecm-lab: {error}"));
            exit::CONFIGURATION
        }
        Ok(found) => {
            for scenario in &found {
                let requirements = scenario.requirements.join(" ");
                output.say(&format!(
                    "{requirements:16} {}: {}",
                    scenario.feature, scenario.name
                ));
            }
            output.say(&format!("{} scenarios", found.len()));
            exit::PASS
        }
    }
}
