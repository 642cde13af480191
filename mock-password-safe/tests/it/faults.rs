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
        (&*last.operation, last.outcome),
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

#[tokio::test]
async fn an_approval_arrives_late() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let approver = User::sign_in(&mock, "global.approver").await;
    let rule = json!({ "matcher": { "operation": "PUT Requests/{id}/Approve" }, "verdict": { "kind": "late_approval", "s": 90 } });
    install(&mock, rule).await;
    let (system, account) = (9, 10);
    let asked = joe.ask_ids(system, account, "").await;
    let asked = if asked.status == 201 {
        asked
    } else {
        joe.ask_ids(1, account, "").await
    };
    assert_eq!(asked.pair(), (201, "101"));
    let approved = approver.put("Requests/101/Approve", "{}").await;
    assert_eq!(approved.pair(), (204, ""));
    assert_eq!(joe.get("Credentials/101").await.pair(), (403, "4034"));
    mock.clock().advance(std::time::Duration::from_secs(90));
    assert_eq!(joe.get("Credentials/101").await.status, 200);
    assert!(mock.faults().never_met().is_empty());
}

#[tokio::test]
async fn every_verdict_is_spoken_over_rest() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask_ids(1, 2, "").await;
    for (verdict, expected) in [
        (json!({ "kind": "delay", "ms": 1 }), Some(200)),
        (
            json!({ "kind": "drop", "when": "before", "how": "close" }),
            None,
        ),
        (
            json!({ "kind": "drop", "when": "before", "how": "reset" }),
            None,
        ),
        (
            json!({ "kind": "drip", "chunk_bytes": 4, "every_ms": 1 }),
            Some(200),
        ),
        (json!({ "kind": "garble" }), Some(200)),
        (json!({ "kind": "duplicate" }), Some(200)),
        (
            json!({ "kind": "status", "status": 503, "retry_after_s": 1 }),
            Some(503),
        ),
        (json!({ "kind": "error", "text": "4034" }), Some(403)),
        (json!({ "kind": "fault", "text": "x" }), Some(500)),
    ] {
        let rule = json!({ "matcher": { "operation": "GET Requests" }, "verdict": verdict });
        install(&mock, rule).await;
        let got = try_call(&mock, "GET", "Requests", joe.headers(), "").await;
        assert_eq!(got.map(|got| got.status), expected, "{verdict}");
    }
    assert!(mock.faults().never_met().is_empty());
    assert_eq!(joe.get("Requests").await.status, 200, "all are spent");
}

#[tokio::test]
async fn a_rule_for_no_operation_is_refused_with_what_was_meant() {
    let mock = acme().await;
    let rule = json!({ "matcher": { "operation": "GET Credentials/{requestID}s" }, "verdict": { "kind": "garble" } });
    let reply = mock
        .hosted()
        .control()
        .dispatch(&Method::POST, "/faults", rule)
        .await;
    assert_eq!(reply.status.as_u16(), 400);
    let said = reply.body.to_string();
    assert!(
        said.contains("did you mean") && said.contains("GET Credentials/{requestId}"),
        "{said}"
    );
}
