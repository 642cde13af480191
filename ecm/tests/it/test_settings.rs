//! The Test Settings form: its rules, its outcomes and their texts.

use ecm::diagnosis::Symptom;
use ecm::plugin::{CredentialSummary, JumpItemType};
use ecm::test_settings::{TestForm, TestReport, test_settings};

use crate::vault::{
    CANARY, Call, Reply, Vault, item, ok, plugin, refused, secret, soon, summaries, well,
};

fn form() -> TestForm {
    TestForm::new(
        "ACME\\joe.user",
        JumpItemType::RemoteRdp,
        "srv01.acme.example",
    )
}

/// Runs the test against a vault that fall-back users and domains are configured for.
async fn run(
    form: &TestForm,
    retrieve: Option<&str>,
    script: impl Fn(&Call) -> Reply + Send + Sync + 'static,
) -> TestReport {
    let vault = Vault::start(script).await;
    let mut settings = vault.settings();
    settings.fall_back_to_local = true;
    settings.include_domain_credentials_for = vec!["ACME".into()];
    soon(test_settings(&plugin(settings), form, retrieve))
        .await
        .unwrap()
}

fn problems(form: &TestForm) -> Vec<String> {
    form.session()
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn a_name_longer_than_any_column_is_shown_like_another() {
    let name = "n".repeat(70_000);
    let list = summaries(&[(7, &name), (8, "short")]);
    let report = run(&form(), None, move |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => ok(&list),
        _ => well(call),
    })
    .await;
    let text = report.to_text(false);
    assert!(
        text.contains("n (Windows Account)  Retrieve Credential: --retrieve 7"),
        "{}",
        text.len()
    );
    assert!(text.contains("--retrieve 8"));
}

#[test]
fn each_type_has_its_own_fields_and_all_problems_come_at_once() {
    assert_eq!(problems(&form()), [""; 0]);
    let empty = TestForm::new(" ", JumpItemType::WebJump, "srv01");
    assert_eq!(
        problems(&empty),
        [
            "SRA Console Username is required",
            "Hostname / IP Address does not apply to a Web Jump",
            "Website URL is required for a Web Jump",
        ]
    );
    let web = |url: &str| TestForm {
        url: Some(url.into()),
        ..TestForm::new("joe", JumpItemType::WebJump, "")
    };
    assert_eq!(problems(&web("https://intranet.example/")), [""; 0]);
    for wrong in ["intranet", "ftp://intranet.example", "https://"] {
        assert_eq!(
            problems(&web(wrong)),
            ["Website URL must be an address such as https://intranet.example/"],
            "{wrong}"
        );
    }
    let everything = TestForm {
        url: Some("https://x/".into()),
        additional_ips: vec!["10.0.0.1".into()],
        application_name: Some("Payroll".into()),
        ..TestForm::new("joe", JumpItemType::ShellJump, "")
    };
    assert_eq!(
        problems(&everything),
        [
            "Hostname / IP Address is required for this Jump Item type",
            "Website URL applies to a Web Jump or a Protocol Tunnel only",
            "Additional IP Address applies to a Jump Client only",
            "Application Name applies to RDP + SecureApp only",
        ]
    );
    let tunnel = TestForm {
        url: Some("https://k8s.acme.example:6443/".into()),
        ..TestForm::new("joe", JumpItemType::ProtocolTunnel, "")
    };
    assert_eq!(problems(&tunnel), [""; 0]);
    assert_eq!(
        problems(&TestForm {
            hostname: Some("k8s".into()),
            ..tunnel.clone()
        }),
        [""; 0]
    );
    assert_eq!(
        problems(&TestForm {
            url: None,
            ..tunnel
        }),
        ["Hostname / IP Address is required for this Jump Item type"]
    );
    let client = TestForm {
        additional_ips: vec!["10.0.0.x".into()],
        ..TestForm::new("joe", JumpItemType::JumpClient, "lap07")
    };
    assert_eq!(
        problems(&client),
        ["Additional IP Address must be an IP address"]
    );
}

