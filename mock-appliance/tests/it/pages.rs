use serde_json::json;

use crate::http::send;
use crate::rig::{address, appliance};
use crate::scripted::{Ecm, hello};

#[tokio::test]
async fn the_login_page_lists_the_connected_ecms() {
    let appliance = appliance().await;
    let empty = send(address(&appliance), "GET /login", &[], "").await;
    assert_eq!(
        (empty.status, empty.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(empty.body.contains("No ECM is connected."));

    let mut cheeky = hello("one");
    cheeky["hostname"] = json!("<script>alert(1)</script>");
    let _ecm = Ecm::join_saying(&appliance, "ECM", cheeky).await;
    let page = send(address(&appliance), "GET /login/", &[], "").await.body;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<script>"));
}

#[tokio::test]
async fn other_paths_answer_as_a_web_server_does() {
    let appliance = appliance().await;
    let check = |line: &'static str, status: u16| {
        let to = address(&appliance);
        async move {
            assert_eq!(send(to, line, &[], "").await.status, status, "{line}");
        }
    };
    check("GET /check_health", 200).await;
    check("POST /check_health", 405).await;
    check("POST /login", 405).await;
    check("GET /", 404).await;
    check("GET /_sim/v1/state", 404).await;
}
