//! Every party in a process of its own, as in a deployment: started by command line and files,
//! found by its ready line, driven over its sockets, stopped by a signal.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ecm_lab::rig::control::{Operator, Remote};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sim_kit::ready::Ready;

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_travels_between_processes() {
    let directory = tempfile::tempdir().unwrap();
    let lab = directory.path().join("lab.toml");
    std::fs::write(&lab, ecm_lab::lab::Lab::acme().text).unwrap();
    let lab = lab.display().to_string();
    let vault = Party::start(lab_command(&["mock", "secret-server", "--lab", &lab]));
    let appliance = Party::start(lab_command(&["mock", "appliance", "--lab", &lab]));
    let ecm = Party::start(ecm_command(
        directory.path(),
        &vault.ready,
        &appliance.ready,
    ));

    let body = json!({ "caller": "svc-ecm", "user": "joe.user" });
    vault
        .operator()
        .post("/approvals/approve", body)
        .await
        .unwrap();
    let console = appliance.operator();
    let body = json!({ "user": r"ACME\joe.user", "jump_item": "db01" });
    let session = console.post("/sessions", body).await.unwrap();
    let session = format!("/sessions/{}", session["session_id"].as_str().unwrap());
    let list = console
        .post(&format!("{session}/credentials"), Value::Null)
        .await
        .unwrap();
    let entry = list.as_array().unwrap().iter().find(|entry| {
        entry["display_value"]
            .as_str()
            .unwrap()
            .contains("db01 Administrator")
    });
    let body = json!({ "credential_id": entry.unwrap()["credential_id"] });
    let injected = console
        .post(&format!("{session}/inject"), body)
        .await
        .unwrap();
    assert_eq!(injected["kind"], "username_password");
    console
        .post(&format!("{session}/end"), Value::Null)
        .await
        .unwrap();
    wait_for_check_in(&vault.operator()).await;

    for party in [ecm, appliance, vault] {
        let name = party
            .ready
            .as_ref()
            .map_or("ecm".to_owned(), |ready| ready.name.clone());
        assert_eq!(party.stop(), Some(0), "{name}");
    }
}

#[test]
fn a_port_in_use_is_named_with_the_cure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = lab_command(&["mock", "appliance", "--listen", &address])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(&address) && text.contains("another port"),
        "{text}"
    );
}

async fn wait_for_check_in(vault: &Operator) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            let calls = vault.journal().await.unwrap();
            if calls
                .iter()
                .any(|c| c.operation == "CheckIn" && c.outcome == "success")
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("a check-in");
}

/// A process that said that it is ready; a failing test does not leave it behind.
struct Party {
    child: Child,
    /// Nothing for the ECM, whose line tells other things.
    ready: Option<Ready>,
}

impl Party {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let party = Self {
            child,
            ready: Ready::parse(&line),
        };
        assert!(line.starts_with("READY {"), "the first line is {line:?}");
        party
    }

    fn operator(&self) -> Operator {
        Operator::new(Remote::new(&self.ready.as_ref().unwrap().control_url).unwrap())
    }

    fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lab_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecm-lab"));
    command.args(arguments);
    command
}

/// `ecm run` with a configuration that trusts both authorities and refers to the planted secrets.
fn ecm_command(directory: &Path, vault: &Option<Ready>, appliance: &Option<Ready>) -> Command {
    let (vault, appliance) = (vault.as_ref().unwrap(), appliance.as_ref().unwrap());
    let planted = |ready: &Ready| -> Value {
        let file = ready.secrets_file.as_ref().unwrap();
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let find = |secrets: &Value, words: &[&str]| -> String {
        let named = secrets.as_object().unwrap().iter();
        let mut fitting = named.filter(|(name, _)| words.iter().all(|word| name.contains(word)));
        fitting
            .next()
            .unwrap_or_else(|| panic!("no {words:?}"))
            .1
            .as_str()
            .unwrap()
            .to_owned()
    };
    let account = planted(appliance);
    let client_id = find(&account, &["api account ECM:", "client_id"]);
    for (file, secret) in [
        (
            "client-secret",
            find(&account, &["api account ECM:", "client_secret"]),
        ),
        ("api-password", find(&planted(vault), &["svc-ecm"])),
    ] {
        private_file(&directory.join(file), &secret);
    }
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let ca = |ready: &Ready| quoted(&ready.ca_file.as_ref().unwrap().display().to_string());
    let endpoint = format!("{}/SecretServer/webservices/SSWebService.asmx", vault.url);
    let config = format!(
        "[appliance]\nsite_url = {}\nclient_id = {}\nclient_secret = \"file:client-secret\"\n\
         ca_file = {}\n[state]\ndir = \"state\"\n[vault.secret-server]\nendpoint_url = {}\n\
         api_user = \"svc-ecm\"\napi_password = \"file:api-password\"\nca_file = {}\n",
        quoted(&appliance.url),
        quoted(&client_id),
        ca(appliance),
        quoted(&endpoint),
        ca(vault),
    );
    let file = directory.join("ecm.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(ecm_binary());
    command.arg("run").arg("--config").arg(file);
    command
}

fn private_file(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The `ecm` command beside this package's own: a bare `cargo test` builds both.
pub(crate) fn ecm_binary() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_ecm-lab")).with_file_name("ecm");
    assert!(
        binary.exists(),
        "build it first: `cargo build -p ecm`, or test the whole workspace"
    );
    binary
}
