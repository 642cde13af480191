//! A site whose ECM is a process of its own, and what a test may do to it and look at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ecm::clock::{Clock as _, SystemClock};
use ecm::config::CheckInConfig;
use ecm::outbox::Outbox;
use ecm_lab::lab::Lab;
use ecm_lab::rig::console::{ConsoleUser, Refusal};
use ecm_lab::rig::{Options, Rig, SessionId};
use rustix::process::{Pid, Signal, kill_process};
use sim_kit::seeded::Seed;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use toml::{Table, Value};

use crate::processes::ecm_binary;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A secret of the lab, and the Jump Item that it is listed for.
pub(crate) struct Planted {
    pub(crate) name: &'static str,
    pub(crate) item: &'static str,
}

/// A password.
pub(crate) const PASSWORD: Planted = Planted {
    name: "db01 Administrator",
    item: "db01",
};

/// A private key in an attachment.
pub(crate) const KEY: Planted = Planted {
    name: "lin01 root key",
    item: "lin01",
};

/// How far a user goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Act {
    OpensList,
    Picks,
    EndsSession,
}

/// A site whose vault hands both secrets out to one user at a time.
pub(crate) async fn rig() -> Rig {
    let mut lab = Lab::acme();
    lab.each(&["secret-server", "secrets"], |secret| {
        if secret.get("name").and_then(Value::as_str) == Some(KEY.name) {
            let mut check_out = Table::new();
            check_out.insert("minutes".to_owned(), 60.into());
            secret.insert("check_out".to_owned(), check_out.into());
        }
    })
    .unwrap();
    for user in ["joe.user", "ann.admin"] {
        lab.trust(user, "approved").unwrap();
    }
    Rig::start(lab, Options::frozen(Seed(1))).await.unwrap()
}

/// The ECM's configuration. It logs all it can, for the scan of its files.
pub(crate) fn configure(rig: &mut Rig, check_in: &str) -> PathBuf {
    let file = rig.configure_ecm("killed").unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("\n[log]\nlevel = \"TRACE\"\nfile = \"ECM.log\"\n");
    text.push_str(&format!("\n[check_in]\n{check_in}\n"));
    std::fs::write(&file, text).unwrap();
    file
}

pub(crate) async fn begin(rig: &Rig, user: &str, secret: &Planted) -> SessionId {
    let user = ConsoleUser::named(&format!(r"ACME\{user}"));
    let begun = rig.appliance.begin(&user.username, secret.item).await;
    begun.unwrap()
}

pub(crate) async fn acts(
    rig: &Rig,
    session: &SessionId,
    secret: &Planted,
    last: Act,
) -> Result<(), Refusal> {
    let list = rig.appliance.list(session).await?;
    if last >= Act::Picks {
        let entry = list
            .iter()
            .find(|entry| entry.display_value.contains(secret.name));
        let id = &entry.unwrap().credential_id;
        rig.appliance.inject(session, id).await?;
    }
    if last >= Act::EndsSession {
        end(rig, session).await;
    }
    Ok(())
}

/// Ends a session, unless it ended before.
pub(crate) async fn end(rig: &Rig, session: &SessionId) {
    let _ = rig.appliance.end(session).await;
}

pub(crate) async fn is_held(rig: &Rig, secret: &Planted) -> bool {
    rig.vault.holder_of(secret.name).await.unwrap().is_some()
}

/// How often the vault's own audit has an action.
pub(crate) async fn accesses(rig: &Rig, action: &str) -> usize {
    let state = rig.vault.operator.get("/state").await.unwrap();
    let all = state["accesses"].as_array().unwrap();
    all.iter()
        .filter(|access| access["action"] == action)
        .count()
}

pub(crate) fn outbox(config: &Path) -> PathBuf {
    config.with_file_name("state").join("check-ins.log")
}

pub(crate) fn is_delivered(config: &Path) -> bool {
    let text = std::fs::read_to_string(outbox(config)).unwrap();
    text.contains(r#""op":"delivered""#)
}

/// Whether everything that the outbox of a running ECM has ever been told of was paid. A stopped
/// one's is opened instead: [`owed`].
pub(crate) fn owes_nothing(config: &Path) -> bool {
    let text = std::fs::read_to_string(outbox(config)).unwrap();
    let mut owed = BTreeSet::new();
    for line in text.lines() {
        let Some((_, record)) = line.split_once(' ') else {
            return false;
        };
        let Ok(record) = serde_json::from_str::<serde_json::Value>(record) else {
            return false;
        };
        let named = |member: &str| record[member].as_str().map(str::to_owned);
        let session = named("session_id")
            .or_else(|| record["session"]["session_id"].as_str().map(str::to_owned));
        let debt = (session, named("credential_id"));
        match record["op"].as_str() {
            Some("confirmed" | "given_up") => owed.remove(&debt),
            _ => owed.insert(debt),
        };
    }
    owed.is_empty()
}

/// How many check-ins the outbox of a stopped ECM holds.
pub(crate) fn owed(config: &Path) -> usize {
    let file = outbox(config);
    assert!(file.exists(), "there is no outbox");
    let now = SystemClock.now().as_second();
    let (_, found) = Outbox::open(&file, CheckInConfig::default(), now).unwrap();
    assert_eq!(found.damaged_lines, [0; 0]);
    found.owed
}

pub(crate) async fn finish(rig: Rig) {
    let findings = rig.finish().await;
    let sound = findings.leaks.is_empty() && findings.panics.is_empty();
    assert!(sound, "{findings:?}");
}

pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
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
pub(crate) struct Ecm(Child);

impl Ecm {
    /// Starts it and waits until the appliance has welcomed it.
    pub(crate) async fn start(config: &Path) -> Self {
        let mut command = Command::new(ecm_binary());
        command.args(["run", "--config"]).arg(config);
        Self::start_as(command).await
    }

    /// The same by a command of its own.
    pub(crate) async fn start_as(mut command: Command) -> Self {
        let mut child = command
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

    pub(crate) async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }

    /// Asks it to stop; its exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.0.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.0.wait()).await;
        ended.expect("an end in time").unwrap().code()
    }
}
