//! What the ECM itself adds to a look-up: the time that its request takes at the appliance, less the
//! vault's calls made bare, less one bare round trip; and what its process computes meanwhile.
//!
//! `cargo bench --bench overhead` measures; a number after `--` says how many rounds. Everything runs
//! on one core, the steady placement: appliance and vault in this process, the ECM, the bare client
//! and the bare server each in one of its own. For cold look-ups there is a second site whose ECM
//! uses no token twice: Authenticate, ImpersonateUser, then the searches. A round measures all of
//! them one after the other, and the median of the rounds is told. The goals beside the figures are
//! this project's own.
#![allow(clippy::unwrap_used)]

mod caller;
#[path = "../load/client.rs"]
#[allow(dead_code, reason = "the load bench uses the rest")]
mod client;
#[allow(dead_code, reason = "the bench of instructions uses the rest")]
mod ecm_process;
#[path = "../load/peer.rs"]
#[allow(dead_code, reason = "the load bench uses the rest")]
mod peer;
#[path = "../load/pinned.rs"]
mod pinned;

use std::process::Command;

use caller::Caller;
use ecm_lab::lab::Lab;
use ecm_lab::rig::console::ConsoleUser;
use ecm_lab::rig::{Options, Rig, SessionId};
use ecm_process::EcmProcess;
use peer::{Peer, Role};
use sim_kit::clock::Stopwatch;
use sim_kit::seeded::Seed;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const WARM_LISTS: usize = 500;
const COLD_LISTS: usize = 200;
const USER: &str = r"ACME\joe.user";

/// One round, in microseconds.
#[derive(Default)]
struct Round {
    warm: f64,
    warm_calls: f64,
    round_trip: f64,
    ecm_cpu: f64,
    cold: f64,
    cold_calls: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = peer::role_of(&arguments) {
        return peer::serve(role);
    }
    if let Some(config) = ecm_process::config_of(&arguments) {
        return ecm_process::play(&config);
    }
    if let Some(config) = caller::config_of(&arguments) {
        return caller::play(&config);
    }
    let rounds = arguments.iter().find_map(|word| word.parse().ok());
    pinned::to_cores(1);
    let bare = Peer::of_role(Role::BareTls);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&bare, rounds.unwrap_or(ROUNDS)));
}

/// A site of its own, with an ECM and a bare client of its vault.
struct Site {
    rig: Rig,
    _ecm: EcmProcess,
    ecm_id: u32,
    caller: Caller,
    session: SessionId,
    searches: usize,
    credentials: usize,
}

impl Site {
    /// A site whose ECM gets the further argument `how`.
    async fn start(how: Option<&str>) -> Self {
        let mut lab = Lab::acme();
        lab.trust("joe.user", "approved").unwrap();
        let mut rig = Rig::start(lab, Options::frozen(Seed(1))).await.unwrap();
        let config = rig.configure_ecm("measured").unwrap();
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(how);
        let ecm = EcmProcess::start(program, &config).await;
        let user = ConsoleUser::named(USER);
        let (session, shown) = rig.open_list(&user, "web01").await.unwrap();
        let before = searches(&rig).await;
        rig.appliance.list(&session).await.unwrap();
        let searches = searches(&rig).await - before;
        Self {
            caller: Caller::start(&config, searches).await,
            ecm_id: ecm.id(),
            _ecm: ecm,
            session,
            searches,
            credentials: shown.unwrap().len(),
            rig,
        }
    }

    /// The median of the times of so many lists at the appliance.
    async fn lists(&mut self, times: usize) -> f64 {
        let user = ConsoleUser::named(USER);
        (self.session, _) = self.rig.open_list(&user, "web01").await.unwrap();
        for _ in 0..times {
            self.rig.appliance.list(&self.session).await.unwrap();
        }
        at_the_appliance(&self.rig, &self.session)
    }
}

/// How many searches the vault has had.
async fn searches(rig: &Rig) -> usize {
    let journal = rig.vault.operator.journal().await.unwrap();
    let searches = journal
        .iter()
        .filter(|call| call.operation.starts_with("Search"));
    searches.count()
}

async fn measure(bare: &Peer, rounds: usize) {
    let mut warm = Site::start(None).await;
    let mut cold = Site::start(Some(ecm_process::FORGETFUL)).await;
    let mut figures = Vec::new();
    for _ in 0..=rounds {
        figures.push(round(&mut warm, &mut cold, bare).await);
    }
    // The first one warms everything up.
    tell(&figures[1..], warm.searches, warm.credentials);
    warm.rig.finish().await;
    cold.rig.finish().await;
}

async fn round(warm: &mut Site, cold: &mut Site, bare: &Peer) -> Round {
    let mut round = Round::default();
    let cpu = peer::cpu_time(warm.ecm_id);
    round.warm = warm.lists(WARM_LISTS).await;
    let used = peer::cpu_time(warm.ecm_id).saturating_sub(cpu);
    round.ecm_cpu = used.as_secs_f64() * 1e6 / WARM_LISTS as f64;
    round.warm_calls = warm.caller.ask("warm", WARM_LISTS).await;

    let watch = Stopwatch::start();
    client::times(bare, WARM_LISTS as u64).await;
    round.round_trip = watch.elapsed_us() as f64 / WARM_LISTS as f64;

    round.cold = cold.lists(COLD_LISTS).await;
    round.cold_calls = cold.caller.ask("cold", COLD_LISTS).await;
    round
}

/// The median of the times from a request's leaving the appliance to its answer's arrival.
fn at_the_appliance(rig: &Rig, session: &SessionId) -> f64 {
    let hops = rig.appliance.hops(session).unwrap();
    // The first opened the session.
    let took = hops[1..].iter();
    median(
        took.map(|hop| (hop.answered_at_us - hop.sent_at_us) as f64)
            .collect(),
    )
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn tell(rounds: &[Round], searches: usize, credentials: usize) {
    let tell = |name: &str, figure: &dyn Fn(&Round) -> f64, goal: &str| {
        let figures: Vec<f64> = rounds.iter().map(figure).collect();
        let least = figures.iter().copied().fold(f64::MAX, f64::min);
        let most = figures.iter().copied().fold(f64::MIN, f64::max);
        let middle = median(figures);
        println!("{name:<52} {middle:>9.2}  ({least:.2} to {most:.2})  {goal}");
    };
    println!(
        "{searches} searches together, {credentials} credentials; times in µs, medians of rounds"
    );
    tell("warm list, at the appliance", &|round| round.warm, "");
    tell(
        "  its calls to the vault, bare",
        &|round| round.warm_calls,
        "",
    );
    tell("  one bare round trip", &|round| round.round_trip, "");
    let overhead = |round: &Round| round.warm - round.warm_calls - round.round_trip;
    tell("  what the ECM adds", &overhead, "goal: at most 40");
    let cpu = |round: &Round| round.ecm_cpu / searches as f64;
    let goal = 20.0 + 2.5 * credentials as f64;
    let goal = format!("goal: at most {goal:.1}");
    tell("  processor of the ECM, for each vault call", &cpu, &goal);
    tell("cold list, at the appliance", &|round| round.cold, "");
    tell("  three bare calls", &|round| round.cold_calls, "");
    let ratio = |round: &Round| round.cold / round.cold_calls;
    tell("  ratio", &ratio, "goal: at most 1.8");
}
