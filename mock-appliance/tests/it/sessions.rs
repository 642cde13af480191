use std::time::Duration;

use mock_appliance::{ConsoleError, LinkError, Part, SealError};
use serde_json::json;

use crate::rig::{PATIENCE, appliance, appliance_with, eventually};
use crate::scripted::{Ecm, hello, password};

const USER: &str = r"ACME\joe.user";
const SECRET: &str = "CnRy-&<\"+%é";

fn events_of(session: &mock_appliance::state::sessions::Session) -> Vec<&'static str> {
    session
        .events
        .iter()
        .map(|event| event.event_type)
        .collect()
}

#[tokio::test]
async fn a_credential_is_listed_picked_injected_and_given_back() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let journey = async {
        ecm.offer(&[("ss:7", "ACME\\svc-web"), ("ss:8", "web01\\Administrator")])
            .await;
        ecm.hand_out(&password("svc-web", SECRET)).await;
    };
    let user = async {
        let list = appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, &list[0].credential_id).await.unwrap()
    };
    let (injection, ()) = tokio::join!(user, journey);
    assert!(injection.matches(SECRET.as_bytes()));
    assert!(!injection.matches(b"something else"));
    assert!(injection.matches_part(Part::Username, b"svc-web"));
    assert_eq!(
        (
            injection.masked_username.as_str(),
            injection.domain.as_deref()
        ),
        ("s•••b", Some("ACME"))
    );

    assert!(appliance.releases_owed().is_empty());
    appliance.clock().advance(Duration::from_secs(60));
    appliance.end_session(&id).await.unwrap();
    let release = ecm.confirm_release().await;
    assert_eq!(
        (&release["credential_id"], &release["session_ended_at"]),
        (&json!("ss:7"), &json!(1_767_603_660))
    );
    assert!(appliance.wait_released(&id, PATIENCE).await);

    let session = appliance.session(&id).unwrap();
    assert_eq!(
        events_of(&session),
        [
            "Session Start",
            "Credential Injection Attempt",
            "Session End"
        ]
    );
    let hops: Vec<_> = session.hops.iter().map(|hop| hop.request).collect();
    assert_eq!(
        hops,
        ["find_credentials", "get_credential", "release_credential"]
    );
    assert!(
        session
            .hops
            .iter()
            .all(|hop| hop.sent_at_us <= hop.answered_at_us)
    );
    let remembered = format!(
        "{session:?} {:?} {injection:?}",
        appliance.journal().entries()
    );
    assert!(!remembered.contains("CnRy"), "{remembered}");
}

#[tokio::test]
async fn an_empty_list_is_a_success() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), ecm.offer(&[]));
    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn a_problem_of_the_ecm_reaches_the_user_in_its_words() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        let request = ecm.asked("find_credentials").await;
        ecm.say(&json!({
            "type": "error", "id": request["id"], "category": "pending_approval",
            "message": "Approve the e-mail first.", "retryable": true,
            "action_url": "https://vault.acme.example/approve",
        }))
        .await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), answering);
    let Err(ConsoleError::Link(LinkError::Refused(problem))) = found else {
        panic!("{found:?}")
    };
    assert_eq!(problem.category, "pending_approval");
    assert_eq!(problem.message, "Approve the e-mail first.");
    assert_eq!(
        problem.action_url.as_deref(),
        Some("https://vault.acme.example/approve")
    );
}

#[tokio::test]
async fn a_failed_injection_is_an_event_with_its_reason() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        let request = ecm.asked("get_credential").await;
        ecm.say(
            &json!({"type": "error", "id": request["id"], "category": "not_found",
                        "message": "The secret is gone."}),
        )
        .await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await
    };
    let (injected, ()) = tokio::join!(user, answering);
    assert_eq!(injected.unwrap_err().to_string(), "The secret is gone.");
    let events = appliance.events(&id).unwrap();
    assert_eq!(events[2].event_type, "Credential Injection Attempt Failed");
    assert!(
        events[2]
            .data
            .contains(&("failure_reason", "The secret is gone.".to_owned()))
    );
    appliance.end_session(&id).await.unwrap();
    assert!(
        appliance.releases_owed().is_empty(),
        "nothing was handed out"
    );
}

