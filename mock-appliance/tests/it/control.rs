use serde_json::{Value, json};
use sim_kit::exchange::Method;

use crate::rig::{self, appliance, eventually};
use crate::scripted::{Ecm, password};

async fn call(
    appliance: &mock_appliance::MockAppliance,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let reply = appliance
        .hosted()
        .control()
        .dispatch(&method, path, body)
        .await;
    (reply.status.as_u16(), reply.body)
}

#[tokio::test]
async fn the_whole_journey_can_be_driven_from_the_control_plane() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let begin = json!({"user": r"ACME\joe.user", "jump_item": "web01"});
    let (status, session) = call(&appliance, Method::POST, "/sessions", begin).await;
    assert_eq!((status, &session["session_id"]), (200, &json!("s-1")));

    let list = call(
        &appliance,
        Method::POST,
        "/sessions/s-1/credentials",
        Value::Null,
    );
    let ((status, list), ()) = tokio::join!(list, ecm.offer(&[("7", "svc")]));
    assert_eq!((status, &list[0]["display_value"]), (200, &json!("svc")));

    let pick = json!({"credential_id": "7"});
    let inject = call(&appliance, Method::POST, "/sessions/s-1/inject", pick);
    let secret = password("administrator", "CnRy-1");
    let ((status, injected), ()) = tokio::join!(inject, ecm.hand_out(&secret));
    assert_eq!((status, &injected["username"]), (200, &json!("a•••r")));

    let end = call(&appliance, Method::POST, "/sessions/s-1/end", Value::Null).await;
    assert_eq!(end.0, 200);
    ecm.confirm_release().await;
    let (_, session) = call(&appliance, Method::GET, "/sessions/s-1", Value::Null).await;
    assert_eq!(session["hops"][1]["request"], "get_credential");
    assert!(session["hops"][1]["sent_at_us"].is_u64());
    assert_eq!(session["events"][1]["data"]["credential_name"], "svc");
    let (_, state) = call(&appliance, Method::GET, "/state", Value::Null).await;
    for text in [session.to_string(), state.to_string(), injected.to_string()] {
        assert!(!text.contains("CnRy"), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_has_the_status_that_says_why() {
    let appliance = appliance().await;
    let begin = |item: &str| json!({"user": r"ACME\joe.user", "jump_item": item});
    assert_eq!(
        call(&appliance, Method::POST, "/sessions", begin("x"))
            .await
            .0,
        404
    );
    assert_eq!(
        call(&appliance, Method::POST, "/sessions", json!({"user": 1}))
            .await
            .0,
        400
    );
    assert_eq!(
        call(&appliance, Method::GET, "/sessions/1", Value::Null)
            .await
            .0,
        404
    );
    call(&appliance, Method::POST, "/sessions", begin("web01")).await;
    let (status, body) = call(
        &appliance,
        Method::POST,
        "/sessions/s-1/credentials",
        Value::Null,
    )
    .await;
    assert_eq!(status, 503);
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .contains("no ECM of the group")
    );
    let pick = json!({"credential_id": "7"});
    assert_eq!(
        call(&appliance, Method::POST, "/sessions/s-1/inject", pick)
            .await
            .0,
        409
    );
    assert_eq!(
        call(&appliance, Method::POST, "/accounts/x/disable", Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        call(&appliance, Method::POST, "/endpoints", json!({"user": "x"}))
            .await
            .0,
        409
    );
}

#[tokio::test]
async fn accounts_are_shown_without_secrets_and_can_be_changed() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let (_, accounts) = call(&appliance, Method::GET, "/accounts", Value::Null).await;
    let planted = appliance.api_account("ECM").unwrap().1;
    assert!(!accounts.to_string().contains(planted.expose()));
    let account = accounts
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["name"] == "ECM")
        .unwrap();
    assert_eq!(
        (&account["perm_ecm"], &account["links"][0]),
        (&json!(true), &json!("c-1"))
    );

    let path = |what: &str| format!("/accounts/{}/{what}", rig::CLIENT_ID);
    let (_, new) = call(&appliance, Method::POST, &path("regenerate"), Value::Null).await;
    assert_eq!(new["client_secret"].as_str().map(str::len), Some(44));
    assert_eq!(ecm.ended().await, Some(4401));
    let (_, account) = call(&appliance, Method::POST, &path("disable"), Value::Null).await;
    assert_eq!(account["enabled"], false);
    let (_, account) = call(&appliance, Method::POST, &path("deny-ecm"), Value::Null).await;
    assert_eq!(account["perm_ecm"], false);
}

#[tokio::test]
async fn the_connected_ecms_are_listed_with_what_they_said() {
    let appliance = appliance().await;
    let _first = Ecm::join(&appliance, "ECM", "one").await;
    let _second = Ecm::join(&appliance, "ECM", "two").await;
    let (_, clients) = call(&appliance, Method::GET, "/ecm-clients", Value::Null).await;
    assert_eq!(clients[0]["hostname"], "host-one");
    assert_eq!(clients[0]["receives_requests"], true);
    assert_eq!(clients[1]["receives_requests"], false);
    assert_eq!(clients[0]["plugin_name"], "Scripted");
}

#[tokio::test]
async fn a_reset_ends_links_and_sessions_and_undoes_changes() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance
        .begin_session(r"ACME\joe.user", "web01")
        .await
        .unwrap();
    let client_id = appliance.api_account("ECM Branch").unwrap().0.clone();
    appliance.set_account_enabled(&client_id, false).unwrap();
    assert_eq!(
        call(&appliance, Method::POST, "/reset", Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(ecm.ended().await, Some(1001));
    eventually("the link is gone", || appliance.ecm_clients().is_empty()).await;
    assert!(appliance.session(&id).is_err());
    Ecm::join(&appliance, "ECM Branch", "two").await;
    let next = appliance
        .begin_session(r"ACME\joe.user", "web01")
        .await
        .unwrap();
    assert_eq!(
        next.to_string(),
        "s-2",
        "an old id never means a new session"
    );
}

#[tokio::test]
async fn every_route_of_the_appliance_is_described() {
    let appliance = appliance().await;
    let (_, document) = call(&appliance, Method::GET, "/openapi.json", Value::Null).await;
    let text = document.to_string();
    for path in [
        "/ecm-clients",
        "/sessions",
        "/sessions/{id}",
        "/sessions/{id}/credentials",
        "/sessions/{id}/inject",
        "/sessions/{id}/end",
        "/accounts",
        "/accounts/{client_id}/regenerate",
        "/accounts/{client_id}/disable",
        "/endpoints",
    ] {
        assert!(text.contains(path), "{path}");
    }
}

#[tokio::test]
async fn users_and_jump_items_can_be_looked_up() {
    let appliance = appliance().await;
    for item in ["web01", "branch01", "web01"] {
        appliance
            .begin_session(r"ACME\joe.user", item)
            .await
            .unwrap();
    }
    let (_, users) = call(&appliance, Method::GET, "/console-users", Value::Null).await;
    assert_eq!(users[0]["provider_type"], "ldap");
    assert_eq!(users[0]["recently_used"], json!(["web01", "branch01"]));
    let (_, items) = call(&appliance, Method::GET, "/jump-items", Value::Null).await;
    assert_eq!(
        (&items[0]["name"], &items[0]["ecm_group"]),
        (&json!("branch01"), &json!("Branch"))
    );
}
