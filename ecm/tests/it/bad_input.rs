//! What a clumsy or hostile operator gives the command: each has its exit code and one message that
//! names the cure, and nothing is waited for or repeated that may be a secret.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::program::{configured, ecm, ended, output};

/// Every subcommand that reads the configuration.
const COMMANDS: [&[&str]; 4] = [
    &["check-config"],
    &["run"],
    &["clear-token-cache"],
    &["test-settings", "--username", "joe", "--hostname", "srv01"],
];

const TEST: &[&str] = COMMANDS[3];

fn usual() -> tempfile::TempDir {
    configured("http://localhost:1", "http://localhost:1", "")
}

fn pipe(path: &Path) {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

#[tokio::test]
async fn what_is_no_configuration_is_named_with_its_cure_by_every_command() {
    let directory = usual();
    let good = std::fs::read_to_string(directory.path().join("ecm.toml")).unwrap();
    let utf16: Vec<_> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&b"\xff\xfe"[..], &utf16].concat();
    let files: [(&str, &[u8], &str); 5] = [
        (
            "empty",
            b"",
            "`vault`: missing; add a section [vault.secret-server], [vault.password-safe] or",
        ),
        (
            "binary",
            &[0xff; 3000],
            "it is not UTF-8 text; save it as UTF-8",
        ),
        ("utf16", &utf16, "it is not UTF-8 text; save it as UTF-8"),
        (
            "large",
            &vec![b'#'; 10_000_000],
            "it is larger than 1048576 bytes; name the file",
        ),
        (
            "twice",
            b"[vault]\n[vault]\n",
            "twice:2: not valid TOML: duplicate key",
        ),
    ];
    for (name, bytes, _) in files {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    pipe(&directory.path().join("pipe"));
    let others = [
        (".", "it is a directory; name the file with --config"),
        (
            "none",
            "No such file or directory (os error 2); name the file with --config",
        ),
        (
            "/dev/zero",
            "it is a device or a socket, not a file; name the file",
        ),
        (
            "pipe",
            "`vault`: missing; add a section [vault.secret-server], [vault.password-safe] or",
        ),
    ];
    let files = files.map(|(name, _, words)| (name, words));
    for (name, words) in files.into_iter().chain(others) {
        for command in COMMANDS {
            let arguments = [command, &["--config", name]].concat();
            let (code, _, complaint) = output(directory.path(), &arguments).await;
            assert_eq!(code, Some(2), "{arguments:?}: {complaint}");
            assert!(complaint.contains(words), "{arguments:?}: {complaint}");
        }
    }
}

#[tokio::test]
async fn what_editors_of_windows_leave_behind_is_no_fault() {
    let directory = usual();
    let file = directory.path().join("ecm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let (code, _, complaint) = output(directory.path(), &["check-config"]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
}

/// What `check-config` says of a configuration that is wrong.
async fn complaint(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ecm.toml"), text).unwrap();
    let (code, _, complaint) = output(directory.path(), &["check-config"]).await;
    assert_eq!(code, Some(2), "{complaint}");
    complaint
}

#[tokio::test]
async fn a_flood_of_faults_is_cut_and_a_key_cannot_clear_the_screen() {
    let keys: String = (0..90_000).map(|number| format!("k{number}=1\n")).collect();
    let said = complaint(&keys).await;
    assert_eq!(said.lines().count(), 51, "{said}");
    assert!(
        said.ends_with("there is more from here on; correct what is above first\n"),
        "{said}"
    );
    let said = complaint(&format!("a = {}", "[".repeat(100_000))).await;
    assert!(said.lines().count() <= 51, "{said}");
    let said = complaint("\"\\u001b[2J\" = 1").await;
    assert!(
        said.contains("unknown key") && !said.contains('\u{1b}'),
        "{said}"
    );
    let directory = usual();
    let (_, _, said) = output(directory.path(), &["run", "--config", "\u{1b}[2J"]).await;
    assert!(said.contains(r"\u{1b}[2J"), "{said}");
    let said = complaint(&format!("{} = 1", "k".repeat(500_000))).await;
    assert!(said.len() < 1000, "{}", said.len());
}

#[tokio::test]
async fn a_classic_level_file_that_cannot_be_used_is_named_with_its_cure() {
    for (content, reason) in [
        (None, "No such file or directory (os error 2)"),
        (Some(&b"\xff\xfe<\0"[..]), "it is not UTF-8 text"),
        (
            Some(b"<a><level value=\"INFO\"/>"),
            "it is not well-formed XML",
        ),
        (Some(b"<a/>"), "it has no <level value="),
        (
            Some(b"<level value=\"LOUD\"/>"),
            "its <level> is none of DEBUG, INFO",
        ),
    ] {
        let more = "[log]\nclassic_level_file = \"ECM.config\"";
        let directory = configured("http://localhost:1", "http://localhost:1", more);
        if let Some(content) = content {
            std::fs::write(directory.path().join("ECM.config"), content).unwrap();
        }
        let (code, _, said) = output(directory.path(), &["check-config"]).await;
        assert_eq!(code, Some(2), "{reason}");
        assert!(
            said.contains(&format!(
                "`log.classic_level_file`: cannot be used: {reason}"
            )),
            "{said}"
        );
        assert!(
            said.contains("; correct ECM.config, or give `level` instead"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_section_of_a_wrong_type_is_one_fault() {
    for (text, fault) in [
        (
            "vault = 4",
            "`vault`: must be a table, and is of type integer",
        ),
        (
            "[[vault.secret-server]]\napi_user = \"x\"",
            "`vault.secret-server`: must be a table, and is of type array",
        ),
    ] {
        let said = complaint(text).await;
        assert_eq!(said.matches("`vault").count(), 1, "{said}");
        assert!(said.contains(fault), "{said}");
    }
}

#[tokio::test]
async fn what_stands_in_place_of_a_secret_is_told_and_never_given_other_permissions() {
    let directory = usual();
    let file = directory.path().join("ecm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    pipe(&directory.path().join("pipe"));
    for (reference, words) in [
        (
            "file:.",
            "it is a directory; name a file that the user running the ECM owns",
        ),
        (
            "file:/dev/zero",
            "it is a device or a socket, not a file; name a file",
        ),
        (
            "file:none",
            "No such file or directory (os error 2); name a file",
        ),
        (
            "file:pipe",
            "it is empty, longer than 64 KiB, or not UTF-8; put the secret there",
        ),
        (
            "env:LATIN",
            "it is empty, longer than 64 KiB, or not UTF-8; put the secret there",
        ),
    ] {
        std::fs::write(&file, text.replace("env:API_PASSWORD", reference)).unwrap();
        let mut command = ecm(directory.path(), &["check-config"]);
        command.env("LATIN", OsStr::from_bytes(b"p\xe4ss"));
        let (code, _, complaint) = ended(&mut command).await;
        assert_eq!(code, Some(2), "{reference}");
        assert!(complaint.contains(words), "{reference}: {complaint}");
        assert!(!complaint.contains("chmod"), "{reference}: {complaint}");
    }
}

#[tokio::test]
async fn a_ca_file_without_an_end_is_not_read_to_it() {
    for ca_file in ["/dev/zero", "."] {
        let section = format!("ca_file = {ca_file:?}");
        let directory = configured("http://localhost:1", "http://localhost:1", &section);
        let (code, _, complaint) = output(directory.path(), &["check-config"]).await;
        assert_eq!(code, Some(2));
        assert!(complaint.contains("it must be a PEM file"), "{complaint}");
    }
}

#[tokio::test]
async fn a_secret_in_place_of_a_key_or_an_address_is_not_repeated() {
    // A password in base64 ends in an equals sign and so looks like a key.
    const SECRET: &str = "c2VjcmV0LWNhbmFyeQ";
    let directory = usual();
    let padded = format!("{SECRET}==");
    let web = [
        "test-settings",
        "--username",
        "joe",
        "--jump-item-type",
        "web_jump",
        "--url",
    ];
    let addresses = [
        format!("https://joe:{SECRET}@erp.example/"),
        format!("joe:{SECRET}@erp.example"),
        format!("https://joe:{SECRET}/x@erp.example/"),
        format!("https://erp.example/?token={SECRET}"),
        format!("https://erp.example/#{SECRET}"),
        format!("https://{SECRET}@erp.example/"),
        format!("erp.example/?token={SECRET}"),
        format!("erp.example:8443/?token={SECRET}"),
        format!("joe:pw@erp.example/?token={SECRET}"),
        format!("joe:{SECRET}?pw@erp.example/"),
    ];
    let tests = addresses
        .iter()
        .map(|address| [&web[..], &[address]].concat());
    for arguments in tests.chain([[TEST, &["--set", &padded]].concat()]) {
        let (code, said, complaint) = output(directory.path(), &arguments).await;
        assert!(matches!(code, Some(2 | 3)), "{arguments:?}");
        let log = std::fs::read_to_string(directory.path().join("Configurator.log")).unwrap();
        for text in [said, complaint, log] {
            assert!(!text.contains(SECRET), "{arguments:?}: {text}");
        }
    }
}

#[tokio::test]
async fn a_field_that_no_console_would_send_is_refused_and_shown_harmlessly() {
    let directory = usual();
    for (username, words) in [
        (
            "joe\u{1b}[2J\nError type",
            "SRA Console Username holds a control character",
        ),
        (
            &"j".repeat(100_000),
            "SRA Console Username is longer than 1024 characters",
        ),
        (" ", "SRA Console Username is required"),
    ] {
        let arguments = [
            "test-settings",
            "--username",
            username,
            "--hostname",
            "srv01",
        ];
        let (code, said, complaint) = output(directory.path(), &arguments).await;
        assert_eq!(code, Some(2), "{said}");
        for text in [&said, &complaint] {
            assert!(text.contains(words) && !text.contains('\u{1b}'), "{text}");
            assert!(text.len() < 5_000, "{}", text.len());
        }
        assert_eq!(said.matches("\n  Error type").count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_name_may_begin_with_a_hyphen_and_an_unset_variable_is_no_name() {
    let directory = usual();
    let hyphens = [
        "test-settings",
        "--username",
        "-joe",
        "--hostname",
        "-srv",
        "--retrieve",
        "-7",
    ];
    let (code, said, _) = output(directory.path(), &hyphens).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("SRA Console Username    -joe\n"), "{said}");
    let (code, _, _) = output(directory.path(), &["clear-token-cache", "--user", "-joe"]).await;
    assert_eq!(code, Some(0));

    for arguments in [
        &["clear-token-cache", "--user", ""][..],
        &[TEST, &["--retrieve", ""]].concat(),
    ] {
        let (code, _, complaint) = output(directory.path(), arguments).await;
        assert_eq!(code, Some(2));
        assert!(complaint.contains("a value is required"), "{complaint}");
    }
}

#[tokio::test]
async fn an_option_whose_value_was_forgotten_does_not_swallow_the_next_one() {
    const SECRET: &str = "c2VjcmV0LWNhbmFyeQ";
    let directory = usual();
    let set = format!("--set=api_password={SECRET}");
    let set = set.as_str();
    let tests: [(&[&str], &str); 8] = [
        (&["--username", "--json"], "--username <NAME>"),
        (&["--username", set], "--username <NAME>"),
        (&["--username", "--"], "--username <NAME>"),
        (
            &["--distinguished-name", "--explain"],
            "--distinguished-name <DN>",
        ),
        (&["--hostname", "-h"], "--hostname <HOST>"),
        (&["--application-name", "-c"], "--application-name <NAME>"),
        (&["--retrieve", "--explain"], "--retrieve <ID>"),
        (&["--retrieve", "-V"], "--retrieve <ID>"),
    ];
    let tests = tests.map(|(more, named)| ([&["test-settings"], more].concat(), named));
    let clears = ["--config", "-c"].map(|flag| {
        let arguments = vec!["clear-token-cache", "--user", flag];
        (arguments, "--user <NAME>")
    });
    for (arguments, named) in tests.into_iter().chain(clears) {
        let (code, _, complaint) = output(directory.path(), &arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}: {complaint}");
        let words = format!("error: a value is required for '{named}' but none was supplied");
        assert!(complaint.contains(&words), "{arguments:?}: {complaint}");
        assert!(complaint.contains("try '--help'"), "{complaint}");
        assert!(!complaint.contains(SECRET), "{complaint}");
    }
}

#[tokio::test]
async fn output_that_is_lost_is_no_success_and_a_reader_that_left_is_no_failure() {
    let directory = usual();
    let json = [TEST, &["--json"]].concat();
    for arguments in [&["check-config"][..], &["clear-token-cache"], &json] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = ecm(directory.path(), arguments);
        command.stdout(full).stderr(Stdio::piped());
        let ran = crate::vault::soon(command.spawn().unwrap().wait_with_output())
            .await
            .unwrap();
        let complaint = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{complaint}");
        assert!(
            complaint.contains("failed to write to standard output: No space"),
            "{complaint}"
        );
        assert!(
            complaint.contains("send it to a place with room"),
            "{complaint}"
        );
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = ecm(directory.path(), &["check-config"]);
    command.stdout(writer).stderr(Stdio::piped());
    let ran = crate::vault::soon(command.spawn().unwrap().wait_with_output())
        .await
        .unwrap();
    assert_eq!((ran.status.code(), ran.stderr), (Some(0), Vec::new()));
}

#[tokio::test]
async fn foreign_things_in_the_state_directory_are_told_with_their_cure() {
    let directory = usual();
    let state = directory.path().join("ecm-state");
    let refused = async |words: &str| {
        let (code, _, complaint) = output(directory.path(), &["run"]).await;
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    };
    std::fs::write(&state, "").unwrap();
    refused("a file stands in its way; name another state.dir").await;
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    for (name, words) in [
        (
            "lock",
            "lock: Is a directory (os error 21); move this directory away",
        ),
        ("ecm-id", "ecm-id: is a directory; move this directory away"),
    ] {
        std::fs::create_dir(state.join(name)).unwrap();
        refused(words).await;
        std::fs::remove_dir(state.join(name)).unwrap();
    }
    let outbox = state.join("check-ins.log");
    let _ = std::fs::remove_file(&outbox);
    std::fs::create_dir(&outbox).unwrap();
    refused("check-ins.log: it is a directory; move it away").await;
    std::fs::remove_dir(&outbox).unwrap();
    pipe(&outbox);
    refused("check-ins.log: it is a pipe or a device; move it away").await;
    std::fs::remove_file(&outbox).unwrap();
    std::fs::File::create(&outbox)
        .unwrap()
        .set_len(65 << 20)
        .unwrap();
    refused("check-ins.log: it is larger than 64 MiB; move it away").await;
}
