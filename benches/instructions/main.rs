//! What one call costs in instructions of the processor: a count that repeats, where times do not.
//! This is what the build is held to.
//!
//! `cargo bench --bench instructions` needs valgrind. Each subject runs under callgrind twice, with
//! few requests and with many; the difference is what the further requests cost, start and end of
//! the process left out. A count above its budget fails the run.
//!
//! `cargo test --bench instructions` does the same with the development build, which is there
//! already when the tests have run: that is the gate. Its budgets say nothing about speed; they hold
//! what was reached, with some room for another compiler.
#![allow(clippy::unwrap_used)]

#[path = "../load/client.rs"]
#[allow(dead_code, reason = "the load bench uses the rest")]
mod client;
#[path = "../overhead/ecm_process.rs"]
#[allow(dead_code, reason = "the bench of the overhead uses the rest")]
mod ecm_process;
mod ecm_role;
#[path = "../load/peer.rs"]
#[allow(dead_code, reason = "the load bench uses the rest")]
mod peer;

use std::process::{Command, ExitCode, Stdio};

use peer::{Peer, Subject};

/// What the programs themselves run on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FEW: u64 = 100;
const MANY: u64 = 600;

/// Most user instructions that one request may cost a simulator's process, HTTP and all.
struct Budget {
    name: &'static str,
    subject: Subject,
    release: u64,
    development: u64,
}

const BUDGETS: &[Budget] = &[
    Budget {
        name: "SOAP search",
        subject: Subject::SoapSearch,
        release: 60_000,
        development: 760_000,
    },
    Budget {
        name: "SOAP search over TLS",
        subject: Subject::SoapSearchTls,
        release: 75_000,
        development: 820_000,
    },
    Budget {
        name: "REST account list",
        subject: Subject::AccountList,
        release: 60_000,
        development: 600_000,
    },
];

/// The same of the ECM's process for a warm list of one Jump Item: frame, three searches over TLS,
/// answer.
const ECM_LIST: (u64, u64) = (360_000, 3_600_000);

/// The budget of this build.
const fn of_build(release: u64, development: u64) -> u64 {
    if cfg!(debug_assertions) {
        development
    } else {
        release
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(config) = ecm_process::config_of(&arguments) {
        ecm_process::play(&config);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("valgrind is not installed: on Debian, apt-get install valgrind");
        return ExitCode::from(2);
    }
    let mut within = true;
    let mut tell = |name: &str, count: u64, budget: u64| {
        let verdict = if count <= budget { "" } else { "  OVER BUDGET" };
        println!("{name:<24} {count:>10} of {budget:>10} instructions{verdict}");
        within &= count <= budget;
    };
    for budget in BUDGETS {
        let few = counted(budget.subject, FEW);
        let many = counted(budget.subject, MANY);
        let most = of_build(budget.release, budget.development);
        tell(budget.name, (many - few) / (MANY - FEW), most);
    }
    let (release, development) = ECM_LIST;
    let per_list = ecm_role::instructions_per_list();
    tell("ECM, warm list", per_list, of_build(release, development));
    if within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn counted(subject: Subject, requests: u64) -> u64 {
    let mut command = under_callgrind(env!("CARGO_BIN_EXE_ecm-lab"));
    command.stderr(Stdio::piped());
    let peer = Peer::under(subject, command);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(client::times(&peer, requests));
    collected(&peer.stop())
}

/// A command that counts the instructions of `program`.
fn under_callgrind(program: &str) -> Command {
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        program,
    ]);
    command
}

/// The number in what callgrind says at its end.
fn collected(said: &str) -> u64 {
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .unwrap_or_else(|| panic!("no count from callgrind: {said}"));
    line.1.trim().parse().unwrap()
}