#[tokio::test]
async fn a_list_is_shown_with_the_way_to_retrieve_and_every_step_explained() {
    let report = run(&form(), None, |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => match call.parameter("searchTerm") {
            "srv01" => ok(&summaries(&[(12, "srv01\\backup"), (7, "srv01\\Admin")])),
            "ACME" => ok(&summaries(&[
                (7, "srv01\\Admin"),
                (31, "ACME\\administrator"),
            ])),
            _ => ok("<SecretSummaries />"),
        },
        "ImpersonateUser" if call.parameter("domain") == "ACME" => refused("User not found."),
        _ => well(call),
    })
    .await;
    assert!(report.succeeded());
    insta::assert_snapshot!(report.to_text(true), @r"
    Test Settings: Secret Server

      SRA Console Username    ACME\joe.user
      Jump Item Type          remote_rdp
      Hostname / IP Address   srv01.acme.example
      Vault user              joe.user

    Success: 3 credentials found

      srv01\Admin (Windows Account)         Retrieve Credential: --retrieve 7
      srv01\backup (Windows Account)        Retrieve Credential: --retrieve 12
      ACME\administrator (Windows Account)  Retrieve Credential: --retrieve 31

    What was tried

      user in   ACME\joe.user [domain given before the backslash]: not recognised (User not found.)
      user in   joe.user (local) [fall-back to local account]: recognised
      search in Machine = srv01.acme.example [host name or address as given]: 0 found, 0 new
      search in Machine = srv01 [short form of the host name]: 2 found, 2 new
      search in Domain = ACME [Include domain credentials for]: 2 found, 1 new
    ");
}

