//! What can go wrong with a rig.

use std::path::{Path, PathBuf};

use mock_appliance::ConsoleError;
use sim_kit::cli::StartError;
use sim_kit::config::ConfigError;
use sim_kit::pki::PkiError;

use super::control::{ControlError, SetupError};

/// Why a rig is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The lab was refused.
    #[error("failed to read the lab: {0}")]
    Config(#[from] ConfigError),
    /// A simulator did not start.
    #[error("failed to start {party}: {source}")]
    Start {
        /// Which one.
        party: &'static str,
        /// Why.
        source: StartError,
    },
    /// The ECM refused its configuration, above all a setting in the lab's `[ecm]` tables.
    #[error("failed to configure the ECM from the lab's [ecm] tables: {0}")]
    EcmRefused(String),
    /// The ECM did not start.
    #[error("failed to start the ECM: {0}")]
    Ecm(String),
    /// The authority of the run could not be made.
    #[error("failed to make the run's authority: {0}")]
    Pki(#[from] PkiError),
    /// There is no place for the files of the run.
    #[error(
        "failed to make a directory for the run: {0}; set TMPDIR to one that can be written and has \
         room"
    )]
    NoDirectory(std::io::Error),
    /// A file of the run could not be written or read.
    #[error("failed to use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The console refused something that has nothing to do with the link.
    #[error("failed at the console: {0}")]
    Console(#[from] ConsoleError),
    /// A control plane cannot be reached at all.
    #[error("failed to set up HTTP: {0}")]
    Http(#[from] SetupError),
    /// A control plane refused.
    #[error("failed to control a simulator: {0}")]
    Control(#[from] ControlError),
    /// Something did not happen in time.
    #[error("failed to see {what} within {within_s} s; {seen}")]
    Waited {
        /// What was waited for.
        what: String,
        /// For how long.
        within_s: u64,
        /// What was seen instead.
        seen: String,
    },
    /// The rig has nothing of that name.
    #[error("failed to find {0}")]
    Unknown(String),
}

pub(super) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> RigError + use<> {
    let path = path.to_owned();
    move |source| RigError::File { path, source }
}
