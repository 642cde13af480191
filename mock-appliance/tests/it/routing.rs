use std::time::Duration;

use mock_appliance::{ConsoleError, LinkError};
use serde_json::json;

use crate::rig::{appliance, appliance_with, eventually};
use crate::scripted::{Ecm, hello};

const USER: &str = r"ACME\joe.user";

fn link_error<T: std::fmt::Debug>(outcome: Result<T, ConsoleError>) -> LinkError {
    match outcome.unwrap_err() {
        ConsoleError::Link(error) => error,
        other => panic!("expected an error of the link, got {other:?}"),
    }
}

#[tokio::test]
async fn requests_go_to_the_longest_connected_and_who_returns_queues_at_the_back() {
    let appliance = appliance().await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    appliance.clock().advance(Duration::from_secs(1));
    let mut second = Ecm::join(&appliance, "ECM", "two").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();

    let (found, ()) = tokio::join!(
        appliance.find_credentials(&id),
        first.offer(&[("1", "first")])
    );
    assert_eq!(found.unwrap()[0].display_value, "first");

    drop(first);
    eventually("the first left", || appliance.ecm_clients().len() == 1).await;
    appliance.clock().advance(Duration::from_secs(1));
    let _returned = Ecm::join(&appliance, "ECM", "one").await;
    let (found, ()) = tokio::join!(
        appliance.find_credentials(&id),
        second.offer(&[("2", "second")])
    );
    assert_eq!(found.unwrap()[0].display_value, "second");
}

#[tokio::test]
async fn a_jump_group_is_served_by_the_ecms_of_its_group() {
    let appliance = appliance().await;
    let _default = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "branch01").await.unwrap();
    let refused = link_error(appliance.find_credentials(&id).await);
    assert_eq!(
        refused,
        LinkError::NoEcm {
            group: "Branch".into()
        }
    );

    let mut branch = Ecm::join(&appliance, "ECM Branch", "two").await;
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), branch.offer(&[("1", "x")]));
    assert_eq!(found.unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_goes_to_the_next_ecm_when_a_link_is_lost_meanwhile() {
    let appliance = appliance().await;
    let mut first = Ecm::join(&appliance, "ECM", "one").await;
    let mut second = Ecm::join(&appliance, "ECM", "two").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let losing = async {
        first.asked("find_credentials").await;
        drop(first);
        second.offer(&[("2", "second")]).await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), losing);
    assert_eq!(found.unwrap()[0].display_value, "second");
    let hops = appliance.session(&id).unwrap().hops;
    let outcomes: Vec<_> = hops.iter().map(|hop| hop.outcome.as_str()).collect();
    assert_eq!(outcomes, ["connection_lost", "ok"]);
}

#[tokio::test]
async fn a_search_is_sent_twice_at_most() {
    let appliance = appliance().await;
    let mut ecms = Vec::new();
    for name in ["one", "two", "three"] {
        ecms.push(Ecm::join(&appliance, "ECM", name).await);
    }
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let losing = async {
        for mut ecm in ecms.drain(..2) {
            ecm.asked("find_credentials").await;
        }
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), losing);
    assert_eq!(
        link_error(found),
        LinkError::ConnectionLost {
            request: "find_credentials"
        }
    );
}

#[tokio::test]
async fn a_link_lost_with_nobody_left_is_reported_as_lost() {
    let appliance = appliance().await;
    let mut only = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let losing = async {
        only.asked("find_credentials").await;
        drop(only);
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), losing);
    assert_eq!(
        link_error(found),
        LinkError::ConnectionLost {
            request: "find_credentials"
        }
    );
}

#[tokio::test]
async fn a_late_answer_is_discarded_and_counted() {
    let appliance = appliance_with(
        "travel_allowance_ms = 0\n[appliance.settings.request_timeout_ms]\nfind_credentials = 30",
    )
    .await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let (found, request) = tokio::join!(
        appliance.find_credentials(&id),
        ecm.asked("find_credentials")
    );
    assert_eq!(request["deadline_ms"], 30);
    let timed_out = LinkError::TimedOut {
        request: "find_credentials",
        deadline_ms: 30,
    };
    assert_eq!(link_error(found), timed_out);
    ecm.say(&json!({"type": "credentials", "id": request["id"], "credentials": []}))
        .await;
    eventually("the late answer", || appliance.link_counters().late == 1).await;
    assert_eq!(appliance.ecm_clients().len(), 1, "the link goes on");
}

#[tokio::test]
async fn answers_may_come_in_any_order_and_surplus_ones_are_counted() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let a = appliance.begin_session(USER, "web01").await.unwrap();
    let b = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        let requests = [
            ecm.asked("find_credentials").await,
            ecm.asked("find_credentials").await,
        ];
        for request in requests.iter().rev() {
            let session = request["session"]["session_id"].as_str().unwrap();
            let entry = json!({"credential_id": session, "display_value": session});
            let answer =
                json!({"type": "credentials", "id": request["id"], "credentials": [entry]});
            ecm.say(&answer).await;
            ecm.say(&answer).await;
        }
        ecm.say(&json!({"type": "done", "id": "r-4711"})).await;
    };
    let (of_a, of_b, ()) = tokio::join!(
        appliance.find_credentials(&a),
        appliance.find_credentials(&b),
        answering
    );
    assert_eq!(of_a.unwrap()[0].credential_id, a.to_string());
    assert_eq!(of_b.unwrap()[0].credential_id, b.to_string());
    eventually("all surplus answers", || {
        let counters = appliance.link_counters();
        (counters.duplicate, counters.unknown, counters.late) == (2, 1, 0)
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_the_wrong_type_fails_its_request_and_nothing_else() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let answering = async {
        let request = ecm.asked("find_credentials").await;
        ecm.say(&json!({"type": "done", "id": request["id"]})).await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), answering);
    let unexpected = LinkError::UnexpectedAnswer {
        request: "find_credentials",
        answer: "done",
    };
    assert_eq!(link_error(found), unexpected);
    assert_eq!(appliance.ecm_clients().len(), 1);
}

#[tokio::test]
async fn what_a_plugin_cannot_do_is_not_asked_of_it() {
    let appliance = appliance_with("external_search = true").await;
    let mut plain = hello("one");
    plain["capabilities"] = json!({});
    let _ecm = Ecm::join_saying(&appliance, "ECM", plain).await;
    let search = link_error(appliance.find_endpoints(USER, "web", None).await);
    assert_eq!(
        search,
        LinkError::Unsupported {
            request: "find_endpoints"
        }
    );
    let health = link_error(appliance.health("Default").await);
    assert_eq!(health, LinkError::Unsupported { request: "health" });
}
