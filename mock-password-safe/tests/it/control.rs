//! The simulator's own surface.

use serde_json::{Value, json};
use sim_kit::exchange::Method;

use crate::client::{User, acme, call, ps_auth};

async fn control(
    mock: &mock_password_safe::MockPasswordSafe,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let reply = mock.hosted().control().dispatch(&method, path, body).await;
    (reply.status.as_u16(), reply.body)
}

#[tokio::test]
async fn a_person_approves_from_the_outside() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let row = joe
        .get("ManagedAccounts?systemName=web01&type=domainlinked")
        .await
        .json()[0]
        .clone();
    joe.ask_ids(
        row["SystemId"].as_i64().unwrap(),
        row["AccountId"].as_i64().unwrap(),
        "",
    )
    .await;
    let (_, list) = control(&mock, Method::GET, "/requests", Value::Null).await;
    assert_eq!(
        (&list[0]["standing"], &list[0]["requestor"]),
        (&"pending".into(), &"joe.user".into())
    );
    let by = |name: &str| json!({ "by": name });
    assert_eq!(
        control(&mock, Method::POST, "/requests/101/approve", by("joe.user"))
            .await
            .0,
        409
    );
    assert_eq!(
        control(
            &mock,
            Method::POST,
            "/requests/999/approve",
            by("global.approver")
        )
        .await
        .0,
        404
    );
    assert_eq!(
        control(
            &mock,
            Method::POST,
            "/requests/101/approve",
            by("global.approver")
        )
        .await
        .0,
        200
    );
    assert_eq!(joe.get("Credentials/101").await.status, 200);
}

#[tokio::test]
async fn connecting_creates_policy_registration_and_group_once() {
    let mock = acme().await;
    let key = mock.connect_secure_remote_access();
    let form = json!({ "requesters": ["joe.user", "fire.fighter"] });
    let (status, first) = control(
        &mock,
        Method::POST,
        "/connect-secure-remote-access",
        form.clone(),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        control(&mock, Method::POST, "/connect-secure-remote-access", form)
            .await
            .1,
        first
    );
    let header = format!(
        "Authorization: PS-Auth key={}; runas=fire.fighter;",
        key.expose()
    );
    let got = call(&mock, "POST", "Auth/SignAppin", &[header], "").await;
    let cookie = [format!("Cookie: ASP.NET_SessionId={}", got.session())];
    let body = r#"{"SystemID":1,"AccountID":2,"DurationMinutes":360}"#;
    assert_eq!(
        call(&mock, "POST", "Requests", &cookie, body).await.pair(),
        (201, "101"),
        "auto-approved"
    );
    assert_eq!(
        call(&mock, "GET", "Credentials/101", &cookie, "")
            .await
            .status,
        200
    );
    let stranger = format!(
        "Authorization: PS-Auth key={}; runas=second.approver;",
        key.expose()
    );
    assert_eq!(
        call(&mock, "POST", "Auth/SignAppin", &[stranger], "")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn reset_brings_the_lab_back() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let before = mock.account_password("web01", "administrator").unwrap();
    joe.ask("web01", "administrator", "").await;
    let which = json!({ "system": "web01", "account": "administrator" });
    assert_eq!(
        control(&mock, Method::POST, "/accounts/rotate", which)
            .await
            .0,
        200
    );
    assert!(
        !mock
            .account_password("web01", "administrator")
            .unwrap()
            .matches(before.expose())
    );
    assert_eq!(
        control(&mock, Method::POST, "/reset", Value::Null).await.0,
        200
    );
    assert!(
        mock.account_password("web01", "administrator")
            .unwrap()
            .matches(before.expose())
    );
    assert_eq!(joe.get("ManagedAccounts").await.status, 401);
}

#[tokio::test]
async fn accounts_and_sessions_are_changed_from_the_outside() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let off = json!({ "system": "lin01", "account": "root", "api_enabled": false });
    assert_eq!(
        control(&mock, Method::POST, "/accounts/api-access", off)
            .await
            .0,
        200
    );
    assert_eq!(
        joe.get("ManagedAccounts?systemName=lin01").await.pair(),
        (200, "[]")
    );
    let (_, ended) = control(
        &mock,
        Method::POST,
        "/sessions/expire",
        json!({ "user": "joe.user" }),
    )
    .await;
    assert_eq!(ended["ended"], 1);
    assert_eq!(joe.get("ManagedAccounts").await.status, 401);
}

#[tokio::test]
async fn neither_state_nor_journal_holds_a_secret() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask("web01", "svc-web", "").await;
    joe.get("Credentials/101").await;
    call(
        &mock,
        "GET",
        "ManagedAccounts",
        &[ps_auth(&mock, "ECM", "runas=joe.user; pwd=[x];")],
        "",
    )
    .await;
    let mut seen = String::new();
    for path in ["/state", "/journal", "/requests", "/faults"] {
        seen.push_str(
            &control(&mock, Method::GET, path, Value::Null)
                .await
                .1
                .to_string(),
        );
    }
    assert!(seen.contains("GET Credentials/{requestId}"));
    let secrets = mock.secrets();
    assert!(secrets.len() > 10);
    for (name, secret) in secrets
        .iter()
        .filter(|(name, _)| !name.ends_with("client-id"))
    {
        assert!(!seen.contains(secret.as_str()), "{name}");
    }
    assert!(
        !seen.contains(&joe.headers()[0]["Cookie: ASP.NET_SessionId=".len()..]),
        "the session"
    );
}

#[tokio::test]
async fn connecting_tells_the_key_to_the_operator_and_takes_the_form() {
    let mock = acme().await;
    let form = json!({ "host": "sra.acme.example", "port": 443, "client_id": "c", "api_key": "sealed-away", "release_duration_min": 60, "requesters": ["joe.user"] });
    let (status, told) = control(&mock, Method::POST, "/connect-secure-remote-access", form).await;
    assert_eq!((status, &told["release_duration_min"]), (200, &json!(60)));
    let key = told["registration_key"].as_str().unwrap();
    let header = format!("Authorization: PS-Auth key={key}; runas=joe.user;");
    assert_eq!(
        call(&mock, "POST", "Auth/SignAppin", &[header], "")
            .await
            .status,
        200
    );
    let (_, state) = control(&mock, Method::GET, "/state", json!(null)).await;
    let shown = state.to_string();
    assert!(
        shown.contains("sra.acme.example") && !shown.contains("sealed-away"),
        "{shown}"
    );
    assert!(!shown.contains(key));
    let known = mock.secrets();
    assert!(
        known
            .iter()
            .any(|(name, secret)| name == "appliance/api-key" && secret.as_str() == "sealed-away")
    );
    assert!(
        known
            .iter()
            .any(|(name, _)| name.starts_with("secrets-safe/Team/Web/portal/")),
        "for the leak scan"
    );
    let (status, _) = control(
        &mock,
        Method::POST,
        "/connect-secure-remote-access",
        json!({ "requesters": ["nobody"] }),
    )
    .await;
    assert_eq!(status, 404);
}
