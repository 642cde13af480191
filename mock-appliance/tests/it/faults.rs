use mock_appliance::{ConsoleError, LinkError, SealError};
use serde_json::json;
use sim_kit::clock::Stopwatch;
use sim_kit::fault::{How, Verdict, When};

use crate::rig::{appliance, appliance_with, eventually, fault, token};
use crate::scripted::{Ecm, hello, open, password};

const USER: &str = r"ACME\joe.user";

fn named(text: &str) -> Verdict {
    Verdict::Fault { text: text.into() }
}

#[tokio::test]
async fn a_request_can_be_lost_with_its_connection_before_it_is_sent() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let rule = fault(
        &appliance,
        "find_credentials",
        Verdict::Drop {
            when: When::Before,
            how: How::Close,
        },
    );
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let (found, code) = tokio::join!(appliance.find_credentials(&id), ecm.ended());
    assert_eq!(code, None, "cut, not closed");
    let lost = LinkError::ConnectionLost {
        request: "find_credentials",
    };
    assert_eq!(found.unwrap_err(), ConsoleError::Link(lost));
    rule.assert_met();
}

#[tokio::test]
async fn an_answer_can_be_lost_with_its_connection() {
    let appliance = appliance().await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    let mut second = Ecm::join(&appliance, "ECM", "two").await;
    let rule = fault(
        &appliance,
        "find_credentials",
        Verdict::Drop {
            when: When::After,
            how: How::Reset,
        },
    );
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        first.offer(&[("1", "lost")]).await;
        assert_eq!(first.ended().await, None);
        second.offer(&[("2", "found")]).await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), answering);
    assert_eq!(found.unwrap()[0].display_value, "found");
    rule.assert_met();
}

#[tokio::test]
async fn a_request_can_be_held_back_and_let_go() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let rule = fault(&appliance, "find_credentials", Verdict::Hold);
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let releasing = async {
        eventually("the request is held", || rule.met() == 1).await;
        drop(rule);
        ecm.offer(&[]).await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), releasing);
    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_can_arrive_damaged() {
    let appliance = appliance_with(
        "travel_allowance_ms = 0\n[appliance.settings.request_timeout_ms]\nfind_credentials = 30",
    )
    .await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let damages = [
        Verdict::Garble,
        Verdict::Truncate {
            at_bytes: Some(20),
            inside: None,
        },
        named("malformed_frame"),
    ];
    for damage in damages {
        let rule = fault(&appliance, "find_credentials", damage);
        let id = appliance.begin_session(USER, "web01").await.unwrap();
        let (found, text) = tokio::join!(appliance.find_credentials(&id), ecm.heard_text());
        assert!(
            serde_json::from_str::<serde_json::Value>(&text).is_err(),
            "{text}"
        );
        assert!(matches!(
            found,
            Err(ConsoleError::Link(LinkError::TimedOut { .. }))
        ));
        rule.assert_met();
    }
}

#[tokio::test]
async fn a_request_can_arrive_twice() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let rule = fault(&appliance, "find_credentials", Verdict::Duplicate);
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        let first = ecm.asked("find_credentials").await;
        assert_eq!(ecm.asked("find_credentials").await, first);
        ecm.say(&json!({"type": "credentials", "id": first["id"], "credentials": []}))
            .await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), answering);
    assert!(found.unwrap().is_empty());
    rule.assert_met();
}

#[tokio::test]
async fn an_answer_can_be_taken_for_another_ones() {
    let appliance = appliance_with(
        "travel_allowance_ms = 0\n[appliance.settings.request_timeout_ms]\nfind_credentials = 500",
    )
    .await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let _rule = fault(&appliance, "find_credentials", named("wrong_request_id"));
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), ecm.offer(&[("1", "x")]));
    assert!(matches!(
        found,
        Err(ConsoleError::Link(LinkError::TimedOut { .. }))
    ));
    assert_eq!(appliance.link_counters().unknown, 1);
}

#[tokio::test]
async fn a_box_can_be_opened_as_if_it_were_another_ones() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let _rule = fault(&appliance, "get_credential", named("wrong_aad"));
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        ecm.hand_out(&password("svc", "CnRy-1")).await;
        ecm.hand_out(&password("svc", "CnRy-1")).await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        let refused = appliance.inject(&id, "7").await.unwrap_err();
        assert_eq!(refused, ConsoleError::Seal(SealError::DoesNotOpen));
        assert!(appliance.inject(&id, "7").await.unwrap().matches(b"CnRy-1"));
    };
    tokio::join!(user, answering);
}

#[tokio::test]
async fn access_can_be_taken_away_in_the_middle_of_a_request() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let _rule = fault(&appliance, "find_credentials", Verdict::ExpireToken);
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let (found, code) = tokio::join!(appliance.find_credentials(&id), ecm.ended());
    assert_eq!(code, Some(4401));
    assert!(matches!(
        found,
        Err(ConsoleError::Link(LinkError::ConnectionLost { .. }))
    ));
}

#[tokio::test]
async fn a_token_can_die_on_its_way_to_the_link() {
    let appliance = appliance().await;
    let token = token(&appliance, "ECM").await;
    let _rule = fault(&appliance, "connect", Verdict::ExpireToken);
    assert_eq!(
        open(&appliance, &token, "sim-ecm.v1").await.unwrap_err().0,
        401
    );
    assert_eq!(
        open(&appliance, &token, "sim-ecm.v1").await.unwrap_err().0,
        401
    );
}

#[tokio::test]
async fn a_version_can_be_rejected_and_a_clock_can_be_wrong() {
    let appliance = appliance().await;
    let rejecting = fault(&appliance, "hello", named("version_mismatch"));
    let mut ecm = Ecm::connect(&appliance, "ECM").await.unwrap();
    ecm.say(&hello("one")).await;
    ecm.asked("reject").await;
    assert_eq!(ecm.ended().await, Some(4426));
    rejecting.assert_met();

    let _skewing = fault(&appliance, "hello", named("clock_skew"));
    let ecm = Ecm::join(&appliance, "ECM", "one").await;
    let off_s = ecm.welcome["server_time"].as_i64().unwrap() - appliance.clock().now().unix_s();
    assert_eq!(off_s, 86_400);
}

#[tokio::test]
async fn a_request_can_be_late() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let _rule = fault(&appliance, "find_credentials", Verdict::Delay { ms: 40 });
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let started = Stopwatch::start();
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), ecm.offer(&[]));
    assert!(found.unwrap().is_empty());
    assert!(started.elapsed_us() >= 40_000);
}

#[tokio::test]
async fn a_request_can_fail_without_being_sent() {
    let appliance = appliance().await;
    let _ecm = Ecm::join(&appliance, "ECM", "one").await;
    let _rule = fault(
        &appliance,
        "find_credentials",
        Verdict::Error {
            text: "Not today.".into(),
        },
    );
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let refused = appliance.find_credentials(&id).await.unwrap_err();
    assert_eq!(refused.to_string(), "Not today.");
    let journal = appliance.journal().calls_of("find_credentials");
    assert!(journal.entries()[0].fault_rule.is_some());
}
