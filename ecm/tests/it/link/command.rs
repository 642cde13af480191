//! The real `ecm` command: its exit codes, its ready line, its signals, its monitor.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Barrier;

use super::appliance::{Appliance, PATIENCE};
use super::rig::find;
use crate::program::{SECRET, configured, ecm, output};
use crate::test_settings_command::peak_kib;
use crate::vault::{Reply, Vault, ok, well};

/// A running service and its ready line.
async fn ready(directory: &Path, appliance: &mut Appliance) -> (Child, Value) {
    let mut child = ecm(directory, &["run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut link = appliance.next_link().await;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line())
        .await
        .expect("a line");
    let line = line.unwrap().unwrap();
    assert_eq!(link.ask(&find("r-1", "")).await["type"], "error");
    let json = line.strip_prefix("READY ").expect("a ready line");
    (child, serde_json::from_str(json).unwrap())
}

async fn signalled(mut child: Child, signal: &str) -> Option<i32> {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args([signal, &id])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
    tokio::time::timeout(PATIENCE, child.wait())
        .await
        .expect("the ECM to stop")
        .unwrap()
        .code()
}

#[tokio::test]
async fn a_value_without_its_key_is_refused_and_not_repeated() {
    let directory = configured("https://access.acme.example", "http://127.0.0.1:1", "");
    let arguments = ["test-settings", "--username", "joe", "--set", SECRET];
    let (code, _, stderr) = output(directory.path(), &arguments).await;
    assert_eq!(code, Some(2));
    assert_eq!(stderr, "ecm: --set: must be KEY=VALUE\n");
}

#[tokio::test]
async fn what_is_wrong_with_a_setting_is_said_once() {
    let directory = configured("https://access.acme.example", "ftp://vault", "");
    for command in ["check-config", "test-settings", "run"] {
        let arguments = match command {
            "test-settings" => vec![command, "--username", "joe", "--hostname", "web01"],
            _ => vec![command],
        };
        let (code, _, stderr) = output(directory.path(), &arguments).await;
        assert_eq!(code, Some(2), "{command}");
        assert_eq!(
            stderr.matches("it is not an https address").count(),
            1,
            "{command}: {stderr}"
        );
    }
}

#[tokio::test]
async fn the_ready_line_says_who_is_connected_and_signals_stop_cleanly() {
    for (signal, code) in [("-TERM", 0), ("-HUP", 0), ("-INT", 130)] {
        let mut appliance = Appliance::start().await;
        let more = "[log]\nfile = \"ECM.log\"";
        let directory = configured(&appliance.url, "http://localhost:1", more);
        let (child, ready) = ready(directory.path(), &mut appliance).await;
        assert_eq!(
            (&ready["name"], &ready["connection_id"]),
            (&"ecm".into(), &"c-1".into())
        );
        assert_eq!(ready["ecm_group"], "Default");
        assert_eq!(signalled(child, signal).await, Some(code), "{signal}");
        let log = log_of(directory.path());
        let asked = format!("INFO Ecm - asked to stop signal=\"SIG{}\"", &signal[1..]);
        let stopped = "INFO Ecm.Service - stopped check_ins_owed=0";
        assert!(log.contains(&asked) && log.contains(stopped), "{log}");
    }
}

fn log_of(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("ECM.log")).unwrap()
}

#[tokio::test]
async fn a_service_that_was_told_to_outlive_its_terminal_does() {
    let mut appliance = Appliance::start().await;
    let more = "[log]\nfile = \"ECM.log\"";
    let directory = configured(&appliance.url, "http://localhost:1", more);
    let program = env!("CARGO_BIN_EXE_ecm");
    let mut shell = crate::program::with_secrets("sh", directory.path());
    shell.args(["-c", &format!("trap '' HUP; exec {program} run")]);
    let child = shell.stdout(Stdio::null()).spawn().unwrap();
    let mut link = appliance.next_link().await;
    let id = child.id().unwrap().to_string();
    Command::new("kill")
        .args(["-HUP", &id])
        .status()
        .await
        .unwrap();
    assert_eq!(link.ask(&find("r-1", "")).await["type"], "error");
    assert_eq!(signalled(child, "-TERM").await, Some(0));
    assert!(!log_of(directory.path()).contains("SIGHUP"));
}

#[tokio::test]
async fn the_monitor_tells_health_and_counts() {
    let mut appliance = Appliance::start().await;
    let more = "[monitor]\nlisten = \"127.0.0.1:0\"";
    let directory = configured(&appliance.url, "http://localhost:1", more);
    let (child, ready) = ready(directory.path(), &mut appliance).await;
    let address = ready["monitor_url"].as_str().unwrap();
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let health = get("/health").await;
    assert!(
        health.starts_with("HTTP/1.1 503") || health.starts_with("HTTP/1.1 200"),
        "{health}"
    );
    assert!(health.contains("\"check_ins_owed\":0"), "{health}");
    let metrics = get("/metrics?probe=1").await;
    assert!(metrics.contains("\necm_build_info{version="), "{metrics}");
    assert!(
        metrics.contains("ecm_log_ons_total{whose=\"api_account\",outcome=\"error\"}"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\necm_link_connects_total 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("{type=\"find_credentials\",outcome=\"error\"} 1\n"),
        "{metrics}"
    );
    assert!(get("/").await.starts_with("HTTP/1.1 404"));
    // A second ECM cannot share the state directory.
    let (code, _, complaint) = output(directory.path(), &["run"]).await;
    assert_eq!(code, Some(2));
    assert!(complaint.contains("another ECM uses it"), "{complaint}");
    signalled(child, "-TERM").await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_cure() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = format!("[monitor]\nlisten = \"{}\"", taken.local_addr().unwrap());
    let directory = configured("http://localhost:1", "http://localhost:1", &more);
    let (code, _, complaint) = output(directory.path(), &["run"]).await;
    assert_eq!(code, Some(2));
    assert_eq!(
        complaint.matches("change monitor.listen").count(),
        1,
        "{complaint}"
    );
}

#[tokio::test]
async fn why_there_is_no_service_is_in_the_log_too() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let monitor = format!("[monitor]\nlisten = \"{}\"", taken.local_addr().unwrap());
    let log = "[log]\nfile = \"ECM.log\"\n";
    for (more, words) in [
        (&*monitor, "failed to listen on 127.0.0.1:"),
        ("[state]\ndir = \"ecm.toml\"", "a file stands in its way"),
        ("[state]\ntoken_cache_key = \"file:ecm.toml\"", "ecm.toml"),
        ("[check_in]\nnever = 1", "`check_in.never`: unknown key"),
    ] {
        let more = format!("{log}{more}");
        let directory = configured("http://localhost:1", "http://localhost:1", &more);
        let (code, _, complaint) = output(directory.path(), &["run"]).await;
        assert_eq!(code, Some(2), "{words}: {complaint}");
        assert!(complaint.contains(words), "{complaint}");
        let log = log_of(directory.path());
        let last = log.lines().last().unwrap();
        assert!(last.contains(" ERROR Ecm - not started: "), "{log}");
        assert!(last.contains(words), "{log}");
    }
}

#[tokio::test]
async fn check_config_shows_everything_at_once_and_connects_nowhere() {
    let directory = configured("https://localhost:1", "https://localhost:1", "");
    let (code, said, complaint) = output(directory.path(), &["check-config"]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{said}");
    assert!(said.starts_with("ecm.toml: nothing wrong\n"), "{said}");
    assert!(!directory.path().join("ecm-state").exists());

    let text = std::fs::read_to_string(directory.path().join("ecm.toml")).unwrap();
    let wrong = text
        .replace("env:CLIENT_SECRET", "env:UNSET_HERE")
        .replace("SSWebService.asmx", "SSWebService.php")
        .replace("client_id", "ca_file = \"none.pem\"\nclient_id");
    std::fs::write(directory.path().join("wrong.toml"), wrong).unwrap();
    let arguments = ["check-config", "--config", "wrong.toml"];
    let (code, _, complaint) = output(directory.path(), &arguments).await;
    assert_eq!(code, Some(2));
    for words in ["UNSET_HERE is not set", "none.pem", "Endpoint URL"] {
        assert!(complaint.contains(words), "{complaint}");
    }
    let arguments = ["check-config", "--config", "missing.toml"];
    let (code, _, complaint) = output(directory.path(), &arguments).await;
    assert_eq!(code, Some(2));
    assert!(complaint.contains("missing.toml"), "{complaint}");
}

#[tokio::test]
async fn test_settings_needs_no_appliance_and_tells_an_absent_vault_from_a_wrong_form() {
    let appliance = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site_url = format!("http://{}", appliance.local_addr().unwrap());
    let more = "[log]\nfile = \"ECM.log\"";
    let directory = configured(&site_url, "http://localhost:1", more);
    let before = std::fs::read(directory.path().join("ecm.toml")).unwrap();
    let arguments = ["test-settings", "--username", "joe", "--hostname", "web01"];
    let (code, said, _) = output(directory.path(), &arguments).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("Error type") && said.contains("Connectivity"),
        "{said}"
    );
    let log = std::fs::read_to_string(directory.path().join("Configurator.log")).unwrap();
    assert!(
        log.contains("ERROR Ecm.TestSettings - ") && log.contains("Connectivity"),
        "{log}"
    );

    let json = [&arguments[..], &["--json", "--set", "api_user=other"]].concat();
    let (code, said, _) = output(directory.path(), &json).await;
    assert_eq!(code, Some(3), "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&report["outcome"], &report["error"]["kind"]),
        (&"error".into(), &"connectivity".into())
    );

    for (wrong, words) in [
        (&["test-settings", "--username", "joe"][..], "Hostname"),
        (
            &[
                "test-settings",
                "--username",
                "joe",
                "--jump-item-type",
                "teleport",
            ],
            "jump_client",
        ),
        (
            &[
                "test-settings",
                "--username",
                "joe",
                "--hostname",
                "h",
                "--set",
                "api_usr=x",
            ],
            "did you mean `api_user`?",
        ),
        (
            &[
                "test-settings",
                "--username",
                "joe",
                "--hostname",
                "h",
                "--set",
                "api_password=canary",
            ],
            "must be a reference",
        ),
    ] {
        let (code, _, complaint) = output(directory.path(), wrong).await;
        assert_eq!(code, Some(2), "{wrong:?}");
        assert!(
            complaint.contains(words) && !complaint.contains("canary"),
            "{complaint}"
        );
    }
    // Nothing was saved, and nobody knocked at the appliance.
    assert_eq!(
        std::fs::read(directory.path().join("ecm.toml")).unwrap(),
        before
    );
    assert!(!directory.path().join("ecm-state").exists());
    let knock = std::future::poll_fn(|context| match appliance.poll_accept(context) {
        std::task::Poll::Ready(_) => std::task::Poll::Ready(true),
        std::task::Poll::Pending => std::task::Poll::Ready(false),
    });
    assert!(!knock.await, "the appliance was contacted");
}

#[tokio::test]
async fn check_config_and_run_refuse_the_same_places_with_their_cure() {
    use std::os::unix::fs::PermissionsExt;
    let more = |log: &str, dir: &str, key: &str| {
        format!(
            "[log]\nfile = \"{log}\"\n[state]\ndir = \"{dir}\"\ntoken_cache_key = \"file:{key}\""
        )
    };
    let good = ("ECM.log", "state", "key");
    for (places, words) in [
        (
            ("ecm.toml/ECM.log", good.1, good.2),
            &["log.file", "not a directory"][..],
        ),
        (
            (good.0, "ecm.toml/state", good.2),
            &["state", "not a directory"],
        ),
        ((good.0, good.1, "open-key"), &["open-key", "chmod 600"]),
        (
            (good.0, good.1, "ecm.toml/key"),
            &["ecm.toml/key", "not a directory"],
        ),
        (
            (good.0, good.1, "missing/key"),
            &["missing/key", "so is its directory", "make the directory"],
        ),
        (
            ("ecm.toml/a", "ecm.toml/b", "open-key"),
            &["`log.file`", "`state.dir`", "open-key"],
        ),
    ] {
        let (log, dir, key) = places;
        let directory = configured(
            "http://localhost:1",
            "http://localhost:1",
            &more(log, dir, key),
        );
        let open = directory.path().join("open-key");
        std::fs::write(&open, [7; 32]).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
        let (code, _, complaint) = output(directory.path(), &["check-config"]).await;
        assert_eq!(code, Some(2), "{places:?}");
        for words in words {
            assert!(
                complaint.to_lowercase().contains(words),
                "{places:?}: {complaint}"
            );
        }
        assert!(
            !directory.path().join("state").exists(),
            "something was made"
        );
        let (code, _, complaint) = output(directory.path(), &["run"]).await;
        assert_eq!(code, Some(2), "run with {places:?}: {complaint}");
    }
    let (log, dir, key) = good;
    let directory = configured(
        "http://localhost:1",
        "http://localhost:1",
        &more(log, dir, key),
    );
    let (code, said, complaint) = output(directory.path(), &["check-config"]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    let made = "key (missing; `ecm run` makes it, its directory can be written)\n";
    assert!(said.ends_with(made), "{said}");
    assert!(!directory.path().join("key").exists(), "a key was made");
    let more = more(log, dir, "state/key");
    let directory = configured("http://localhost:1", "http://localhost:1", &more);
    for command in ["check-config", "run"] {
        let (code, _, complaint) = output(directory.path(), &[command]).await;
        assert_eq!(code, Some(2));
        assert!(
            complaint.contains("must not lie in state.dir"),
            "{complaint}"
        );
    }
}

#[tokio::test]
async fn the_form_of_a_bundled_ecm_is_checked_and_tested_like_any_other_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"
[vault.password-safe-bundled]
host = "localhost"
port = 1
client_id = "ecm-client"
api_key = "env:CLIENT_SECRET"
api_registration_key = "env:API_PASSWORD"
endpoint_url = "https://localhost:1/BeyondTrust/api/public/v3"
"#;
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    let (code, said, complaint) = output(directory.path(), &["check-config"]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{said}");
    for words in ["https://localhost:1/\n", "(Password Safe)"] {
        assert!(said.contains(words), "{said}");
    }
    let test = ["test-settings", "--username", "joe", "--hostname", "web01"];
    let (code, said, _) = output(directory.path(), &test).await;
    assert_eq!(code, Some(3), "{said}");
    let wrong = [&test[..], &["--set", "prot=1"]].concat();
    let (code, _, complaint) = output(directory.path(), &wrong).await;
    assert_eq!(code, Some(2));
    assert!(complaint.contains("did you mean `port`?"), "{complaint}");
}

/// Every look-up is answered with the longest answers that are read, all of them at the same
/// moment.
#[tokio::test]
async fn many_look_ups_at_a_hostile_vault_keep_memory_bounded() {
    const LOOK_UPS: usize = 32;
    /// What answers may hold together, the buffers of 64 connections, and what the allocator has not
    /// given back yet; without a limit for all of them it is more than twice as much.
    const ALLOWED_KIB: u64 = 128 * 1024;
    let mut appliance = Appliance::start().await;
    let together = Arc::new(Barrier::new(LOOK_UPS));
    // Not to be understood from the start on, so that nobody waits for it to be taken apart.
    let long = "&x;".to_owned() + &" ".repeat(4_000_000);
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" if call.body.contains("usual") => ok(""),
        "SearchSecretsByFieldValue" => Reply::Together(Arc::clone(&together), long.clone()),
        _ => well(call),
    })
    .await;
    let url = format!("http://{}", vault.address);
    let directory = configured(&appliance.url, &url, "");
    let child = ecm(directory.path(), &["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut link = appliance.next_link().await;
    let of = |id: String, hostname: &str| {
        let mut look_up = find(&id, "joe");
        look_up["session"]["jump_item"]["hostname"] = hostname.into();
        look_up
    };
    let usual = link.ask(&of("r-0".into(), "usual")).await;
    assert_eq!(usual["type"], "credentials", "{usual}");
    let usual = peak_kib(&child);
    for number in 1..=LOOK_UPS {
        link.send(&of(format!("r-{number}"), "web01")).await;
    }
    for _ in 0..LOOK_UPS {
        let answer = link.next().await;
        assert_eq!(answer["category"], "unexpected", "{answer}");
    }
    let peak = peak_kib(&child);
    assert!(
        peak < usual + ALLOWED_KIB,
        "{peak} KiB, usually {usual} KiB"
    );
}
