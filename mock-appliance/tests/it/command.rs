//! The real command: its ready line, its signals, and what it says of bad input.

use std::process::{Output, Stdio};

use sim_kit::ready::Ready;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::rig::PATIENCE;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-appliance"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_ready_line_names_the_files_and_a_signal_stops_the_appliance() {
    for signal in ["-TERM", "-INT"] {
        let mut child = command(&["--seed", "7"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("a line");
        let line = line.unwrap().unwrap();
        let ready = Ready::parse(&line).unwrap_or_else(|| panic!("not a ready line: {line:?}"));
        assert_eq!((ready.name.as_str(), ready.seed), ("mock-appliance", 7));
        assert!(ready.url.starts_with("https://127.0.0.1:"), "{line}");
        let authority = std::fs::read_to_string(ready.ca_file.unwrap()).unwrap();
        assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
        let secrets = ready.secrets_file.unwrap();
        let planted = std::fs::read_to_string(&secrets).unwrap();
        assert!(planted.contains("client_secret"), "the API accounts' own");
        let process = child.id().unwrap().to_string();
        let kill = Command::new("kill").args([signal, &process]).status().await;
        assert!(kill.unwrap().success());
        let ended = timeout(PATIENCE, child.wait()).await.expect("it stops");
        assert_eq!(ended.unwrap().code(), Some(0), "{signal}");
        assert!(!secrets.exists(), "the secrets go with the appliance");
    }
}

#[tokio::test]
async fn bad_input_is_one_line_with_the_cure_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let lab = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown_key = lab("key.toml", "[appliance]\nconsole_user = []\n");
    let no_group = lab(
        "group.toml",
        "[[appliance.jump_groups]]\nname = 'Servers'\necm_group = 'Branch'\n",
    );
    let no_pings = lab("pings.toml", "[appliance.settings]\nping_interval_s = 0\n");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let cases = [
        (
            vec!["--lab", &unknown_key],
            "did you mean \"console_users\"?",
        ),
        (vec!["--lab", &no_group], "no ECM Group \"Branch\""),
        (
            vec!["--lab", &no_pings],
            "ping_interval_s must be at least 1",
        ),
        (vec!["--listen", &taken], "the port is in use"),
        (
            vec!["--tls", "/no/such/chain,/no/such/key"],
            "/no/such/chain",
        ),
        (vec!["--clock", "noon"], "2026-01-05T09:00:00Z"),
    ];
    for (arguments, cure) in cases {
        let ended = timeout(PATIENCE, command(&arguments).output()).await;
        let Output {
            status,
            stdout,
            stderr,
        } = ended.expect("it ends").unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {said}");
        assert!(stdout.is_empty(), "{arguments:?}: no ready line");
        assert!(said.contains(cure), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
    drop(holder);
}
