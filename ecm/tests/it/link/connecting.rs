//! From the token to `welcome`, every refusal on the way, and what comes after a connection.

use ecm::link::{ConnectError, LinkState};
use ecm::service::ServiceError;
use serde_json::json;

use super::appliance::{Appliance, PATIENCE, header};
use super::rig::{Ecm, find};

async fn connected(appliance: &mut Appliance, ecm: &mut Ecm) {
    let mut link = appliance.next_link().await;
    let up = ecm
        .state
        .wait_for(|state| matches!(state, LinkState::Up { .. }));
    tokio::time::timeout(PATIENCE, up)
        .await
        .expect("the link to come up")
        .unwrap();
    assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
}

#[tokio::test]
async fn the_ecm_signs_in_and_introduces_itself() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let hello = appliance.next_upgrade().await.next().await;
    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["protocol_versions"], json!([1]));
    assert_eq!(hello["ecm_id"].as_str().unwrap().len(), 32);
    assert_eq!(hello["os"], std::env::consts::OS);
    assert_eq!(
        hello["plugin"],
        json!({"name": "Scripted", "version": "1.2.3", "description": "does what a test says"})
    );
    assert_eq!(
        hello["capabilities"],
        json!({"credentials_used": true, "endpoint_search": false, "health_check": true,
            "session_complete": false, "session_started": false, "start_session": false})
    );
    let heads = appliance.heads();
    assert!(heads[0].starts_with("POST /oauth2/token HTTP/1.1\r\n"));
    assert!(
        heads[0].ends_with("\r\n\r\ngrant_type=client_credentials"),
        "{}",
        heads[0]
    );
    // base64 of ecm-client:s3cret
    let basic = "Basic ZWNtLWNsaWVudDpzM2NyZXQ=";
    assert_eq!(header(&heads[0], "authorization").as_deref(), Some(basic));
    assert!(heads[1].starts_with("GET /api/ecm/v1/connect HTTP/1.1\r\n"));
    assert_eq!(
        header(&heads[1], "authorization").as_deref(),
        Some("Bearer token-1")
    );
    assert_eq!(
        header(&heads[1], "sec-websocket-protocol").as_deref(),
        Some("sim-ecm.v1")
    );
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn the_id_stays_over_a_restart_and_every_connect_brings_a_new_token() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let first = appliance.next_upgrade().await.next().await;
    let (_, directory) = ecm.stop().await;
    let ecm = Ecm::start_with(&appliance, Default::default(), "", directory);
    // The first process may have tried again before it was stopped.
    let second = appliance.next_upgrade().await.next().await;
    assert_eq!(first["ecm_id"], second["ecm_id"]);
    let bearers: Vec<_> = appliance
        .heads()
        .iter()
        .filter_map(|head| header(head, "authorization"))
        .collect();
    assert!(bearers.contains(&"Bearer token-1".to_owned()));
    assert!(bearers.contains(&"Bearer token-2".to_owned()));
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_at_once() {
    let mut appliance = Appliance::start().await;
    appliance.refuse_upgrade(401, r#"{"error":"access_denied","message":"expired"}"#);
    let mut ecm = Ecm::start(&appliance);
    connected(&mut appliance, &mut ecm).await;
    let post = "POST /oauth2/token HTTP/1.1";
    let get = "GET /api/ecm/v1/connect HTTP/1.1";
    assert_eq!(appliance.seen(), [post, get, post, get]);
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn refusals_that_somebody_can_lift_are_waited_for() {
    let mut appliance = Appliance::start().await;
    appliance.refuse_token(
        401,
        r#"{"error":"invalid_client","message":"no such client"}"#,
    );
    appliance.refuse_token(200, "<html>log in</html>");
    appliance.refuse_token(503, "");
    appliance.refuse_upgrade(403, r#"{"error":"permission_denied","message":"disabled"}"#);
    appliance.refuse_upgrade(
        409,
        r#"{"error":"ecm_limit_reached","message":"three already"}"#,
    );
    appliance.refuse_upgrade(500, "not JSON");
    let mut ecm = Ecm::start(&appliance);
    connected(&mut appliance, &mut ecm).await;
    assert_eq!(appliance.seen().len(), 3 + 2 * 3 + 2);
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn without_a_common_version_the_ecm_stops() {
    let appliance = Appliance::start().await;
    appliance.refuse_upgrade(426, r#"{"error":"version_mismatch","message":"only v2"}"#);
    let (ended, _directory) = Ecm::start(&appliance).ended().await;
    let error = ended.unwrap_err();
    assert!(
        matches!(&error, ServiceError::Connect(ConnectError::Refused { status: 426, message, .. }) if message == "only v2"),
        "{error}"
    );

    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_upgrade().await;
    link.next().await;
    link.send(&json!({"type": "reject", "code": "version_mismatch", "message": "only v2"}))
        .await;
    assert!(matches!(ecm.ended().await.0, Err(ServiceError::Connect(_))));

    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    appliance.next_link().await.close(4426).await;
    assert!(matches!(ecm.ended().await.0, Err(ServiceError::Connect(_))));
}

#[tokio::test]
async fn a_lost_connection_is_opened_anew() {
    let mut appliance = Appliance::start().await;
    let mut ecm = Ecm::start(&appliance);
    for code in [4401, 4409, 1001] {
        let mut link = appliance.next_link().await;
        assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
        link.close(code).await;
    }
    drop(appliance.next_link().await);
    connected(&mut appliance, &mut ecm).await;
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn the_ecm_pings_and_gives_up_a_silent_appliance() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_upgrade().await;
    link.next().await;
    let mut welcome = super::appliance::welcome();
    welcome["ping_interval_s"] = json!(1);
    link.send(&welcome).await;
    link.ping().await;
    // From here on nobody reads the first link, so nobody answers its pings.
    let mut second = appliance.next_link().await;
    assert_eq!(second.ask(&find("r-1", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}
