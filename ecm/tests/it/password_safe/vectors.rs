//! The plugin's bytes against the published vectors.

use std::path::Path;

use ecm::error::ErrorKind;
use ecm::password_safe::PasswordSafe;
use ecm::plugin::{CredentialProof, EndpointType, JumpItemType, Plugin};
use ecm::token_cache::TokenCache;

use super::vault::{Call, HandClock, ROOT, Reply, Vault, session, session_of, soon};

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../features/vectors/password-safe");
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// The answer of a vector.
fn answer(name: &str) -> Reply {
    let text = read(&format!("{name}.response"));
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().parse().unwrap();
    Reply::Http(status, lines.map(str::to_owned).collect(), body.to_owned())
}

/// Method, path and query, the headers of the vector, and body must be the same.
fn assert_emitted(call: &Call, name: &str) {
    let text = read(&format!("{name}.request"));
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(
        format!("{} {}", call.method, call.target),
        lines.next().unwrap(),
        "{name}"
    );
    for line in lines {
        let (header, value) = line.split_once(": ").unwrap();
        assert_eq!(call.header(header), Some(value), "{name}: {header}");
    }
    assert_eq!(call.body, body, "{name}");
}

fn script(call: &Call) -> Reply {
    answer(match (call.name().as_str(), call.parameter("type")) {
        ("POST Auth/SignAppin", _) => "SignAppin/down-level-name",
        ("GET ManagedAccounts", Some("domainlinked")) => "ManagedAccounts/domain-linked",
        ("GET ManagedAccounts", _) => "ManagedAccounts/system",
        ("POST Requests", _) => "Requests/new",
        ("GET Credentials/124", Some("dsskey")) => "Credentials/dss-key",
        ("GET Credentials/124", Some("passphrase")) => "Credentials/passphrase",
        ("GET Credentials/124", _) => "Credentials/password",
        ("GET Platforms", _) => "Platforms/two",
        ("PUT Requests/124/Approve", _) => "Approve/by-global-approver",
        ("PUT Requests/124/Checkin", _) => "Checkin/session-ended",
        (other, _) => panic!("unexpected {other}"),
    })
}

fn plugin(vault: &Vault, global_approver: Option<&str>) -> PasswordSafe {
    let mut file = vault.settings();
    file.global_approver = global_approver.map(str::to_owned);
    PasswordSafe::new(
        file.check(&"K".into()).unwrap(),
        &TokenCache::in_memory(),
        std::sync::Arc::new(HandClock::default()),
    )
    .unwrap()
}

/// The one call with this name and `type`.
fn the<'c>(calls: &'c [Call], name: &str, kind: Option<&str>) -> &'c Call {
    let mut matching = calls
        .iter()
        .filter(|call| call.name() == name && call.parameter("type") == kind);
    matching
        .next()
        .unwrap_or_else(|| panic!("no {name} {kind:?}"))
}

#[tokio::test]
async fn a_list_is_asked_for_and_read_as_published() {
    let vault = Vault::start(script).await;
    let list = soon(plugin(&vault, None).find_credentials(&session()))
        .await
        .unwrap();

    let calls = vault.take_calls();
    assert_emitted(
        the(&calls, "POST Auth/SignAppin", None),
        "SignAppin/down-level-name",
    );
    assert_eq!(calls[0].header("content-length"), Some("0"));
    assert_emitted(
        the(&calls, "GET ManagedAccounts", Some("system")),
        "ManagedAccounts/system",
    );
    let linked = the(&calls, "GET ManagedAccounts", Some("domainlinked"));
    assert_emitted(linked, "ManagedAccounts/domain-linked");

    let shown: Vec<_> = list.iter().map(|row| row.display_value.as_str()).collect();
    assert_eq!(shown, ["root on srv1", "acme.example\\adm linked to srv1"]);
    assert_eq!(list[0].credential_id, ROOT);
}

#[tokio::test]
async fn a_password_is_requested_read_and_given_back_as_published() {
    let vault = Vault::start(script).await;
    let plugin = plugin(&vault, None);
    let package = soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap();

    let calls = vault.take_calls();
    assert_emitted(the(&calls, "POST Requests", None), "Requests/new");
    assert_emitted(
        the(&calls, "GET Credentials/124", None),
        "Credentials/password",
    );
    assert_emitted(
        the(&calls, "PUT Requests/124/Checkin", None),
        "Checkin/session-ended",
    );
    let CredentialProof::UsernamePassword { password } = package.proof else {
        panic!("{package:?}");
    };
    assert_eq!(password.expose(), "P@ss\"word\\1");
}

