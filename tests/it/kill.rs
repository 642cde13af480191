//! The ECM is killed (SIGKILL) at every step of a credential's journey, and started again. Whatever
//! it was doing, in the end the vault has nothing checked out, the outbox is empty, every check-out
//! was checked in exactly once, and no secret is in a file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ecm::clock::{Clock as _, SystemClock};
use ecm::config::CheckInConfig;
use ecm::outbox::Outbox;
use ecm_lab::lab::{Lab, VaultKind};
use ecm_lab::rig::console::{ConsoleUser, Refusal};
use ecm_lab::rig::{Options, Rig, SessionId};
use rustix::process::{Pid, Signal, kill_process};
use sim_kit::fault::{How, Matcher, Rule, Verdict, When};
use sim_kit::seeded::Seed;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::processes::ecm_binary;

const SECRET: &str = "db01 Administrator";
const PATIENCE: Duration = Duration::from_secs(30);

/// A moment at which the ECM is killed.
struct Moment {
    /// How far the user goes; with faults, the last act is under way.
    act: Act,
    /// Installed before the user begins. The ECM is killed when a call has met the last of them.
    faults: Vec<Fault>,
    /// Whether the vault has the secret checked out at that moment.
    held: bool,
    /// The same when the faults are gone: the vault handles a call that it held, though its caller
    /// is dead.
    then_held: bool,
    /// What gives the secret back.
    freed_by: FreedBy,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Act {
    OpensList,
    Picks,
    EndsSession,
}

/// What happens to the calls of an operation.
enum Fault {
    /// Of the vault.
    Vault(&'static str, Verdict),
    /// Of the link, at the appliance.
    Link(&'static str, Verdict),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FreedBy {
    /// The new start alone: the session still runs, as far as the appliance knows.
    Restart,
    /// The end of the session, which comes while no ECM is there.
    EndDuringAbsence,
    /// The end of the session, after the new start.
    EndAfterRestart,
    /// Time: the session's end is never told.
    Orphanage,
}

macro_rules! moments {
    ($($name:ident: $act:ident, [$($fault:expr),*],
        held $held:literal then $then_held:literal, freed by $freed_by:ident;)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            play(Moment {
                act: Act::$act,
                faults: vec![$($fault),*],
                held: $held,
                then_held: $then_held,
                freed_by: FreedBy::$freed_by,
            })
            .await;
        }
    )* };
}

moments! {
    killed_during_authenticate:
        OpensList, [Fault::Vault("Authenticate", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_during_impersonate_user:
        OpensList, [Fault::Vault("ImpersonateUser", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_during_the_search:
        OpensList, [Fault::Vault("SearchSecretsByFieldValue", Verdict::Hold)],
        held false then false, freed by Restart;
    killed_after_the_list:
        OpensList, [],
        held false then false, freed by Restart;
    killed_before_get_secret_is_handled:
        Picks, [Fault::Vault("GetSecret", Verdict::Hold)],
        held false then true, freed by Restart;
    killed_while_the_secret_is_on_its_way:
        Picks, [Fault::Vault("GetSecret", drip())],
        held true then true, freed by Restart;
    killed_after_the_secret_was_lost_on_its_way:
        Picks, [Fault::Vault("GetSecret", lose_answer()), Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_after_the_credential_was_lost_on_the_link:
        Picks, [Fault::Link("get_credential", lose_answer()), Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_while_the_session_runs_which_then_ends:
        Picks, [],
        held true then true, freed by EndAfterRestart;
    killed_while_the_session_runs_which_ends_meanwhile:
        Picks, [],
        held true then true, freed by EndDuringAbsence;
    killed_while_the_session_runs_whose_end_is_never_told:
        Picks, [],
        held true then true, freed by Orphanage;
    killed_before_the_check_in_is_handled:
        EndsSession, [Fault::Vault("CheckIn", Verdict::Hold)],
        held true then false, freed by Restart;
    killed_between_two_attempts_to_check_in:
        EndsSession, [Fault::Vault("CheckIn", refuse())],
        held true then true, freed by Restart;
    killed_while_the_confirmation_is_on_its_way:
        EndsSession, [Fault::Vault("CheckIn", drip())],
        held false then false, freed by Restart;
}

/// Handled, and its answer takes longer than anybody waits.
fn drip() -> Verdict {
    Verdict::Drip {
        chunk_bytes: 1,
        every_ms: 60_000,
    }
}

/// Handled, and its answer never comes.
fn lose_answer() -> Verdict {
    Verdict::Drop {
        when: When::After,
        how: How::Reset,
    }
}

/// Not handled, and the caller knows.
fn refuse() -> Verdict {
    Verdict::Drop {
        when: When::Before,
        how: How::Reset,
    }
}

async fn play(moment: Moment) {
    let mut rig = rig().await;
    let config = configure(&mut rig, moment.freed_by);
    let ecm = Ecm::start(&config).await;
    let session = begin(&rig, "joe.user").await;
    install(&rig, &moment.faults).await;
    let playing = acts(&rig, &session, moment.act);
    if moment.faults.is_empty() {
        playing.await.unwrap();
        if moment.act == Act::Picks {
            // Until then a new start takes the credential for one that never left.
            until("the delivery is on the disk", async || {
                is_delivered(&config)
            })
            .await;
        }
        kill(&rig, ecm, &moment).await;
    } else {
        // What the console shows for the act that was under way is not the matter here.
        let (_, ()) = tokio::join!(playing, kill(&rig, ecm, &moment));
    }
    remove(&rig, &moment.faults).await;
    let as_described = async || is_held(&rig).await == moment.then_held;
    until("the vault has handled what it held", as_described).await;
    if moment.freed_by == FreedBy::EndDuringAbsence {
        end(&rig, &session).await;
    }

    let ecm = Ecm::start(&config).await;
    if moment.freed_by == FreedBy::EndAfterRestart {
        // It serves, and what the session uses stays with it.
        acts(&rig, &begin(&rig, "joe.user").await, Act::OpensList)
            .await
            .unwrap();
        assert!(is_held(&rig).await, "checked in while the session runs");
        end(&rig, &session).await;
    }
    until("the secret is free", async || !is_held(&rig).await).await;
    end(&rig, &session).await;
    let released = rig.appliance.wait_released(&session, PATIENCE).await;
    assert!(released, "the appliance still waits for a release");
    assert_eq!(ecm.terminate().await, Some(0));

    let check_outs = usize::from(moment.act >= Act::Picks);
    assert_eq!(accesses(&rig, "CHECKOUT").await, check_outs);
    assert_eq!(accesses(&rig, "CHECKIN").await, check_outs);
    assert_eq!(owed(&config), 0, "check-ins that the outbox still has");
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_that_is_repeated_after_a_crash_takes_the_secret_from_nobody() {
    let mut rig = rig().await;
    let config = configure(&mut rig, FreedBy::Restart);
    let moment = Moment {
        act: Act::EndsSession,
        faults: vec![Fault::Vault("CheckIn", drip())],
        held: false,
        then_held: false,
        freed_by: FreedBy::Restart,
    };
    let ecm = Ecm::start(&config).await;
    let joe = begin(&rig, "joe.user").await;
    install(&rig, &moment.faults).await;
    let playing = acts(&rig, &joe, moment.act);
    let (played, ()) = tokio::join!(playing, kill(&rig, ecm, &moment));
    played.unwrap();
    remove(&rig, &moment.faults).await;

    rig.start_ecm("second").await.unwrap();
    let ann = begin(&rig, "ann.admin").await;
    acts(&rig, &ann, Act::Picks).await.unwrap();
    rig.vault.operator.delete("/journal").await.unwrap();
    let ecm = Ecm::start(&config).await;
    rig.wait_for_call("CheckIn", "refused", 1).await.unwrap();
    // The refusal says that nothing of his is left to give back.
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(owed(&config), 0);
    let holder = rig.vault.holder_of(SECRET).await.unwrap();
    assert!(holder.unwrap().contains("ann.admin"));
    end(&rig, &ann).await;
    until("the secret is free", async || !is_held(&rig).await).await;
    assert_eq!(accesses(&rig, "CHECKIN").await, 2);
    finish(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_an_approval_outlives_the_ecm_and_not_its_session() {
    let mut lab = Lab::acme();
    lab.set(&["ecm", "password-safe", "global_approver"], "")
        .unwrap();
    let options = Options {
        vault: VaultKind::PasswordSafe,
        ..Options::frozen(Seed(1))
    };
    let mut rig = Rig::start(lab, options).await.unwrap();
    let config = configure(&mut rig, FreedBy::Restart);
    let ecm = Ecm::start(&config).await;
    let session = rig.appliance.begin("joe.user", "db01").await.unwrap();
    let list = rig.appliance.list(&session).await.unwrap();
    let entry = list
        .iter()
        .find(|entry| entry.display_value.contains("da-jane"));
    let id = &entry.unwrap().credential_id;
    let refusal = rig.appliance.inject(&session, id).await.unwrap_err();
    assert_eq!(refusal.category, "pending_approval");
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;

    let ecm = Ecm::start(&config).await;
    let waiting = async || {
        let requests = rig.vault.operator.get("/requests").await.unwrap();
        let requests = requests.as_array().unwrap().clone();
        let waiting = requests.iter().filter(|one| one["standing"] == "pending");
        waiting.map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [101], "the restart took it from nobody");
    let refusal = rig.appliance.inject(&session, id).await.unwrap_err();
    assert_eq!(refusal.category, "pending_approval");
    assert_eq!(waiting().await, [101], "and a further attempt keeps it");
    end(&rig, &session).await;
    until("nothing waits", async || waiting().await.is_empty()).await;
    assert_eq!(ecm.terminate().await, Some(0));
    assert_eq!(owed(&config), 0);
    finish(rig).await;
}

async fn rig() -> Rig {
    let mut lab = Lab::acme();
    for user in ["joe.user", "ann.admin"] {
        lab.trust(user, "approved").unwrap();
    }
    Rig::start(lab, Options::frozen(Seed(1))).await.unwrap()
}

/// The ECM's configuration. It logs all it can, for the scan of its files.
fn configure(rig: &mut Rig, freed_by: FreedBy) -> PathBuf {
    let file = rig.configure_ecm("killed").unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("\n[log]\nlevel = \"TRACE\"\nfile = \"ECM.log\"\n");
    if freed_by == FreedBy::Orphanage {
        text.push_str("\n[check_in]\norphan_after_s = 1\n");
    }
    std::fs::write(&file, text).unwrap();
    file
}

async fn begin(rig: &Rig, user: &str) -> SessionId {
    let user = ConsoleUser::named(&format!(r"ACME\{user}"));
    rig.appliance.begin(&user.username, "db01").await.unwrap()
}

async fn acts(rig: &Rig, session: &SessionId, last: Act) -> Result<(), Refusal> {
    let list = rig.appliance.list(session).await?;
    if last >= Act::Picks {
        let entry = list
            .iter()
            .find(|entry| entry.display_value.contains(SECRET));
        let id = &entry.unwrap().credential_id;
        rig.appliance.inject(session, id).await?;
    }
    if last >= Act::EndsSession {
        end(rig, session).await;
    }
    Ok(())
}

/// Ends a session, unless it ended before.
async fn end(rig: &Rig, session: &SessionId) {
    let _ = rig.appliance.end(session).await;
}

/// Kills the ECM as soon as it has come as far as `moment` says.
async fn kill(rig: &Rig, ecm: Ecm, moment: &Moment) {
    if let Some(last) = moment.faults.len().checked_sub(1) {
        let operator = match moment.faults[last] {
            Fault::Vault(..) => &rig.vault.operator,
            Fault::Link(..) => &rig.appliance.operator,
        };
        let met = async || operator.fault_met(&name(last)).await.unwrap() > 0;
        until("a call meets the last fault", met).await;
    }
    let as_described = async || is_held(rig).await == moment.held;
    until("the vault is as the moment describes it", as_described).await;
    ecm.kill().await;
    let gone = async || rig.appliance.ecm_clients().is_empty();
    until("the appliance has noticed", gone).await;
}

async fn install(rig: &Rig, faults: &[Fault]) {
    for (number, fault) in faults.iter().enumerate() {
        let (operator, operation, verdict) = match fault {
            Fault::Vault(operation, verdict) => (&rig.vault.operator, operation, verdict),
            Fault::Link(request, verdict) => (&rig.appliance.operator, request, verdict),
        };
        let matcher = Matcher {
            operation: Some((*operation).to_owned()),
            ..Matcher::default()
        };
        let rule = Rule {
            id: Some(name(number)),
            matcher,
            verdict: verdict.clone(),
            times: 0,
        };
        operator.add_fault(&rule).await.unwrap();
    }
}

async fn remove(rig: &Rig, faults: &[Fault]) {
    for (number, fault) in faults.iter().enumerate() {
        let operator = match fault {
            Fault::Vault(..) => &rig.vault.operator,
            Fault::Link(..) => &rig.appliance.operator,
        };
        let path = format!("/faults/{}", name(number));
        operator.delete(&path).await.unwrap();
    }
}

/// Name of a fault's rule.
fn name(number: usize) -> String {
    format!("fault-{number}")
}

async fn is_held(rig: &Rig) -> bool {
    rig.vault.holder_of(SECRET).await.unwrap().is_some()
}

/// How often the vault's own audit has an action.
async fn accesses(rig: &Rig, action: &str) -> usize {
    let state = rig.vault.operator.get("/state").await.unwrap();
    let all = state["accesses"].as_array().unwrap();
    all.iter()
        .filter(|access| access["action"] == action)
        .count()
}

fn outbox(config: &Path) -> PathBuf {
    config.with_file_name("state").join("check-ins.log")
}

fn is_delivered(config: &Path) -> bool {
    let text = std::fs::read_to_string(outbox(config)).unwrap();
    text.contains(r#""op":"delivered""#)
}

/// How many check-ins the outbox of a stopped ECM holds.
fn owed(config: &Path) -> usize {
    let file = outbox(config);
    assert!(file.exists(), "there is no outbox");
    let limits = CheckInConfig {
        give_up_after: PATIENCE,
        orphan_after: PATIENCE,
    };
    let now = SystemClock.now().as_second();
    let (_, found) = Outbox::open(&file, limits, now).unwrap();
    assert_eq!(found.damaged_lines, [0; 0]);
    found.owed
}

async fn finish(rig: Rig) {
    let findings = rig.finish().await;
    let sound = findings.leaks.is_empty() && findings.panics.is_empty();
    assert!(sound, "{findings:?}");
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !holds().await {
            ticks.tick().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "not seen in time: {what}");
}

/// An ECM in a process of its own; a failing test does not leave it behind.
struct Ecm(Child);

impl Ecm {
    /// Starts it and waits until the appliance has welcomed it.
    async fn start(config: &Path) -> Self {
        let mut child = Command::new(ecm_binary())
            .args(["run", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = ready.expect("a line in time").unwrap();
        let is_ready = line
            .as_deref()
            .is_some_and(|line| line.starts_with("READY {"));
        assert!(is_ready, "{line:?}");
        Self(child)
    }

    async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    /// Asks it to stop; its exit code.
    async fn terminate(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.0.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.0.wait()).await;
        ended.expect("an end in time").unwrap().code()
    }
}
