//! Fault rules that speak REST.

use serde_json::json;
use sim_kit::exchange::Method;
use sim_kit::journal::Outcome;

use crate::client::{User, acme, call, try_call};

async fn install(mock: &mock_password_safe::MockPasswordSafe, rule: serde_json::Value) {
    let reply = mock
        .hosted()
        .control()
        .dispatch(&Method::POST, "/faults", rule)
        .await;
    assert_eq!(reply.status.as_u16(), 200, "{:?}", reply.body);
}

#[tokio::test]
async fn the_session_dies_between_request_and_credential() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask("web01", "svc-web", "").await;
    let rule = json!({ "matcher": { "operation": "GET Credentials/{requestId}" }, "verdict": { "kind": "expire_token" } });
    install(&mock, rule).await;
    assert_eq!(
        joe.get("Credentials/101").await.pair(),
        (401, "\"User not authenticated\"")
    );
    let again = User::sign_in(&mock, "joe.user").await;
    assert_eq!(
        again.get("Credentials/101").await.status,
        200,
        "the rule is spent, the request lives"
    );
    let calls = mock.journal().calls_of("GET Credentials/{requestId}");
    calls.clone().refused().exactly(1);
    calls.by("joe.user").exactly(2);
    assert!(mock.faults().never_met().is_empty());
}

#[tokio::test]
async fn business_errors_and_server_faults_are_spoken() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    for (verdict, status, body) in [
        (json!({ "kind": "error", "text": "4091" }), 409, "4091"),
        (json!({ "kind": "error", "text": "4034" }), 403, "4034"),
        (json!({ "kind": "error", "text": "no" }), 400, "\"no\""),
        (
            json!({ "kind": "fault", "text": "An error has occurred." }),
            500,
            "\"An error has occurred.\"",
        ),
        (
            json!({ "kind": "status", "status": 403, "body": "<html>proxy</html>" }),
            403,
            "<html>proxy</html>",
        ),
    ] {
        let rule = json!({ "matcher": { "operation": "post requests", "user": "JOE.USER" }, "verdict": verdict });
        install(&mock, rule).await;
        assert_eq!(joe.ask_ids(1, 2, "").await.pair(), (status, body));
    }
    assert_eq!(
        joe.ask_ids(1, 2, "").await.pair(),
        (201, "101"),
        "nothing was handled before"
    );
}

#[tokio::test]
async fn the_journal_names_the_number_of_a_refusal() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask_ids(1, 3, "").await;
    let calls = mock.journal().calls_of("POST Requests").refused();
    calls.exactly(1);
    assert_eq!(calls.entries()[0].detail, [("code", "4031".to_owned())]);
    call(&mock, "GET", "//nowhere", joe.headers(), "").await;
    let last = mock.journal().entries().pop().unwrap();
    assert_eq!(
        (last.operation.as_str(), last.outcome),
        ("GET //nowhere", Outcome::HttpError)
    );
}

#[tokio::test]
async fn a_lost_answer_leaves_the_request_behind() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let rule = json!({ "matcher": { "operation": "POST Requests" }, "verdict": { "kind": "drop", "when": "after", "how": "close" } });
    install(&mock, rule).await;
    let body = r#"{"SystemID":1,"AccountID":2,"DurationMinutes":5,"ConflictOption":"reuse"}"#;
    assert!(
        try_call(&mock, "POST", "Requests", joe.headers(), body)
            .await
            .is_none()
    );
    assert_eq!(
        joe.post("Requests", body).await.pair(),
        (200, "101"),
        "a retry meets reuse"
    );
}

#[tokio::test]
async fn json_breaks_off_where_the_rule_says() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let rule = json!({ "matcher": { "operation": "GET ManagedAccounts" }, "verdict": { "kind": "truncate", "inside": "AccountName" } });
    install(&mock, rule).await;
    let got = call(
        &mock,
        "GET",
        "ManagedAccounts?systemName=web01",
        joe.headers(),
        "",
    )
    .await;
    assert!(got.body.ends_with("\"AccountName\":"), "{got:?}");
    let announced: usize = got.header("content-length").unwrap().parse().unwrap();
    assert!(announced > got.body.len());
}