#[tokio::test]
async fn a_key_with_its_passphrase_is_read_as_published() {
    let vault = Vault::start(script).await;
    let session = session_of("ACME\\joe.user", JumpItemType::ShellJump, "srv1");
    let package = soon(plugin(&vault, None).get_credential(&session, ROOT))
        .await
        .unwrap();

    let calls = vault.take_calls();
    let key = the(&calls, "GET Credentials/124", Some("dsskey"));
    assert_emitted(key, "Credentials/dss-key");
    let phrase = the(&calls, "GET Credentials/124", Some("passphrase"));
    assert_emitted(phrase, "Credentials/passphrase");
    let CredentialProof::SshKey {
        private_key,
        passphrase,
        password,
        ..
    } = package.proof
    else {
        panic!("{package:?}");
    };
    let text = private_key.expose();
    assert!(text.starts_with("-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n"));
    assert_eq!(passphrase.unwrap().expose(), "correct horse");
    assert_eq!(password.unwrap().expose(), "P@ss\"word\\1");
}

#[tokio::test]
async fn the_global_approver_approves_as_published() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("GET Credentials/124", 0) => answer("Credentials/not-yet-approved"),
        _ => script(call),
    })
    .await;
    soon(plugin(&vault, Some("pbapprover")).get_credential(&session(), ROOT))
        .await
        .unwrap();
    let calls = vault.take_calls();
    let approval = the(&calls, "PUT Requests/124/Approve", None);
    assert_emitted(approval, "Approve/by-global-approver");
}

#[tokio::test]
async fn a_conflict_is_looked_into_as_published() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Requests" => answer("Requests/conflict"),
        "GET Requests" => answer("Requests/own"),
        _ => script(call),
    })
    .await;
    soon(plugin(&vault, None).get_credential(&session(), ROOT))
        .await
        .unwrap();
    assert_emitted(
        the(&vault.take_calls(), "GET Requests", None),
        "Requests/own",
    );
}

#[tokio::test]
async fn platforms_are_asked_for_and_read_as_published() {
    let vault = Vault::start(script).await;
    let types = [EndpointType::Rdp, EndpointType::Shell];
    let found = soon(plugin(&vault, None).find_endpoints(&session(), &types, "SRV", None)).await;
    let found = found.unwrap();
    assert_emitted(
        the(&vault.take_calls(), "GET Platforms", None),
        "Platforms/two",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].name, found[0].endpoint_type),
        ("srv1", EndpointType::Shell)
    );
    assert_eq!(found[0].comments.as_deref(), Some("Linux"));
}

/// Which kind of error each published refusal is, by the call that it answers.
#[tokio::test]
async fn every_published_refusal_has_its_kind() {
    for (call_name, vector, kind) in [
        (
            "POST Auth/SignAppin",
            "SignAppin/not-accepted",
            ErrorKind::Authentication,
        ),
        (
            "POST Auth/SignAppin",
            "SignAppin/second-factor",
            ErrorKind::Authentication,
        ),
        (
            "POST Requests",
            "Requests/not-permitted",
            ErrorKind::Permission,
        ),
        (
            "POST Requests",
            "ManagedAccounts/dead-session",
            ErrorKind::Authentication,
        ),
        (
            "GET Credentials/124",
            "Credentials/not-yet-approved",
            ErrorKind::PendingApproval,
        ),
        (
            "GET Credentials/124",
            "Credentials/not-found",
            ErrorKind::NotFound,
        ),
    ] {
        let refused = move |call: &Call| {
            if call.name() == call_name {
                answer(vector)
            } else {
                script(call)
            }
        };
        let vault = Vault::start(refused).await;
        let error = soon(plugin(&vault, None).get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{vector}: {error:?}");
    }
}

#[tokio::test]
async fn every_published_form_of_a_list_is_read() {
    for (vector, count) in [
        ("ManagedAccounts/single-object", 1),
        ("ManagedAccounts/nothing-found", 0),
        ("ManagedAccounts/not-found", 0),
    ] {
        let vault = Vault::start(move |call: &Call| match call.name().as_str() {
            "GET ManagedAccounts" => answer(vector),
            _ => script(call),
        })
        .await;
        let list = soon(plugin(&vault, None).find_credentials(&session()))
            .await
            .unwrap();
        assert_eq!(list.len(), count, "{vector}");
    }
}

#[tokio::test]
async fn a_request_that_was_there_before_is_used() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Requests" => answer("Requests/reused"),
        _ => script(call),
    })
    .await;
    assert!(
        soon(plugin(&vault, None).get_credential(&session(), ROOT))
            .await
            .is_ok()
    );
}
