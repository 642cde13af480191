//! The frames and requests under `features/vectors/appliance`, emitted and read byte for byte.

use std::path::PathBuf;
use std::time::Duration;

use mock_appliance::{ConsoleError, Lab, LinkError, MockAppliance};
use sim_kit::clock::{SimClock, SimTime};
use sim_kit::host::{Hosting, TlsChoice};

use crate::http::exchange;
use crate::rig::{address, appliance, appliance_with};
use crate::scripted::{Ecm, password};

const USER: &str = r"ACME\joe.user";

fn vector(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../features/vectors/appliance");
    let path = root.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A frame stands in one line.
fn frame(name: &str) -> String {
    vector(name).trim_end_matches('\n').to_owned()
}

/// An appliance with an ECM that said hello as the vector does.
async fn greeted(settings: &str) -> (MockAppliance, Ecm) {
    let appliance = appliance_with(settings).await;
    let mut ecm = Ecm::connect(&appliance, "ECM").await.unwrap();
    ecm.say_text(frame("hello/secret_server.request")).await;
    let welcome = ecm.heard_text().await;
    assert_eq!(welcome, frame("hello/secret_server.response"));
    ecm.welcome = serde_json::from_str(&welcome).unwrap();
    appliance
        .wait_for_ecm(Duration::from_secs(10))
        .await
        .unwrap();
    (appliance, ecm)
}

#[tokio::test]
async fn hello_and_its_two_answers() {
    let (appliance, _ecm) = greeted("").await;
    let said = appliance.ecm_clients()[0].announced.clone().unwrap();
    assert_eq!(
        (said.plugin_name.as_str(), said.hostname.as_str()),
        ("Secret Server", "ecm01")
    );
    assert!(said.capabilities.session_started && !said.capabilities.start_session);

    let mut newer = Ecm::connect(&appliance, "ECM").await.unwrap();
    newer
        .say_text(frame("hello/no_common_version.request"))
        .await;
    assert_eq!(
        newer.heard_text().await,
        frame("hello/no_common_version.response")
    );
}

#[tokio::test]
async fn a_session_from_its_start_to_its_release() {
    let (appliance, mut ecm) = greeted("").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();

    let started = ecm.heard_text().await;
    let history_url = serde_json::from_str::<serde_json::Value>(&started).unwrap();
    let history_url = history_url["history_url"].as_str().unwrap().to_owned();
    assert_eq!(
        started.replace(&history_url, "<url>"),
        frame("session_started/history.request")
    );
    ecm.say_text(r#"{"type":"done","id":"r-1"}"#).await;

    let listing = async {
        let expected = frame("find_credentials/remote_rdp.request").replace("r-1", "r-2");
        assert_eq!(ecm.heard_text().await, expected);
        let answer = frame("find_credentials/remote_rdp.response").replace("r-1", "r-2");
        ecm.say_text(answer).await;
    };
    let (found, ()) = tokio::join!(appliance.find_credentials(&id), listing);
    let found = found.unwrap();
    assert_eq!(found[1].display_value, "web01\\Administrator & \"more\" é");

    let handing_out = async {
        let text = ecm.heard_text().await;
        let request: serde_json::Value = serde_json::from_str(&text).unwrap();
        let key = request["recipient_key"].as_str().unwrap();
        assert_eq!(key.len(), 44);
        let expected = frame("get_credential/password.request").replace("r-2", "r-3");
        assert_eq!(text.replace(key, "<32 bytes in base64>"), expected);
        let package = ecm.package(&request, &password("svc-web", "CnRy-1"));
        ecm.say(&package).await;
    };
    let (injected, ()) = tokio::join!(appliance.inject(&id, &found[0].credential_id), handing_out);
    assert!(injected.unwrap().matches(b"CnRy-1"));

    appliance.clock().advance(Duration::from_secs(60));
    appliance.end_session(&id).await.unwrap();
    let mut last = [ecm.heard_text().await, ecm.heard_text().await];
    last.sort_by_key(|text| text.contains("session_complete"));
    let number = |text: &str| text.contains(r#""id":"r-4""#);
    let renumber = |expected: String, text: &str, own: &str| {
        expected.replace(own, if number(text) { "r-4" } else { "r-5" })
    };
    let released = renumber(frame("release_credential/ended.request"), &last[0], "r-3");
    assert_eq!(last[0], released);
    assert_eq!(
        last[1],
        renumber(frame("session_complete/ended.request"), &last[1], "r-4")
    );
    let id_of = if number(&last[0]) { "r-4" } else { "r-5" };
    ecm.say_text(frame("release_credential/ended.response").replace("r-3", id_of))
        .await;
    assert!(appliance.wait_released(&id, Duration::from_secs(10)).await);
}

#[tokio::test]
async fn lists_that_are_empty_or_refused() {
    let appliance = appliance().await;
    let mut ecm = Ecm::join(&appliance, "ECM", "one").await;
    let id = appliance.begin_session(USER, "web01").await.unwrap();
    let mut refusals = Vec::new();
    for (n, name) in (1..).zip(["none", "pending_approval", "error_without_options"]) {
        let answer = frame(&format!("find_credentials/{name}.response"));
        let answering = async {
            ecm.asked("find_credentials").await;
            ecm.say_text(answer.replace("r-1", &format!("r-{n}"))).await;
        };
        match tokio::join!(appliance.find_credentials(&id), answering).0 {
            Ok(list) => assert!(list.is_empty()),
            Err(ConsoleError::Link(LinkError::Refused(problem))) => refusals.push(problem),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refusals[0].category, "pending_approval");
    assert_eq!(refusals[0].retryable, Some(true));
    assert_eq!(
        (refusals[1].retryable, refusals[1].action_url.as_deref()),
        (None, None)
    );
}

#[tokio::test]
async fn health_and_the_search_for_external_items() {
    let (appliance, mut ecm) = greeted("external_search = true").await;
    let answering = async {
        assert_eq!(ecm.heard_text().await, frame("health/healthy.request"));
        ecm.say_text(frame("health/healthy.response")).await;
    };
    let (health, ()) = tokio::join!(appliance.health("Default"), answering);
    assert!(health.unwrap().healthy);

    let answering = async {
        let expected = frame("find_endpoints/query.request").replace("r-1", "r-2");
        assert_eq!(ecm.heard_text().await, expected);
        ecm.say_text(frame("find_endpoints/query.response").replace("r-1", "r-2"))
            .await;
    };
    let (found, ()) = tokio::join!(appliance.find_endpoints(USER, "web", None), answering);
    let found = found.unwrap();
    let rows: Vec<_> = found
        .iter()
        .map(|item| (item.jump_item.kind.as_str(), item.comments.as_str()))
        .collect();
    assert_eq!(rows, [("external_rdp", "rack 4"), ("external_shell", "")]);
    assert_eq!(found[1].endpoint.network_id.as_deref(), Some("dmz"));
}

/// An appliance whose API account has the client secret of the vectors.
async fn appliance_of_the_token_vectors() -> MockAppliance {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "the client secret").unwrap();
    let lab = format!(
        "[[appliance.api_accounts]]\nname = 'ECM'\nclient_id = '{}'\nclient_secret = 'file:{}'\n",
        crate::rig::CLIENT_ID,
        secret.path().display()
    );
    MockAppliance::builder()
        .hosting(Hosting {
            tls: TlsChoice::Off,
            ..Hosting::default()
        })
        .clock(SimClock::frozen(SimTime::SCENARIO_START))
        .lab(Lab::read("lab.toml".as_ref(), &lab).unwrap())
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn tokens_are_given_to_every_way_of_asking_that_was_seen() {
    let appliance = appliance_of_the_token_vectors().await;
    for name in ["basic", "form_body", "json_body", "no_content_type"] {
        let request = vector(&format!("token/{name}.request"));
        let answer = exchange(address(&appliance), request.as_bytes()).await;
        assert_eq!(answer.status, 200, "{name}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 40);
        let expected = vector("token/basic.response");
        assert_eq!(
            answer.body.replace(&token, "<40 characters>"),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refused_tokens_answer_byte_for_byte() {
    let appliance = appliance_of_the_token_vectors().await;
    for (name, status) in [
        ("wrong_secret", 401),
        ("other_grant", 400),
        ("bad_bearer", 401),
    ] {
        let request = vector(&format!("token/{name}.request"));
        let answer = exchange(address(&appliance), request.as_bytes()).await;
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(
            answer.body,
            vector(&format!("token/{name}.response")),
            "{name}"
        );
    }
}
