//! The ECM as a process of its own, played by this very program as `ecm run` would, log and all.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ecm::config::{Config, VaultConfig};
use ecm::env::Environment;
use ecm::service::{self, Service};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

const ROLE: &str = "--ecm";
/// Uses no token twice, so that every look-up is a cold one.
pub(crate) const FORGETFUL: &str = "--forgetful";
const CONNECTED: &str = "connected";

/// The configuration of the ECM that the command line asks for.
pub(crate) fn config_of(arguments: &[String]) -> Option<PathBuf> {
    let at = arguments.iter().position(|word| word == ROLE)?;
    arguments.get(at + 1).map(PathBuf::from)
}

/// Is the ECM until it is told to stop.
pub(crate) fn play(config: &Path) {
    let is_forgetful = std::env::args().any(|word| word == FORGETFUL);
    let runtime = service::runtime().unwrap();
    runtime.block_on(async {
        let mut config = Config::load(config).unwrap();
        config.local.log.file = Some(config.local.state.dir.with_file_name("ECM.log"));
        if let VaultConfig::SecretServer { settings, .. } = &mut config.local.vault
            && is_forgetful
        {
            settings.token_lifetime_s = Some(0);
        }
        ecm::log::start(&config.local.log).unwrap();
        let service = Service::from_config(&config, &Environment::of_process()).unwrap();
        let mut state = service.state();
        let shutdown = CancellationToken::new();
        let stopping = shutdown.clone();
        tokio::spawn(async move {
            if state.changed().await.is_ok() {
                println!("{CONNECTED}");
            }
            let _ = tokio::signal::ctrl_c().await;
            stopping.cancel();
        });
        tokio::spawn(service.run(shutdown)).await.unwrap().unwrap();
    });
}

/// The running process.
pub(crate) struct EcmProcess(Child);

impl Drop for EcmProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl EcmProcess {
    /// Starts this program by `command`, and waits until the appliance has welcomed it.
    pub(crate) async fn start(mut command: Command, config: &Path) -> Self {
        command.arg(ROLE).arg(config);
        let started = tokio::task::spawn_blocking(move || {
            let mut child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let connected = lines.any(|line| line.unwrap() == CONNECTED);
            assert!(connected, "the ECM ended early");
            Self(child)
        });
        started.await.unwrap()
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Stops it as an operator would, and gives what it said on standard error.
    pub(crate) fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        let mut said = String::new();
        let mut stderr = self.0.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        self.0.wait().unwrap();
        said
    }
}
