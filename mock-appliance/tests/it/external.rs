use mock_appliance::ConsoleError;
use serde_json::json;

use crate::rig::{appliance, appliance_with};
use crate::scripted::Ecm;

const USER: &str = r"ACME\joe.user";

#[tokio::test]
async fn external_items_are_found_and_jumped_to() {
    let appliance = appliance_with("external_search = true\nexternal_jumpoint = false").await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let answering = async {
        let request = ecm.asked("find_endpoints").await;
        assert_eq!(
            (&request["query"], &request["most_recently_used_count"]),
            (&json!("web"), &json!(5))
        );
        ecm.say(&json!({"type": "endpoints", "id": request["id"], "endpoints": [
            {"external_id": "42", "name": "web02", "hostname": "web02.acme.example", "type": "rdp"},
            {"external_id": "43", "name": "portal", "hostname": "portal", "type": "web"},
        ]}))
        .await;
    };
    let (found, ()) = tokio::join!(appliance.find_endpoints(USER, "web", Some(5)), answering);
    let found = found.unwrap();
    assert_eq!(found.len(), 1, "RDP and shell only");
    assert_eq!(
        found[0].comments,
        "Jumpoint for External Jump Items not configured"
    );

    let id = appliance
        .begin_external_session(USER, &found[0])
        .await
        .unwrap();
    let asked = async {
        let request = ecm.asked("find_credentials").await;
        assert_eq!(request["session"]["jump_item"]["type"], "external_rdp");
        assert_eq!(
            request["session"]["jump_item"]["hostname"],
            "web02.acme.example"
        );
        ecm.say(&json!({"type": "credentials", "id": request["id"], "credentials": []}))
            .await;
    };
    let (list, ()) = tokio::join!(appliance.find_credentials(&id), asked);
    assert!(list.unwrap().is_empty());
}

#[tokio::test]
async fn the_search_for_external_items_is_off_unless_the_lab_turns_it_on() {
    let appliance = appliance().await;
    let refused = appliance
        .find_endpoints(USER, "web", None)
        .await
        .unwrap_err();
    assert_eq!(refused, ConsoleError::ExternalSearchOff);
}
