//! The demo as a person runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn the_journey_is_told_act_by_act_and_succeeds() {
    let output = demo(&[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let acts = [
        "The link between appliance and ECM is ECM Lab's own protocol",
        "connected outward as c-1",
        "ImpersonateUser",
        "pending approval",
        "mail to joe.user@acme.example",
        "joe.user approves",
        "in the list: db01 Administrator",
        "GetSecret",
        "sealed it to a key",
        "password ********",
        "CheckIn",
        "confirmed the check-in",
        "Where the time went",
        "The journey succeeded",
    ];
    assert_in_order(&text, &acts);
    assert!(!text.contains("CnRy-"), "{text}");
}

#[test]
fn the_journey_is_told_on_password_safe_as_well() {
    let output = demo(&["--vault", "password-safe"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let acts = [
        "Password Safe  https://",
        "connected outward as c-1",
        "joe.user opens the credential list of db01",
        "Auth/SignAppin",
        "ManagedAccounts",
        r"in the list: ACME\da-jane linked to db01",
        "The user picks",
        "POST Requests",
        "refused 4034",
        "Requests/{id}/Approve",
        "GET Credentials",
        "wants an approval",
        "password ********",
        "The session ends",
        "Checkin",
        "confirmed the check-in",
        "Where the time went",
        "The journey succeeded",
    ];
    assert_in_order(&text, &acts);
    assert!(!text.contains("CnRy-"), "{text}");
    let wide = text
        .lines()
        .find(|line| line.chars().count() > 80 && !line.contains("https://"));
    assert_eq!(wide, None, "it fits a terminal of 80 columns");
}

#[test]
fn acts_are_numbered_as_they_come_when_nobody_needs_to_approve() {
    let mut lab = ecm_lab::lab::Lab::acme();
    lab.trust("joe.user", "approved").unwrap();
    let output = demo_on(&lab.text);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for act in ["\n3. ACME", "\n4. The user picks", "\n5. The session ends"] {
        assert!(text.contains(act), "no {act:?} in {text}");
    }
}

#[test]
fn a_journey_that_names_what_is_not_there_says_where_to_correct_it() {
    let good = ecm_lab::lab::Lab::acme();
    for (key, value, code, told) in [
        ("jump_item", "nosuch", 2, "no Jump Item \"nosuch\"; correct"),
        (
            "console_user",
            "nobody",
            2,
            "no console user \"nobody\"; correct",
        ),
        ("vault_user", "nobody", 1, "is vault_user in [journey]"),
        ("credential", "zzz", 1, "correct credential in [journey]"),
    ] {
        let mut bad = good.clone();
        bad.set(&["journey", key], value).unwrap();
        let output = demo_on(&bad.text);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{key}: {text}");
        assert!(text.contains(told), "{key}: {text}");
    }
}

#[test]
fn a_place_for_files_that_cannot_be_used_is_named_with_the_cure() {
    let output = command(&["demo"])
        .env("TMPDIR", "/nowhere")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(
        text.contains("/nowhere") && text.contains("set TMPDIR"),
        "{text}"
    );
}

#[test]
fn ctrl_c_ends_a_run_of_scenarios_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = Running::of(command(&["run"]).env("TMPDIR", directory.path()));
    run.read_until("ok ");
    let (code, told) = run.interrupted();
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("has been stopped"), "{told}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_selection_that_fits_nothing_is_told() {
    let output = command(&["run", "--tags", "@NOPE"]).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("no scenario fits"), "{text}");
}

#[test]
fn a_seed_gives_other_secrets_and_the_same_story() {
    assert_eq!(demo(&["--seed", "77"]).status.code(), Some(0));
}

#[test]
fn a_lab_of_ones_own_is_played_on() {
    let lab = String::from_utf8(command(&["lab"]).output().unwrap().stdout).unwrap();
    let lab = lab
        .replace("web01", "www7")
        .replace("jump_item = \"db01\"", "jump_item = \"www7\"");
    let lab = lab.replace("credential = \"db01 Administrator\"", "");
    let output = demo_on(&lab);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("The user picks www7 Administrator"), "{text}");
}

