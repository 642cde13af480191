//! The gate is never green by accident: whatever is wrong with a scenario fails the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

#[test]
fn whatever_is_wrong_with_a_scenario_fails_the_run() {
    for (file, code, told) in [
        ("failing", 1, "expected a list"),
        (
            "undefined",
            1,
            "no step definition fits `Given the moon is full`",
        ),
        (
            "skipped",
            1,
            "no step definition fits `And the moon is full`",
        ),
        ("empty", 1, "the scenario has no steps"),
        ("unmet", 1, "was never met"),
        (
            "leak",
            6,
            "web01 Administrator: Password in plain form, in the log",
        ),
        ("broken", 2, "A feature file cannot be read."),
    ] {
        let output = run(&[&format!("tests/bad-features/{file}.feature")]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{file}: {text}");
        assert!(text.contains(told), "{file}: {text}");
        assert!(text.contains("0 passed, 1 failed"), "{file}: {text}");
    }
}

#[test]
fn a_scenario_that_passes_passes() {
    let output = run(&["features/lab/canary.feature", "--tags", "@SEC-2"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("1 passed, 0 failed"), "{text}");
}

#[test]
fn cargo_test_judges_as_the_command_does() {
    for (file, code) in [
        ("failing", 1),
        ("undefined", 1),
        ("skipped", 1),
        ("broken", 2),
    ] {
        let file = format!("tests/bad-features/{file}.feature");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let output = Command::new(features_binary())
            .arg("--features")
            .arg(path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{file}");
    }
}

#[test]
fn a_selection_that_fits_nothing_is_a_usage_error_of_the_command() {
    let output = run(&["features", "--name", "^no such scenario$"]);
    assert_eq!(output.status.code(), Some(2));
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecm-lab"))
        .arg("run")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

/// The newest binary of the target `features` beside this one: `cargo test` built both.
fn features_binary() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let built = std::fs::read_dir(this.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap());
    let named = built.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("features-") && !name.ends_with(".d")
    });
    let newest = named.max_by_key(|entry| {
        entry
            .metadata()
            .and_then(|data| data.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    });
    newest
        .expect("the target `features` is built by `cargo test`")
        .path()
}
