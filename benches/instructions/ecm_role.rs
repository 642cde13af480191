//! What a warm list costs the ECM's process under callgrind, between an appliance and a vault that
//! run uncounted in this one.

use std::process::Command;

use ecm_lab::lab::Lab;
use ecm_lab::rig::console::ConsoleUser;
use ecm_lab::rig::{Options, Rig};
use sim_kit::seeded::Seed;

use super::ecm_process::EcmProcess;
use super::{collected, under_callgrind};

const FEW: u64 = 20;
const MANY: u64 = 320;

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
    let command: Command = under_callgrind(&program.display().to_string());
    let ecm = EcmProcess::start(command, &config).await;
    let user = ConsoleUser::named(r"ACME\joe.user");
    let (session, shown) = rig.open_list(&user, "web01").await.unwrap();
    assert!(!shown.unwrap().is_empty());
    for _ in 0..lists {
        rig.appliance.list(&session).await.unwrap();
    }
    let said = ecm.stop();
    rig.finish().await;
    collected(&said)
}