#[tokio::test]
async fn only_a_box_made_for_this_request_opens() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let changes: [(&str, serde_json::Value); 3] = [
        ("id", json!("r-999")),
        ("credential_id", json!("8")),
        ("session", json!({"session_id": "s-9"})),
    ];
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        for (member, value) in &changes {
            let request = ecm.asked("get_credential").await;
            let mut other = request.clone();
            other[*member] = value.clone();
            let mut package = ecm.package(&other, &password("svc", SECRET));
            package["id"] = request["id"].clone();
            ecm.say(&package).await;
        }
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        for _ in &changes {
            let refused = appliance.inject(&id, "7").await.unwrap_err();
            assert_eq!(refused, ConsoleError::Seal(SealError::DoesNotOpen));
        }
    };
    tokio::join!(user, answering);
    assert_eq!(appliance.session(&id).unwrap().injections.len(), 0);
    appliance.end_session(&id).await.unwrap();
    ecm.confirm_release().await;
    assert!(appliance.wait_released(&id, PATIENCE).await);
}

#[tokio::test]
async fn each_session_has_a_key_of_its_own() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let id = appliance.begin_session(USER, "web01").await.unwrap();
        let answering = async {
            ecm.offer(&[("7", "svc")]).await;
            let request = ecm.asked("get_credential").await;
            keys.insert(request["recipient_key"].as_str().unwrap().to_owned());
            let package = ecm.package(&request, &password("svc", SECRET));
            ecm.say(&package).await;
        };
        let user = async {
            appliance.find_credentials(&id).await.unwrap();
            appliance.inject(&id, "7").await.unwrap();
        };
        tokio::join!(user, answering);
    }
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn a_kind_that_the_appliance_does_not_know_is_refused_and_given_back() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        ecm.hand_out(&json!({"kind": "one_time_code", "username": "svc"}))
            .await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.unwrap_err()
    };
    let (refused, ()) = tokio::join!(user, answering);
    assert!(matches!(refused, ConsoleError::Plaintext(_)));
    appliance.end_session(&id).await.unwrap();
    ecm.confirm_release().await;
}

#[tokio::test]
async fn the_second_try_of_a_fetch_is_a_setting() {
    let appliance = appliance_with("retry_get_credential = false").await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    let _second = Ecm::join(&appliance, "ECM", "two").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let losing = async {
        first.offer(&[("7", "svc")]).await;
        first.asked("get_credential").await;
        drop(first);
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.unwrap_err()
    };
    let (lost, ()) = tokio::join!(user, losing);
    assert_eq!(
        lost,
        ConsoleError::Link(LinkError::ConnectionLost {
            request: "get_credential"
        })
    );
}

#[tokio::test]
async fn an_ecm_that_wants_to_know_is_told_of_starts_and_ends() {
    let appliance = appliance().await;
    let mut curious = hello("one");
    curious["capabilities"] = json!({"session_started": true, "session_complete": true});
    let mut ecm = Ecm::join_saying(&appliance, "ECM", curious).await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let started = ecm.asked("session_started").await;
    assert_eq!(started["session"]["session_id"], id.to_string());
    assert_eq!(started["history_url_expiry_s"], 3600);
    ecm.say(&json!({"type": "done", "id": started["id"]})).await;
    appliance.end_session(&id).await.unwrap();
    let complete = ecm.asked("session_complete").await;
    ecm.say(&json!({"type": "done", "id": complete["id"]}))
        .await;
    eventually("both answers", || {
        let hops = appliance.session(&id).unwrap().hops;
        hops.len() == 2 && hops.iter().all(|hop| hop.outcome == "ok")
    })
    .await;
}

#[tokio::test]
async fn a_name_that_the_lab_does_not_have_is_named() {
    let appliance = appliance().await;
    let check = |user: &'static str, item: &'static str, expected: &'static str| {
        let appliance = &appliance;
        async move {
            let refused = appliance.begin_session(user, item).await.unwrap_err();
            assert_eq!(refused.to_string(), expected);
        }
    };
    check("nobody", "web01", "there is no console user \"nobody\"").await;
    check(USER, "nowhere", "there is no Jump Item \"nowhere\"").await;
    assert!(
        appliance
            .begin_session(r"acme\JOE.USER", "web01")
            .await
            .is_ok()
    );
}