#[test]
fn a_lab_that_cannot_be_used_is_refused_with_place_and_cure() {
    let good = String::from_utf8(command(&["lab"]).output().unwrap().stdout).unwrap();
    for (change, told) in [
        (
            ("vault_user =", "vault_usr ="),
            "did you mean \"vault_user\"",
        ),
        (
            ("password = \"generate\"", "password = \"hunter2\""),
            "a literal",
        ),
        (
            ("api_user = \"svc-ecm\"", "api_user = \"svc-nobody\""),
            "svc-nobody",
        ),
        (
            (
                "template = \"Windows Account\"",
                "template = \"Windows Acount\"",
            ),
            "Windows Acount",
        ),
        (("[journey]", "[jurney]"), "did you mean \"journey\""),
    ] {
        let bad = good.replacen(change.0, change.1, 1);
        assert_ne!(bad, good, "{change:?}");
        let output = demo_on(&bad);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(output.status.code(), Some(2), "{change:?}: {text}");
        assert!(text.contains(told), "{change:?}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_lab_without_the_journey_of_a_vault_is_refused_with_the_cure() {
    let lab = String::from_utf8(command(&["lab"]).output().unwrap().stdout).unwrap();
    let (without, _) = lab.split_once("[journey.password-safe]").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), without).unwrap();
    let file = file.path().display().to_string();
    let output = demo(&["--vault", "password-safe", "--lab", &file]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("[journey.password-safe]"), "{text}");
}

#[test]
fn ctrl_c_stops_what_is_kept_running_and_leaves_nothing_behind() {
    ctrl_c_stops_what_is_kept(&[]);
}

#[test]
fn ctrl_c_stops_a_password_safe_that_is_kept_running() {
    ctrl_c_stops_what_is_kept(&["--vault", "password-safe"]);
}

fn ctrl_c_stops_what_is_kept(further: &[&str]) {
    let mut demo = Running::start(&[&["demo", "--keep"], further].concat());
    let told = demo.read_until("curl http");
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("   authority"));
    let authority = PathBuf::from(line.unwrap().trim());
    assert!(authority.exists());
    let (code, _) = demo.interrupted();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        !authority.exists(),
        "the directory of the run is still there"
    );
}

#[test]
fn ctrl_c_between_two_acts_is_told_and_has_its_own_exit_code() {
    let mut demo = Running::start(&["demo", "--step"]);
    demo.read_until("every certificate");
    let (code, told) = demo.interrupted();
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("has been stopped"), "{told}");
}

/// What is told holds these, one after the other.
fn assert_in_order(text: &str, acts: &[&str]) {
    let mut rest = text;
    for act in acts {
        let at = rest
            .find(act)
            .unwrap_or_else(|| panic!("no {act:?} in the rest of\n{text}"));
        rest = &rest[at..];
    }
}

/// A command that runs; a failing test does not leave it behind.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::of(&mut command(arguments))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads lines up to the first that holds `mark`.
    fn read_until(&mut self, mark: &str) -> String {
        let mut told = String::new();
        while !told.contains(mark) {
            let bytes = self.lines.read_line(&mut told).unwrap();
            assert_ne!(bytes, 0, "it ended before {mark:?}: {told}");
        }
        told
    }

    /// Sends Ctrl-C. Gives the exit code and what was told from then on.
    fn interrupted(&mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let mut told = String::new();
        self.lines.read_to_string(&mut told).unwrap();
        (self.child.wait().unwrap().code(), told)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn demo(arguments: &[&str]) -> Output {
    command(&[&["demo"], arguments].concat()).output().unwrap()
}

fn demo_on(lab: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lab).unwrap();
    demo(&["--lab", &file.path().display().to_string()])
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecm-lab"));
    command.args(arguments);
    command
}