#[tokio::test]
async fn a_password_in_an_address_is_not_repeated() {
    let web = TestForm {
        url: Some(format!("https://joe:{CANARY}@erp.acme.example/")),
        ..TestForm::new("joe", JumpItemType::WebJump, "")
    };
    let report = run(&web, None, |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => refused("Hm."),
        _ => well(call),
    })
    .await;
    let text = report.to_text(true);
    assert!(text.contains("https://***@erp.acme.example/"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn what_follows_the_question_mark_of_an_address_is_not_repeated() {
    let url = format!("https://erp.acme.example/login?token={CANARY}#{CANARY}");
    for item_type in [JumpItemType::WebJump, JumpItemType::ProtocolTunnel] {
        let web = TestForm {
            url: Some(url.clone()),
            ..TestForm::new("joe", item_type, "")
        };
        for fails in [false, true] {
            let report = run(&web, None, move |call| match call.operation.as_str() {
                "SearchSecretsByFieldValue" if fails => refused("Hm."),
                _ => well(call),
            })
            .await;
            let text = report.to_text(true);
            assert!(!text.contains(CANARY), "{text}");
            let step =
                "search in Machine = https://erp.acme.example/login?*** [the address as given]";
            assert!(text.contains(step), "{text}");
        }
    }
}

#[tokio::test]
async fn names_of_a_vault_can_neither_clear_the_screen_nor_begin_a_line() {
    let mut report = run(&form(), None, well).await;
    let hostile = CredentialSummary {
        credential_id: "7\nError type".into(),
        display_value: "srv01\u{1b}[2J\nError Retrieving Credential List\u{202e}".into(),
    };
    report.lookup.result = Ok(vec![hostile]);
    let text = report.to_text(true);
    let row = r"  srv01\u{1b}[2J\nError Retrieving Credential List\u{202e}  Retrieve Credential: --retrieve 7\nError type";
    assert!(text.lines().any(|line| line == row), "{text}");
}

#[tokio::test]
async fn no_results_are_a_success() {
    let report = run(&form(), Some("7"), |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => ok("<SecretSummaries />"),
        "GetSecret" => refused("No secret exists"),
        _ => well(call),
    })
    .await;
    assert!(
        report
            .to_text(false)
            .contains("No results: the test succeeded"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_pending_approval_has_its_own_dialog() {
    let report = run(&form(), Some("7"), |call| match call.operation.as_str() {
        "ImpersonateUser" => Reply::Result(
            "<Errors><string>The request is pending approval.</string></Errors>\
             <AuthorizeURL>https://vault.acme.example/approve</AuthorizeURL>"
                .into(),
        ),
        _ => well(call),
    })
    .await;
    assert!(!report.succeeded());
    insta::assert_snapshot!(report.to_text(true), @r"
    Test Settings: Secret Server

      SRA Console Username    ACME\joe.user
      Jump Item Type          remote_rdp
      Hostname / IP Address   srv01.acme.example

    Error Retrieving Credential List

      Error type              Permission, pending approval
      Message                 authentication was successful, but permission to access this user's secrets is pending approval: ACME\joe.user
      Where                   vault operation ImpersonateUser
      The vault said          The request is pending approval.
      Address                 https://vault.acme.example/approve
      What to do              approve the request from the mail, or in Secret Server under Tools > Manage Applications
      Whose turn              console user
      See DIAGNOSIS.md        delegation-pending

    What was tried

      user in   ACME\joe.user [domain given before the backslash]: authentication was successful, but permission to access this user's secrets is pending approval: ACME\joe.user
      user out  joe.user (local): the vault's answer for an earlier one is final
    ");
}

#[tokio::test]
async fn a_handled_error_is_shown_with_its_type_the_inputs_and_the_vaults_words() {
    let report = run(&form(), None, |_| refused("Login failed.")).await;
    insta::assert_snapshot!(report.to_text(false), @r"
    Test Settings: Secret Server

      SRA Console Username    ACME\joe.user
      Jump Item Type          remote_rdp
      Hostname / IP Address   srv01.acme.example

    Error Retrieving Credential List

      Error type              Authentication
      Message                 the vault does not accept the API account: svc-ecm
      Where                   vault operation Authenticate
      The vault said          Login failed.
      What to do              check API User, API Password, API Domain and, for Secret Server Online, API Organization by logging in to the vault with them
      Whose turn              ECM administrator
      See DIAGNOSIS.md        login-failed
    ");
}

#[tokio::test]
async fn a_retrieved_credential_is_found_never_shown_and_checked_in_again() {
    let report = run(&form(), Some("7"), |call| match call.operation.as_str() {
        "GetSecret" => ok(&secret(&[
            item(1, "Username", "root", "IsNotes"),
            item(2, "Password", CANARY, "IsPassword"),
            item(3, "Passphrase", CANARY, "IsPassword"),
            item(
                4,
                "Key",
                &format!("-----BEGIN PRIVATE KEY-----{CANARY}"),
                "IsNotes",
            ),
        ])),
        _ => well(call),
    })
    .await;
    let text = report.to_text(true);
    assert!(
        !text.contains(CANARY) && !format!("{report:?}").contains(CANARY),
        "{text}"
    );
    let retrieved = text
        .split_once("Success: found")
        .unwrap()
        .1
        .split("What")
        .next()
        .unwrap()
        .trim();
    insta::assert_snapshot!(retrieved, @r"
    credential 7

      User name               root
      SSH private key         found, not shown
      Passphrase              found, not shown
      Certificate             none
      Password                found, not shown
      It was checked in again.
    ");
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_checked_in_again() {
    for broken in ["not base64!", "//79"] {
        let vault = Vault::start(move |call| match call.operation.as_str() {
            "GetSecret" => ok(&secret(&[
                item(1, "Username", "root", "IsNotes"),
                item(2, "Private Key", "id", "IsFile"),
            ])),
            "DownloadFileAttachmentByItemId" => {
                ok(&format!("<FileAttachment>{broken}</FileAttachment>"))
            }
            _ => well(call),
        })
        .await;
        let report = soon(test_settings(&vault.plugin(), &form(), Some("7")))
            .await
            .unwrap();
        let symptom = report.error().and_then(|error| error.symptom);
        assert_eq!(symptom, Some(Symptom::AttachmentUnreadable), "{broken}");
        assert_eq!(vault.count("CheckIn"), 1);
    }
}

/// A vault whose secret has an attachment that cannot be read, and whose CheckIn is scripted.
async fn unreadable(
    check_in: impl Fn(&Call) -> Reply + Send + Sync + 'static,
) -> (TestReport, usize) {
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "GetSecret" => ok(&secret(&[
            item(1, "Username", "root", "IsNotes"),
            item(2, "Private Key", "id", "IsFile"),
        ])),
        "DownloadFileAttachmentByItemId" => ok("<FileAttachment>//79</FileAttachment>"),
        "CheckIn" => check_in(call),
        _ => well(call),
    })
    .await;
    let report = soon(test_settings(&vault.plugin(), &form(), Some("7")))
        .await
        .unwrap();
    (report, vault.count("CheckIn"))
}

#[tokio::test]
async fn a_check_in_that_fails_is_told_whatever_came_before() {
    let (report, _) = unreadable(|_| refused("Access Denied")).await;
    let symptom = report.error().and_then(|error| error.symptom);
    assert_eq!(symptom, Some(Symptom::AttachmentUnreadable));
    let text = report.to_text(false);
    assert!(text.contains("Error Checking In Credential"), "{text}");
    assert!(
        text.contains("Credential 7 may still be checked out."),
        "{text}"
    );

    let (report, _) = unreadable(well).await;
    let text = report.to_text(false);
    assert!(text.contains("Nothing is left checked out."), "{text}");
}

#[tokio::test]
async fn a_check_in_is_tried_again_while_that_may_help() {
    let (report, tries) = unreadable(|call| match call.nth {
        0 => Reply::Raw(Vec::new()),
        1 => crate::vault::http("503 Later", "text/plain", "later"),
        _ => ok(""),
    })
    .await;
    assert_eq!((tries, report.check_in_failure()), (3, None));
    // What the vault refuses in words it will refuse again.
    let (report, tries) = unreadable(|_| refused("Access Denied")).await;
    assert!(tries == 1 && report.check_in_failure().is_some());
}

#[tokio::test]
async fn an_entry_that_is_not_in_the_list_stays_untouched_and_is_said_not_to_be_there() {
    let vault = Vault::start(well).await;
    let report = soon(test_settings(&vault.plugin(), &form(), Some("8")))
        .await
        .unwrap();
    let error = report.error().unwrap();
    assert_eq!(error.symptom, Some(Symptom::EntryNotListed));
    assert!(error.message.ends_with(": 8"), "{error}");
    assert_eq!((vault.count("GetSecret"), vault.count("CheckIn")), (0, 0));
}

#[tokio::test]
async fn an_unexpected_answer_is_shown_in_its_own_words() {
    let report = run(&form(), None, |_| {
        crate::vault::http(
            "200 OK",
            "application/json",
            r#"{"message":"Gateway says: quota exceeded, ticket 4711"}"#,
        )
    })
    .await;
    insta::assert_snapshot!(report.to_text(false), @r"
    Test Settings: Secret Server

      SRA Console Username    ACME\joe.user
      Jump Item Type          remote_rdp
      Hostname / IP Address   srv01.acme.example

    Error Retrieving Credential List

      Error type              Unexpected (raw information)
      Message                 the vault's answer is not the expected SOAP reply: it is not one XML document (HTTP status 200, application/json)
      Where                   vault operation Authenticate
      The vault said          message: Gateway says: quota exceeded, ticket 4711
      What to do              follow the words shown; ecm test-settings writes every step up to this answer to Configurator.log
      Whose turn              maintainer of the ECM
      See DIAGNOSIS.md        answer-not-understood
    ");
}
