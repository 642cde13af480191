use mock_appliance::MockAppliance;
use mock_appliance::state::accounts::{ClientId, UnknownAccount};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::http::send;
use crate::rig::{CLIENT_ID, address, appliance, appliance_with, eventually, token};
use crate::scripted::{Ecm, hello, open};

#[tokio::test]
async fn who_may_not_connect_learns_why() {
    let appliance = appliance().await;
    let check = |token: String, protocol: &'static str, status: u16, code: &'static str| {
        let appliance = &appliance;
        async move {
            let (got, body) = open(appliance, &token, protocol)
                .await
                .map(drop)
                .unwrap_err();
            assert_eq!((got, body["error"].as_str()), (status, Some(code)));
            assert!(body["message"].is_string());
        }
    };
    check("nonsense".into(), "sim-ecm.v1", 401, "access_denied").await;
    check(
        token(&appliance, "Reporting").await,
        "sim-ecm.v1",
        403,
        "permission_denied",
    )
    .await;
    check(
        token(&appliance, "ECM").await,
        "sim-ecm.v2",
        426,
        "version_mismatch",
    )
    .await;
    let disabled = token(&appliance, "ECM").await;
    let client_id = appliance.api_account("ECM").unwrap().0.clone();
    appliance.set_account_enabled(&client_id, false).unwrap();
    check(disabled, "sim-ecm.v1", 403, "permission_denied").await;
    assert!(appliance.ecm_clients().is_empty());
}

#[tokio::test]
async fn a_plain_request_is_not_a_link() {
    let appliance = appliance().await;
    let bearer = format!("Authorization: Bearer {}", token(&appliance, "ECM").await);
    let protocol = "Sec-WebSocket-Protocol: other, sim-ecm.v1";
    let answer = send(
        address(&appliance),
        "GET /api/ecm/v1/connect",
        &[&bearer, protocol],
        "",
    )
    .await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
    let answer = send(
        address(&appliance),
        "GET /api/ecm/v1/connect",
        &[protocol],
        "",
    )
    .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn the_fourth_ecm_of_a_group_is_refused_until_one_leaves() {
    let appliance = appliance().await;
    let _first = Ecm::join(&appliance, "ECM", "one").await;
    let _second = Ecm::join(&appliance, "ECM", "two").await;
    let third = Ecm::join(&appliance, "ECM", "three").await;
    let (status, body) = Ecm::connect(&appliance, "ECM").await.map(drop).unwrap_err();
    assert_eq!(
        (status, body["error"].as_str()),
        (409, Some("ecm_limit_reached"))
    );
    let _branch = Ecm::join(&appliance, "ECM Branch", "four").await;
    drop(third);
    eventually("the third left", || appliance.ecm_clients().len() == 3).await;
    Ecm::join(&appliance, "ECM", "five").await;
}

#[tokio::test]
async fn the_older_guides_five_for_the_site_are_a_setting() {
    let appliance = appliance_with("max_ecms = 2\nmax_ecms_scope = 'site'").await;
    let _first = Ecm::join(&appliance, "ECM", "one").await;
    let _second = Ecm::join(&appliance, "ECM Branch", "two").await;
    assert_eq!(
        Ecm::connect(&appliance, "ECM Branch")
            .await
            .map(drop)
            .unwrap_err()
            .0,
        409
    );
}

#[tokio::test]
async fn the_oldest_is_closed_for_the_newest_when_the_setting_says_so() {
    let appliance = appliance_with("max_ecms = 1\nover_max_ecms = 'close_oldest'").await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    let second = Ecm::join(&appliance, "ECM", "two").await;
    assert_eq!(first.ended().await, Some(4409));
    let names: Vec<_> = appliance
        .ecm_clients()
        .iter()
        .map(|c| c.connection.to_string())
        .collect();
    assert_eq!(names, [second.name()]);
}

#[tokio::test]
async fn an_ecm_that_connects_again_replaces_its_older_link() {
    let appliance = appliance().await;
    let mut first = Ecm::join(&appliance, "ECM", "same").await;
    let second = Ecm::join(&appliance, "ECM", "same").await;
    assert_eq!(first.ended().await, Some(4409));
    let clients = appliance.ecm_clients();
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].connection.to_string(), second.name());
}

#[tokio::test]
async fn an_ecm_that_says_nothing_is_closed() {
    let appliance = appliance_with("hello_timeout_ms = 50").await;
    let mut ecm = Ecm::connect(&appliance, "ECM").await.unwrap();
    assert_eq!(ecm.ended().await, Some(4408));
}

