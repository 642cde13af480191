//! Every outcome of *Test Settings* (documented ecm:§5.3) in all the places where it is told: the
//! dialog, JSON, the exit code, `Configurator.log`.

use serde_json::Value;

use crate::test_settings_command::{JOE, Ran, configured, in_log, ran};
use crate::vault::{Call, Reply, Vault, http, ok, password_secret, refused, summaries, well};

/// One outcome and how it is told.
struct Outcome {
    vault: fn(&Call) -> Reply,
    retrieve: bool,
    code: i32,
    /// Of the JSON: its outcome, the kind of its error.
    outcome: &'static str,
    kind: Option<&'static str>,
    /// Of the log.
    level: &'static str,
    /// What the dialog says, in this order.
    says: &'static [&'static str],
}

async fn check(expected: Outcome) {
    let vault = Vault::start(expected.vault).await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let retrieve: &[&str] = if expected.retrieve {
        &["--retrieve", "7"]
    } else {
        &[]
    };
    let arguments = [&JOE[..], retrieve].concat();

    let Ran {
        code,
        said,
        complaint,
        log,
    } = ran(directory.path(), &arguments).await;
    assert_eq!(
        (code, complaint.as_str()),
        (Some(expected.code), ""),
        "{said}"
    );
    let mut rest = said.as_str();
    let inputs = [
        "Test Settings: Secret Server",
        "SRA Console Username    joe.user",
        "Hostname / IP Address   srv01",
    ];
    for words in inputs.iter().chain(expected.says) {
        let (_, after) = rest
            .split_once(words)
            .unwrap_or_else(|| panic!("{words}: {said}"));
        rest = after;
    }
    assert!(!said.contains("What was tried"), "{said}");
    let entry = format!("{} Ecm.TestSettings - {}", expected.level, in_log(&said));
    assert!(log.contains(&entry), "{entry}\n{log}");
    // The steps are in the log when something failed, asked for or not.
    assert_eq!(
        log.contains("What was tried"),
        expected.level == "ERROR",
        "{log}"
    );

    let explain = [&arguments[..], &["--explain"]].concat();
    let explained = ran(directory.path(), &explain).await;
    let steps = explained
        .said
        .strip_prefix(said.trim_end())
        .expect("the same text first");
    assert!(
        steps.contains("What was tried") && steps.contains("user in   joe.user (local)"),
        "{steps}"
    );
    assert!(
        explained.log.contains(&in_log(&explained.said)),
        "{}",
        explained.log
    );

    let json = [&explain[..], &["--json"]].concat();
    let json = ran(directory.path(), &json).await;
    assert_eq!(json.code, Some(expected.code));
    let report: Value = serde_json::from_str(&json.said).unwrap();
    assert_eq!(report["outcome"], expected.outcome, "{report}");
    assert_eq!(report["error"]["kind"].as_str(), expected.kind, "{report}");
    assert!(
        report["steps"][0].as_str().unwrap().contains("joe.user"),
        "{report}"
    );
    assert_eq!(
        report["retrieval"].is_object(),
        expected.retrieve,
        "{report}"
    );
}

#[tokio::test]
async fn a_handled_error_has_its_type_the_inputs_and_where_it_arose() {
    check(Outcome {
        vault: |_| refused("Login failed."),
        retrieve: false,
        code: 1,
        outcome: "error",
        kind: Some("authentication"),
        level: "ERROR",
        says: &[
            "Error Retrieving Credential List",
            "Error type              Authentication",
            "Where                   vault operation Authenticate",
            "The vault said          Login failed.",
            "What to do",
            "Whose turn",
        ],
    })
    .await;
}

#[tokio::test]
async fn an_unanticipated_error_is_shown_raw() {
    check(Outcome {
        vault: |_| {
            http(
                "200 OK",
                "application/json",
                r#"{"message":"out of cheese"}"#,
            )
        },
        retrieve: false,
        code: 1,
        outcome: "error",
        kind: Some("unexpected"),
        level: "ERROR",
        says: &[
            "Error Retrieving Credential List",
            "Unexpected (raw information)",
            "HTTP status 200, application/json",
            "Where                   vault operation Authenticate",
            "The vault said          message: out of cheese",
        ],
    })
    .await;
}

