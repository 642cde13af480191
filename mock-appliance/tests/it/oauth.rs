use std::time::Duration;

use sim_kit::fault::Verdict;

use crate::http::send;
use crate::rig::{self, address, appliance, appliance_with, fault, request_token, token};
use crate::scripted::open;

const GRANT: &str = "grant_type=client_credentials";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

#[tokio::test]
async fn a_token_has_the_documented_shape() {
    let appliance = appliance().await;
    let answer = request_token(&appliance, "ECM").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["access_token"].as_str().map(str::len), Some(40));
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&"Bearer".into(), &3600.into())
    );
    assert_eq!(answer.header("x-ratelimit-limit"), Some("20"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("19"));
}

#[tokio::test]
async fn what_is_wrong_with_a_token_request_decides_its_status_and_code() {
    let appliance = appliance().await;
    let basic = rig::basic(&appliance, "ECM");
    let elsewhere = rig::basic(&appliance, "Elsewhere");
    let json = "Content-Type: application/json";
    let cases: [(&str, &[&str], &str, u16, &str); 10] = [
        ("POST", &[FORM], GRANT, 401, "invalid_client"),
        (
            "POST",
            &["Authorization: Basic %%%", FORM],
            GRANT,
            401,
            "invalid_client",
        ),
        (
            "POST",
            &["Authorization: Bearer x", FORM],
            GRANT,
            401,
            "invalid_client",
        ),
        (
            "POST",
            &["Authorization: Basic bm8tY29sb24=", FORM],
            GRANT,
            401,
            "invalid_client",
        ),
        (
            "POST",
            &["Authorization: Basic eDp5", FORM],
            GRANT,
            401,
            "invalid_client",
        ),
        (
            "POST",
            &[&elsewhere, FORM],
            GRANT,
            401,
            "unauthorized_client",
        ),
        ("POST", &[&basic, FORM], "", 400, "invalid_request"),
        (
            "POST",
            &[&basic, FORM],
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        ("POST", &[&basic, json], "{", 400, "invalid_request"),
        ("GET", &[&basic], "", 405, "invalid_request"),
    ];
    for (method, headers, body, status, code) in cases {
        let line = format!("{method} /oauth2/token");
        let answer = send(address(&appliance), &line, headers, body).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (status, Some(code))
        );
        assert!(answer.json()["message"].is_string());
    }
}

#[tokio::test]
async fn a_disabled_account_gets_no_token() {
    let appliance = appliance().await;
    let client_id = appliance.api_account("ECM").unwrap().0.clone();
    appliance.set_account_enabled(&client_id, false).unwrap();
    let answer = request_token(&appliance, "ECM").await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (401, Some("unauthorized_client"))
    );
    appliance.set_account_enabled(&client_id, true).unwrap();
    assert_eq!(request_token(&appliance, "ECM").await.status, 200);
}

#[tokio::test]
async fn a_token_ends_with_its_hour_and_with_its_secret() {
    let appliance = appliance().await;
    let old = token(&appliance, "ECM").await;
    appliance.clock().advance(Duration::from_secs(3599));
    assert!(open(&appliance, &old, "sim-ecm.v1").await.is_ok());
    appliance.clock().advance(Duration::from_secs(1));
    assert_eq!(
        open(&appliance, &old, "sim-ecm.v1").await.unwrap_err().0,
        401
    );

    let young = token(&appliance, "ECM").await;
    let client_id = appliance.api_account("ECM").unwrap().0.clone();
    appliance.regenerate_secret(&client_id).unwrap();
    assert_eq!(
        open(&appliance, &young, "sim-ecm.v1").await.unwrap_err().0,
        401
    );
    assert_eq!(
        request_token(&appliance, "ECM").await.status,
        401,
        "the old secret is void"
    );
}

#[tokio::test]
async fn the_thirty_first_token_invalidates_the_first() {
    let appliance = appliance().await;
    let first = token(&appliance, "ECM").await;
    let mut second = String::new();
    for n in 1..=30 {
        let next = token(&appliance, "ECM").await;
        if n == 1 {
            second = next;
        }
    }
    assert_eq!(
        open(&appliance, &first, "sim-ecm.v1").await.unwrap_err().0,
        401
    );
    assert!(open(&appliance, &second, "sim-ecm.v1").await.is_ok());
}

#[tokio::test]
async fn the_request_beyond_the_limit_is_refused_when_the_lab_wants_it() {
    let appliance = appliance_with("enforce_rate_limit = true\nrequests_per_second_max = 2").await;
    for left in ["1", "0"] {
        let answer = request_token(&appliance, "ECM").await;
        assert_eq!(
            (answer.status, answer.header("x-ratelimit-remaining")),
            (200, Some(left))
        );
    }
    let refused = request_token(&appliance, "ECM").await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
    appliance.clock().advance(Duration::from_secs(1));
    assert_eq!(request_token(&appliance, "ECM").await.status, 200);
}

#[tokio::test]
async fn a_fault_rule_can_refuse_a_token_with_429_once() {
    let appliance = appliance().await;
    let verdict = Verdict::Status {
        status: 429,
        content_type: Some("application/json".into()),
        body: Some(r#"{"error":"access_denied","message":"Too many requests."}"#.into()),
        retry_after_s: Some(2),
        location: None,
    };
    let rule = fault(&appliance, "token", verdict);
    let answer = request_token(&appliance, "ECM").await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("2"))
    );
    rule.assert_met();
    assert_eq!(request_token(&appliance, "ECM").await.status, 200);
}

#[tokio::test]
async fn the_journal_tells_whose_token_it_was_and_not_the_token() {
    let appliance = appliance().await;
    let token = token(&appliance, "ECM").await;
    let journal = appliance.journal();
    journal
        .calls_of("token")
        .by(rig::CLIENT_ID)
        .succeeded()
        .exactly(1);
    let (_, secret) = appliance.api_account("ECM").unwrap();
    let text = format!("{:?}", journal.entries());
    assert!(!text.contains(&token) && !text.contains(secret.expose()));
}
