//! The real `ecm test-settings`: what reaches the dialog, JSON and `Configurator.log`, and what a
//! signal leaves behind.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Barrier;

use crate::vault::{CANARY, Reply, Vault, http, password_secret, refused, soon, well};

fn ecm(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecm"));
    command
        .arg("test-settings")
        .args(arguments)
        .current_dir(directory)
        .env("API_PASSWORD", format!("pw-{CANARY}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub const JOE: [&str; 4] = ["--username", "joe.user", "--hostname", "srv01"];

/// A configuration in a directory of its own; `more` stands in the vault's section.
pub fn configured(vault: &str, more: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "[vault.secret-server]\n\
         endpoint_url = \"{vault}/SecretServer/webservices/SSWebService.asmx\"\n\
         allow_plain_http = true\napi_user = \"svc\"\napi_password = \"env:API_PASSWORD\"\n{more}\n"
    );
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    directory
}

/// What a test left behind.
pub struct Ran {
    pub code: Option<i32>,
    pub said: String,
    pub complaint: String,
    pub log: String,
}

/// Runs a test; nothing that it leaves behind has the canary.
pub async fn ran(directory: &Path, arguments: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = soon(ecm(directory, arguments).output()).await.unwrap();
    let ran = Ran {
        code: status.code(),
        said: String::from_utf8(stdout).unwrap(),
        complaint: String::from_utf8(stderr).unwrap(),
        log: std::fs::read_to_string(directory.join("Configurator.log")).unwrap_or_default(),
    };
    let Ran {
        said,
        complaint,
        log,
        ..
    } = &ran;
    assert!(
        ![said, complaint, log]
            .iter()
            .any(|text| text.contains(CANARY))
    );
    ran
}

/// The dialog's text as the log has it, further lines indented.
pub fn in_log(said: &str) -> String {
    said.trim_end().replace('\n', "\n    ")
}

/// Checks the three places where a test that cannot begin says why.
async fn cannot_begin(
    directory: &Path,
    arguments: &[&str],
    words: &str,
    kind: &str,
    symptom: Option<&str>,
) {
    let dialog = ran(directory, arguments).await;
    assert_eq!(dialog.code, Some(2), "{}", dialog.said);
    let Ran { said, log, .. } = &dialog;
    for part in [
        "SRA Console Username    joe.user",
        "Error type",
        words,
        "What to do",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(log.contains(&in_log(said)), "{said}\n{log}");
    assert!(log.contains("ERROR Ecm.TestSettings - "), "{log}");
    assert!(!log.contains("What was tried"), "{log}");
    assert!(dialog.complaint.contains(words), "{}", dialog.complaint);

    let json = ran(directory, &[arguments, &["--json"]].concat()).await;
    assert_eq!(json.code, Some(2));
    let report: Value = serde_json::from_str(&json.said).unwrap();
    assert_eq!(report["outcome"], "error");
    assert_eq!(report["error"]["kind"], kind);
    assert_eq!(report["error"]["symptom"].as_str(), symptom);
    assert_eq!(report["inputs"][0]["value"], "joe.user");
    assert!(report["error"]["message"].as_str().unwrap().contains(words));
}

#[tokio::test]
async fn a_test_that_cannot_begin_has_a_dialog_json_and_a_log_all_the_same() {
    let good = "https://vault.acme.example";
    let joe = &JOE[..];
    let ca_file = "ca_file = \"missing.pem\"";
    let no_host = &["--username", "joe.user"][..];
    let no_variable = &[joe, &["--set", "api_password=env:NOPE"]].concat()[..];
    let no_key = &[joe, &["--set", "api_usr=x"]].concat()[..];
    for (vault, more, arguments, kind, symptom, words) in [
        (
            "https://acme.delinea.app",
            "",
            joe,
            "unsupported",
            Some("delinea-platform"),
            "Delinea Platform",
        ),
        (good, ca_file, joe, "configuration", None, "missing.pem"),
        (
            good,
            "",
            no_variable,
            "configuration",
            None,
            "--set:1: `api_password`: environment variable NOPE",
        ),
        (
            good,
            "",
            no_key,
            "configuration",
            None,
            "did you mean `api_user`?",
        ),
        (
            good,
            "",
            no_host,
            "configuration",
            None,
            "Hostname / IP Address is required",
        ),
        (
            good,
            "results_max = 0",
            joe,
            "configuration",
            None,
            "results_max",
        ),
    ] {
        cannot_begin(
            configured(vault, more).path(),
            arguments,
            words,
            kind,
            symptom,
        )
        .await;
    }
    let nowhere = tempfile::tempdir().unwrap();
    let missing = [joe, &["--config", "etc/ecm.toml"]].concat();
    let missing = ran(nowhere.path(), &missing).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.said.contains("Error type") && missing.said.contains("etc/ecm.toml"));
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn configurator_log_has_the_dialog_and_the_exact_point_of_the_failure() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => http(
            "200 OK",
            "application/json",
            r#"{"message":"Gateway says: quota exceeded, ticket 4711"}"#,
        ),
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let Ran {
        code, said, log, ..
    } = ran(directory.path(), &JOE).await;
    assert_eq!(code, Some(1));
    for part in [
        "HTTP status 200, application/json",
        "quota exceeded, ticket 4711",
    ] {
        assert!(
            said.contains(part) && log.contains(part),
            "{part}: {said}\n{log}"
        );
    }
    let explained = ran(directory.path(), &[&JOE[..], &["--explain"]].concat()).await;
    assert!(
        explained.log.contains(&in_log(&explained.said)),
        "{}",
        explained.log
    );
    for part in [
        "DEBUG Ecm.SecretServer.Client - vault answered operation=\"ImpersonateUser\" status=200",
        "DEBUG Ecm.Trace - user in   joe.user (local) [",
        "DEBUG Ecm.SecretServer.Client - no reply of the vault: ",
        "operation=\"SearchSecretsByFieldValue\"",
        "WARN Ecm.Diagnosis - the vault's answer is not the expected SOAP reply",
        "symptom=\"answer-not-understood\"",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

/// A test that waits for the answer to GetSecret, in the middle of which it is sent `signal`.
async fn stopped_while_fetching(signal: &str, check_in: fn() -> Reply) -> (Ran, usize) {
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "GetSecret" => {
            let secret = format!("<Errors />{}", password_secret());
            Reply::Together(Arc::clone(&held), secret)
        }
        "CheckIn" => check_in(),
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let arguments = [&JOE[..], &["--retrieve", "7"]].concat();
    let mut child: Child = ecm(directory.path(), &arguments).spawn().unwrap();
    soon(async {
        while vault.count("GetSecret") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await;
    assert!(sent.unwrap().success());
    let mut complaints = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = soon(complaints.next_line()).await.unwrap().unwrap();
    assert!(
        first.contains("waiting until the credential is back"),
        "{first}"
    );
    soon(gate.wait()).await;
    let output = soon(child.wait_with_output()).await.unwrap();
    let log = std::fs::read_to_string(directory.path().join("Configurator.log")).unwrap();
    let ran = Ran {
        code: output.status.code(),
        said: String::from_utf8(output.stdout).unwrap(),
        complaint: first,
        log,
    };
    (ran, vault.count("CheckIn"))
}

#[tokio::test]
async fn a_test_that_is_stopped_while_it_fetches_checks_in_first() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let (ran, check_ins) =
            stopped_while_fetching(signal, || Reply::Result("<Errors />".into())).await;
        assert_eq!((ran.code, check_ins), (Some(130), 1), "{signal}");
    }
}

#[tokio::test]
async fn a_test_that_is_stopped_and_cannot_check_in_says_so() {
    let (ran, _) = stopped_while_fetching("-TERM", || refused("Access Denied")).await;
    assert_eq!(ran.code, Some(130));
    for text in [&ran.said, &ran.log] {
        assert!(
            text.contains("Credential 7 may still be checked out."),
            "{text}"
        );
    }
}

/// The most memory that `child` has had at once so far, in KiB.
pub fn peak_kib(child: &Child) -> u64 {
    let status = format!("/proc/{}/status", child.id().unwrap());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// The peak of a test whose GetSecret is answered with `answer`, read while its CheckIn, which comes
/// after, is held.
async fn peak_after(answer: impl Fn() -> Reply + Send + Sync + 'static) -> u64 {
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "GetSecret" => answer(),
        "CheckIn" => Reply::Together(Arc::clone(&held), "<Errors />".into()),
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let arguments = [&JOE[..], &["--retrieve", "7"]].concat();
    let child = ecm(directory.path(), &arguments).spawn().unwrap();
    soon(async {
        while vault.count("CheckIn") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let peak = peak_kib(&child);
    soon(gate.wait()).await;
    soon(child.wait_with_output()).await.unwrap();
    peak
}

type Answer = Box<dyn Fn() -> Reply + Send + Sync>;

#[tokio::test]
async fn memory_stays_bounded_whatever_the_vault_sends() {
    /// What an answer of the longest length may cost beside itself: 60,000 elements of a tree.
    const ALLOWED_KIB: u64 = 32 * 1024;
    let usual = peak_after(|| Reply::Result(format!("<Errors />{}", password_secret()))).await;
    let chunk = format!("4000000\r\n{}\r\n", " ".repeat(64 << 20));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let flood = [head, &chunk].concat().into_bytes();
    let many = format!(
        "<Errors /><Secret><Items>{}</Items></Secret>",
        "<SecretItem/>".repeat(300_000)
    );
    let hostile: [(&str, Answer); 4] = [
        (
            "64 MiB in chunks",
            Box::new(move || Reply::Raw(flood.clone())),
        ),
        (
            "300,000 elements",
            Box::new(move || Reply::Result(many.clone())),
        ),
        (
            "a bomb",
            Box::new(|| Reply::Raw(crate::bomb::answer("Content-Encoding: gzip\r\n"))),
        ),
        (
            "a bomb that is not announced",
            Box::new(|| Reply::Raw(crate::bomb::answer(""))),
        ),
    ];
    for (what, answer) in hostile {
        let peak = peak_after(answer).await;
        assert!(
            peak < usual + ALLOWED_KIB,
            "{what}: {peak} KiB, usually {usual} KiB"
        );
    }
}

#[tokio::test]
async fn the_dialog_and_the_log_begin_with_what_was_tested() {
    let directory = configured("https://vault.acme.example", "results_max = 0");
    let url = format!("endpoint_url=https://svc:{CANARY}@other.acme.example/x.asmx?token={CANARY}");
    let reference = "api_password=env:API_PASSWORD";
    let set = ["--set", &url, "--set", reference, "--set", "results_max=9"];
    let Ran { said, log, .. } = ran(directory.path(), &[&JOE[..], &set].concat()).await;
    let file = directory.path().canonicalize().unwrap().join("ecm.toml");
    let about = format!(
        "Test Settings: Secret Server\n\n\
         \x20 ECM version             {}\n\
         \x20 Configuration           {}\n\
         \x20 Endpoint URL            https://***@other.acme.example/x.asmx?***\n\
         \x20 API User                svc\n\
         \x20 Changed by --set        api_password, endpoint_url, results_max\n\n\
         \x20 SRA Console Username    joe.user\n",
        env!("CARGO_PKG_VERSION"),
        file.display(),
    );
    assert!(said.starts_with(&about), "{said}");
    assert!(log.contains(&in_log(&said)), "{log}");

    let json = [&JOE[..], &set, &["--json"]].concat();
    let report: Value = serde_json::from_str(&ran(directory.path(), &json).await.said).unwrap();
    assert_eq!(report["tested"][3]["label"], "API User");
    assert_eq!(report["tested"][3]["value"], "svc");

    // Without a usable configuration the rest is told.
    let Ran { said, .. } = ran(directory.path(), &JOE).await;
    assert!(
        said.contains("\n  ECM version  ") && said.contains("\n  Configuration  "),
        "{said}"
    );
    assert!(!said.contains("Endpoint URL"), "{said}");
}

#[tokio::test]
async fn what_does_not_look_like_a_host_is_noted_and_searched_all_the_same() {
    let vault = Vault::start(well).await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let note = "\n  Note                    Hostname / IP Address does not look like a host";
    for (hostname, noted) in [
        ("https://web01", true),
        ("web01:99999", true),
        ("web01:99", false),
    ] {
        let arguments = ["--username", "joe.user", "--hostname", hostname];
        let with_label = [&arguments[..], &["--jump-item-type", "Remote RDP"]].concat();
        let Ran {
            code, said, log, ..
        } = ran(directory.path(), &with_label).await;
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.contains(note), noted, "{said}");
        assert!(log.contains(&in_log(&said)), "{log}");
        let with_json = [&arguments[..], &["--json"]].concat();
        let Ran { said, .. } = ran(directory.path(), &with_json).await;
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            report["notes"].as_array().unwrap().len(),
            usize::from(noted)
        );
        assert_eq!(report["inputs"].as_array().unwrap().len(), 3, "{said}");
    }
}

#[tokio::test]
async fn a_test_that_is_stopped_before_there_is_a_list_logs_what_it_tested() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => Reply::Silence,
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let child = ecm(directory.path(), &JOE).spawn().unwrap();
    soon(async {
        while vault.count("SearchSecretsByFieldValue") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let id = child.id().unwrap().to_string();
    Command::new("kill")
        .args(["-INT", &id])
        .status()
        .await
        .unwrap();
    let output = soon(child.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    let log = std::fs::read_to_string(directory.path().join("Configurator.log")).unwrap();
    let entry =
        "ERROR Ecm.TestSettings - interrupted before there was a list; nothing was retrieved";
    let (_, about) = log.split_once(entry).expect(entry);
    assert!(
        about.contains("ECM version") && about.contains(&vault.address.to_string()),
        "{log}"
    );
}