#[tokio::test]
async fn an_ecm_of_another_version_is_rejected_by_name() {
    let appliance = appliance().await;
    let mut ecm = Ecm::connect(&appliance, "ECM").await.unwrap();
    let mut newer = hello("one");
    newer["protocol_versions"] = json!([2]);
    ecm.say(&newer).await;
    let reject = ecm.asked("reject").await;
    assert_eq!(reject["code"], "version_mismatch");
    assert_eq!(ecm.ended().await, Some(4426));
}

#[tokio::test]
async fn what_is_not_a_frame_closes_the_link_with_the_code_that_says_why() {
    let appliance = appliance().await;
    let long = format!(r#"{{"type":"done","id":"{}"}}"#, "x".repeat(1 << 20));
    let cases: [(Message, u16); 8] = [
        (Message::text("{"), 4400),
        (Message::text("[]"), 4400),
        (Message::text(r#"{"type":"nonsense","id":"r-1"}"#), 4400),
        (Message::text(r#"{"type":"credentials","id":"r-1"}"#), 4400),
        (Message::text(r#"{"type":"done"}"#), 4400),
        (Message::text(hello("one").to_string()), 4400),
        (Message::Binary(Bytes::from_static(b"{}")), 1003),
        (Message::text(long), 1009),
    ];
    for (message, code) in cases {
        let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
        ecm.send(message).await;
        assert_eq!(ecm.ended().await, Some(code));
    }
    assert_eq!(appliance.link_counters().malformed, 6);
}

#[tokio::test]
async fn an_answer_in_place_of_hello_is_not_understood() {
    let appliance = appliance().await;
    let mut ecm = Ecm::connect(&appliance, "ECM").await.unwrap();
    ecm.say(&json!({"type": "done", "id": "r-1"})).await;
    assert_eq!(ecm.ended().await, Some(4400));
}

#[tokio::test]
async fn a_frame_may_be_just_as_long_as_the_welcome_says() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let max = usize::try_from(ecm.welcome["max_frame_bytes"].as_u64().unwrap()).unwrap();
    let frame = r#"{"type":"done","id":"r-9"}"#;
    ecm.say_text(format!("{frame}{}", " ".repeat(max - frame.len())))
        .await;
    eventually("the frame was read", || {
        appliance.link_counters().unknown == 1
    })
    .await;
}

#[tokio::test]
async fn members_that_the_appliance_does_not_know_are_ignored() {
    let appliance = appliance().await;
    let mut more = hello("one");
    more["colour"] = json!("blue");
    more["plugin"]["licence"] = json!({"until": 2030});
    more["capabilities"]["telepathy"] = json!(true);
    Ecm::join_saying(&appliance, "ECM", more).await;
}

#[tokio::test]
async fn the_appliance_pings_and_drops_who_is_silent() {
    let appliance = appliance_with("ping_interval_s = 1").await;
    let mut lively = Ecm::join(&appliance, "ECM", "lively").await;
    // Connected but never read, so that no pong goes out.
    let _silent = Ecm::join(&appliance, "ECM", "silent").await;
    for _ in 0..5 {
        lively.pinged().await;
    }
    let hosts: Vec<_> = appliance
        .ecm_clients()
        .into_iter()
        .filter_map(|c| c.announced)
        .collect();
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].hostname, "host-lively");
}

#[tokio::test]
async fn taking_access_away_closes_the_links_of_that_account_only() {
    type Change = fn(&MockAppliance, &ClientId) -> Result<(), UnknownAccount>;
    let changes: [Change; 4] = [
        |appliance, account| appliance.set_account_enabled(account, false),
        |appliance, account| appliance.set_ecm_permission(account, false),
        |appliance, account| appliance.revoke_tokens(account),
        |appliance, account| appliance.regenerate_secret(account).map(drop),
    ];
    for change in changes {
        let appliance = appliance().await;
        let mut revoked = Ecm::join(&appliance, "ECM", "one").await;
        let _other = Ecm::join(&appliance, "ECM Branch", "two").await;
        change(&appliance, &ClientId(CLIENT_ID.into())).unwrap();
        assert_eq!(revoked.ended().await, Some(4401));
        assert_eq!(appliance.ecm_clients().len(), 1);
    }
}

#[tokio::test]
async fn an_appliance_that_stops_says_that_it_goes_away() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let (code, ()) = tokio::join!(ecm.ended(), appliance.stop());
    assert_eq!(code, Some(1001));
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_leaves_nothing_behind() {
    let appliance = appliance_with("max_ecms = 1").await;
    let half_open = open(&appliance, &token(&appliance, "ECM").await, "sim-ecm.v1")
        .await
        .unwrap();
    drop(half_open);
    let free = || {
        appliance.sessions().is_empty() && appliance.journal().calls_of("disconnect").count() == 1
    };
    eventually("the place is free again", free).await;
    Ecm::join(&appliance, "ECM", "one").await;
}