#[tokio::test]
async fn no_results_are_a_success_everywhere() {
    check(Outcome {
        vault: |call| match call.operation.as_str() {
            "SearchSecretsByFieldValue" => ok("<SecretSummaries />"),
            _ => well(call),
        },
        retrieve: false,
        code: 0,
        outcome: "no_results",
        kind: None,
        level: "INFO",
        says: &[
            "No results: the test succeeded and found no credentials",
            "not an error",
        ],
    })
    .await;
}

#[tokio::test]
async fn a_list_has_the_way_to_retrieve_each_entry() {
    check(Outcome {
        vault: |call| match call.operation.as_str() {
            "SearchSecretsByFieldValue" => {
                ok(&summaries(&[(7, "srv01\\Admin"), (12, "srv01\\backup")]))
            }
            _ => well(call),
        },
        retrieve: false,
        code: 0,
        outcome: "found",
        kind: None,
        level: "INFO",
        says: &[
            "Success: 2 credentials found",
            "srv01\\Admin",
            "Retrieve Credential: --retrieve 7",
            "srv01\\backup",
            "Retrieve Credential: --retrieve 12",
        ],
    })
    .await;
}

#[tokio::test]
async fn a_retrieved_credential_is_found_and_given_back_without_its_password() {
    check(Outcome {
        vault: |call| match call.operation.as_str() {
            "GetSecret" => ok(&password_secret()),
            _ => well(call),
        },
        retrieve: true,
        code: 0,
        outcome: "found",
        kind: None,
        level: "INFO",
        says: &[
            "Success: 1 credential found",
            "found credential 7",
            "Password                found, not shown",
            "It was checked in again.",
        ],
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_retrieved_is_an_error_beside_the_list() {
    check(Outcome {
        vault: |call| match call.operation.as_str() {
            "GetSecret" => refused("Access Denied"),
            _ => well(call),
        },
        retrieve: true,
        code: 1,
        outcome: "error",
        kind: Some("permission"),
        level: "ERROR",
        says: &[
            "Success: 1 credential found",
            "Error Retrieving Credential\n",
            "Error type              Permission",
            "Where                   vault operation GetSecret",
            "The vault said          Access Denied",
        ],
    })
    .await;
}

#[tokio::test]
async fn an_approval_that_is_pending_has_a_dialog_of_its_own() {
    check(Outcome {
        vault: |call| match call.operation.as_str() {
            "ImpersonateUser" => Reply::Result(
                "<Errors><string>The request is pending approval.</string></Errors>\
                 <AuthorizeURL>https://vault.acme.example/approve</AuthorizeURL>"
                    .into(),
            ),
            _ => well(call),
        },
        retrieve: false,
        code: 1,
        outcome: "error",
        kind: Some("pending_approval"),
        level: "ERROR",
        says: &[
            "Error Retrieving Credential List",
            "Permission, pending approval",
            "authentication was successful, but permission to access this user's secrets is pending approval",
            "https://vault.acme.example/approve",
            "Tools > Manage Applications",
            "console user",
        ],
    })
    .await;
}

#[tokio::test]
async fn json_holds_what_the_vault_named_and_nothing_that_a_terminal_obeys() {
    const NAME: &str = "srv01\u{9b}2J\u{7f}\u{85}\u{9f}\u{202e}\u{a0}\u{fc}";
    let vault = Vault::start(|call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => ok(&summaries(&[(7, NAME)])),
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let Ran { code, said, .. } = ran(directory.path(), &[&JOE[..], &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let shown = report["credentials"][0]["display_value"].as_str().unwrap();
    assert!(shown.contains(NAME), "{shown:?}");
    let escaped = concat!(r"srv01\u009b2J\u007f\u0085\u009f\u202e", "\u{a0}\u{fc}");
    assert!(said.contains(escaped), "{said:?}");
}
