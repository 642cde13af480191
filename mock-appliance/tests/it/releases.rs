use mock_appliance::{ConsoleError, LinkError};
use serde_json::json;

use crate::rig::{PATIENCE, appliance, appliance_with, eventually};
use crate::scripted::{Ecm, hello, password};

const USER: &str = r"ACME\joe.user";
const SECRET: &str = "CnRy-&<\"+%é";

#[tokio::test]
async fn a_release_waits_for_an_ecm_and_is_repeated_until_it_is_done() {
    let appliance = appliance_with("release_retry_ms = 10").await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        ecm.hand_out(&password("svc", SECRET)).await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.unwrap();
    };
    tokio::join!(user, answering);
    drop(ecm);
    eventually("the ECM left", || appliance.ecm_clients().is_empty()).await;
    appliance.end_session(&id).await.unwrap();
    eventually("an attempt without an ECM", || {
        appliance
            .releases_owed()
            .iter()
            .any(|release| release.last_problem.is_some())
    })
    .await;

    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let refused = ecm.asked("release_credential").await;
    ecm.say(
        &json!({"type": "error", "id": refused["id"], "category": "connectivity",
                    "message": "The vault is down."}),
    )
    .await;
    let again = ecm.confirm_release().await;
    assert_ne!(refused["id"], again["id"]);
    assert_eq!(refused["session_ended_at"], again["session_ended_at"]);
    assert!(appliance.wait_released(&id, PATIENCE).await);
}

#[tokio::test]
async fn a_release_goes_to_the_ecm_that_served_the_credential() {
    let appliance = appliance().await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        first.offer(&[("7", "svc")]).await;
        first.asked("get_credential").await;
        drop(first);
        let mut second = Ecm::join(&appliance, "ECM", "two").await;
        second.asked("get_credential").await;
        second
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.map(drop)
    };
    let fetching = async {
        tokio::select! {
            outcome = user => Err(outcome),
            second = answering => Ok(second),
        }
    };
    // The link was lost with nobody left: the retry found no ECM, so the user sees the loss.
    let lost = fetching.await.map(drop).unwrap_err().unwrap_err();
    assert_eq!(
        lost,
        ConsoleError::Link(LinkError::ConnectionLost {
            request: "get_credential"
        })
    );

    let mut second = Ecm::join(&appliance, "ECM", "three").await;
    // Whoever was lost may have answered: the credential is given back before it is fetched again.
    second.confirm_release().await;
    assert!(appliance.wait_released(&id, PATIENCE).await);
    let mut third = Ecm::join(&appliance, "ECM", "four").await;
    let answering = async {
        second.asked("get_credential").await;
        drop(second);
        third.hand_out(&password("svc", SECRET)).await;
        third
    };
    let (injected, mut third) = tokio::join!(appliance.inject(&id, "7"), answering);
    assert!(injected.unwrap().matches(SECRET.as_bytes()));
    let mut newest = Ecm::join(&appliance, "ECM", "five").await;
    appliance.end_session(&id).await.unwrap();
    third.confirm_release().await;
    assert!(appliance.wait_released(&id, PATIENCE).await);
    drop(third);
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    eventually("the third left", || appliance.ecm_clients().len() == 1).await;
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), newest.offer(&[]));
    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn a_credential_that_comes_too_late_is_given_back_at_once() {
    let appliance = appliance_with(
        "travel_allowance_ms = 0\n[appliance.settings.request_timeout_ms]\nget_credential = 30",
    )
    .await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        ecm.asked("get_credential").await
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.unwrap_err()
    };
    let (timed_out, request) = tokio::join!(user, answering);
    assert!(matches!(
        timed_out,
        ConsoleError::Link(LinkError::TimedOut { .. })
    ));
    let package = ecm.package(&request, &password("svc", SECRET));
    ecm.say(&package).await;
    let release = ecm.confirm_release().await;
    assert_eq!(release["credential_id"], "7");
    ecm.say(&package).await;
    eventually("the repetition was discarded", || {
        appliance.link_counters().duplicate == 1
    })
    .await;
    eventually("nothing is owed", || appliance.releases_owed().is_empty()).await;
}

#[tokio::test]
async fn what_arrives_after_the_end_of_its_session_is_not_injected() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        let request = ecm.asked("get_credential").await;
        appliance.end_session(&id).await.unwrap();
        let package = ecm.package(&request, &password("svc", SECRET));
        ecm.say(&package).await;
        ecm.confirm_release().await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.map(drop)
    };
    let (injected, ()) = tokio::join!(user, answering);
    assert!(matches!(injected, Err(ConsoleError::Session(_))));
    assert!(appliance.session(&id).unwrap().injections.is_empty());
}

#[tokio::test]
async fn an_ecm_that_does_not_want_to_hear_of_releases_is_left_alone() {
    let appliance = appliance().await;
    let mut plain = hello("one");
    plain["capabilities"] = json!({});
    let mut ecm = Ecm::join_saying(&appliance, "ECM", plain).await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        ecm.offer(&[("7", "svc")]).await;
        ecm.hand_out(&password("svc", SECRET)).await;
    };
    let user = async {
        appliance.find_credentials(&id).await.unwrap();
        appliance.inject(&id, "7").await.unwrap();
    };
    tokio::join!(user, answering);
    appliance.end_session(&id).await.unwrap();
    assert!(appliance.wait_released(&id, PATIENCE).await);
    appliance
        .journal()
        .calls_of("release_credential")
        .exactly(0);
}
