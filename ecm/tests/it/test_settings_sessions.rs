//! `ecm test-settings --retrieve` beside a service whose sessions have secrets checked out.

use ecm::config::CheckInConfig;
use ecm::outbox::{FetchEnd, Outbox};
use ecm::state_dir::StateDir;
use serde_json::Value;

use crate::test_settings_command::{JOE, Ran, configured, ran};
use crate::vault::{Reply, Vault, password_secret, well};

/// What a test with `--retrieve 7` says and in how many CheckIn the vault sees, while a service owes
/// the check-in of `credential_id` for `vault_user`.
async fn retrieved_beside(credential_id: &str, vault_user: &str, more: &[&str]) -> (Ran, usize) {
    retrieved(credential_id, vault_user, more, false).await
}

/// The same; the session of the service may have `ended` before.
async fn retrieved(
    credential_id: &str,
    vault_user: &str,
    more: &[&str],
    ended: bool,
) -> (Ran, usize) {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "GetSecret" => Reply::Result(format!("<Errors />{}", password_secret())),
        "CheckIn" => Reply::Result("<Errors />".into()),
        _ => well(call),
    })
    .await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let state = StateDir::lock(&directory.path().join("ecm-state")).unwrap();
    let session = serde_json::json!({
        "session_id": "s-1", "product": "pra", "user": {"username": "somebody"},
        "jump_item": {"type": "remote_rdp", "name": "srv01", "hostname": "srv01"}
    });
    let session = serde_json::from_value(session).unwrap();
    let (outbox, _) = Outbox::open(&state.outbox(), CheckInConfig::default(), 0).unwrap();
    let holders = [vault_user.to_owned()];
    let settled = outbox.owe(&session, "99", &holders).unwrap();
    outbox.not_delivered(&settled, FetchEnd::Known, 0);
    outbox.paid(&settled, 0);
    let owed = outbox.owe(&session, credential_id, &holders).unwrap();
    outbox.delivered(&owed);
    if ended {
        let release = outbox.release(&session, credential_id, &holders, 0, 0);
        assert!(release.is_ok());
    }
    let before = std::fs::read(state.outbox()).unwrap();
    let ran = ran(
        directory.path(),
        &[&JOE[..], &["--retrieve", "7"], more].concat(),
    )
    .await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(std::fs::read(state.outbox()).unwrap(), before);
    (ran, vault.count("CheckIn"))
}

#[tokio::test]
async fn what_a_running_session_has_is_not_checked_in_by_a_test() {
    let (ran, check_ins) = retrieved_beside("7", "Joe.User (local)", &[]).await;
    assert_eq!(check_ins, 0);
    for text in [&ran.said, &ran.log] {
        let words = "A running session has it; it stays checked out";
        assert!(
            text.contains(words) && !text.contains("checked in again"),
            "{text}"
        );
    }
    let (ran, check_ins) = retrieved_beside("7", "joe.user (local)", &["--json"]).await;
    let report: Value = serde_json::from_str(&ran.said).unwrap();
    assert_eq!(check_ins, 0);
    assert_eq!(report["retrieval"]["checked_in_again"], false);
    assert_eq!(report["retrieval"]["left_to_session"], true);

    for (credential_id, vault_user) in [("8", "joe.user (local)"), ("7", "ann.other (local)")] {
        let (ran, check_ins) = retrieved_beside(credential_id, vault_user, &[]).await;
        assert_eq!(check_ins, 1, "{credential_id} {vault_user}");
        assert!(
            ran.said.contains("It was checked in again."),
            "{}",
            ran.said
        );
    }
}

#[tokio::test]
async fn what_a_session_has_no_longer_is_checked_in_by_a_test() {
    let (ran, check_ins) = retrieved("7", "joe.user (local)", &[], true).await;
    assert_eq!(check_ins, 1, "{}", ran.said);
}

#[tokio::test]
async fn sessions_at_another_vault_do_not_matter() {
    let other = Vault::start(well).await;
    let endpoint = format!(
        "endpoint_url=http://{}/SecretServer/webservices/SSWebService.asmx",
        other.address
    );
    let (ran, _) = retrieved_beside("7", "joe.user (local)", &["--set", &endpoint]).await;
    assert_eq!(other.count("CheckIn"), 1, "{}", ran.said);
}

#[tokio::test]
async fn nothing_is_retrieved_while_nobody_can_tell_whether_a_session_has_it() {
    let vault = Vault::start(well).await;
    let directory = configured(&format!("http://{}", vault.address), "");
    let unreadable = directory.path().join("ecm-state/check-ins.log");
    std::fs::create_dir_all(&unreadable).unwrap();
    let ran = ran(directory.path(), &[&JOE[..], &["--retrieve", "7"]].concat()).await;
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    assert!(ran.said.contains("it is a directory"), "{}", ran.said);
    assert_eq!((vault.count("GetSecret"), vault.count("CheckIn")), (0, 0));
}
