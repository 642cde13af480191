//! What an appliance that misbehaves gets: a close with the right code, then a new connection.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::appliance::Appliance;
use super::rig::{Ecm, find};

#[tokio::test]
async fn what_is_not_a_frame_closes_the_connection() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("not JSON"), 4400),
        (Message::text("[]"), 4400),
        (Message::text("{\"id\":\"r-1\"}"), 4400),
        (Message::text("{\"type\":7,\"id\":\"r-1\"}"), 4400),
        (Message::text("{\"type\":\"find_credentials\"}"), 4400),
        (
            Message::text(format!("{}1{}", "[".repeat(5000), "]".repeat(5000))),
            4400,
        ),
        (Message::text(super::appliance::welcome().to_string()), 4400),
        (Message::text(" ".repeat(1024 * 1024 + 1)), 1009),
    ] {
        let mut link = appliance.next_link().await;
        link.send_raw(message).await;
        assert_eq!(link.close_code().await, code);
    }
    let mut link = appliance.next_link().await;
    assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_request_that_cannot_be_served_is_answered_and_harms_no_other() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    // Without an id nobody waits for an answer.
    link.send(&json!({"type": "from_the_future"})).await;
    for (request, category) in [
        (
            json!({"type": "from_the_future", "id": "r-1"}),
            "unsupported",
        ),
        (
            json!({"type": "find_credentials", "id": "r-2"}),
            "unexpected",
        ),
        (
            json!({"type": "find_credentials", "id": "r-3", "session": "none"}),
            "unexpected",
        ),
        (
            json!({"type": "find_endpoints", "id": "r-4", "session": super::rig::session("joe")}),
            "unsupported",
        ),
    ] {
        let answer = link.ask(&request).await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert_eq!(answer["id"], request["id"]);
        assert_eq!(answer["category"], category);
    }
    let mut odd = find("r-5", "joe");
    odd["session"]["jump_item"]["type"] = json!("teleport");
    let answer = link.ask(&odd).await;
    assert_eq!(answer["category"], "unexpected");
    assert!(
        answer["message"].as_str().unwrap().contains("Jump Item"),
        "{answer}"
    );
    assert_eq!(link.ask(&find("r-6", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_first_frame_other_than_welcome_is_no_link() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_upgrade().await;
    link.next().await;
    link.send(&find("r-1", "joe")).await;
    let mut second = appliance.next_link().await;
    assert_eq!(second.ask(&find("r-1", "joe")).await["type"], "credentials");
    assert_eq!(ecm.plugin.calls(), ["find joe"]);
    ecm.stop().await.0.unwrap();
}
