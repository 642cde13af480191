//! The ECM as a process of its own under callgrind, between an appliance and a vault that run
//! uncounted in this one.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use ecm::config::Config;
use ecm::env::Environment;
use ecm::service::Service;
use ecm_lab::lab::Lab;
use ecm_lab::rig::console::ConsoleUser;
use ecm_lab::rig::{Options, Rig};
use rustix::process::{Pid, Signal, kill_process};
use sim_kit::seeded::Seed;
use tokio_util::sync::CancellationToken;

use super::{collected, under_callgrind};

const ROLE: &str = "--ecm";
const CONNECTED: &str = "connected";
const FEW: u64 = 20;
const MANY: u64 = 120;

/// The configuration of the ECM that the command line asks for.
pub(crate) fn config_of(arguments: &[String]) -> Option<PathBuf> {
    let at = arguments.iter().position(|word| word == ROLE)?;
    arguments.get(at + 1).map(PathBuf::from)
}

/// Is the ECM until it is told to stop.
pub(crate) fn play(config: &Path) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = Config::load(config).unwrap();
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
        service.run(shutdown).await.unwrap();
    });
    ExitCode::SUCCESS
}

/// Instructions that a list costs the ECM once it has its tokens.
pub(crate) fn instructions_per_list() -> u64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (few, many) = (
        runtime.block_on(counted(FEW)),
        runtime.block_on(counted(MANY)),
    );
    (many - few) / (MANY - FEW)
}

async fn counted(lists: u64) -> u64 {
    let mut lab = Lab::acme();
    lab.trust("joe.user", "approved").unwrap();
    let mut rig = Rig::start(lab, Options::frozen(Seed(1))).await.unwrap();
    let config = rig.configure_ecm("counted").unwrap();
    let program = std::env::current_exe().unwrap();
    let mut child = under_callgrind(&program.display().to_string())
        .arg(ROLE)
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let connected = lines.any(|line| line.unwrap() == CONNECTED);
    assert!(connected, "the ECM ended early");
    let user = ConsoleUser::named(r"ACME\joe.user");
    let (session, shown) = rig.open_list(&user, "web01").await.unwrap();
    assert!(!shown.unwrap().is_empty());
    for _ in 0..lists {
        rig.appliance.list(&session).await.unwrap();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    child.wait().unwrap();
    rig.finish().await;
    collected(&said)
}
