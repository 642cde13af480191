//! Every call to the vault against every kind of hostile answer: a typed error each time, and
//! whatever a retrieval is answered, no request of the ECM is left open.

use std::sync::{Arc, Mutex};

use ecm::diagnosis::Symptom;
use ecm::error::PluginError;
use ecm::plugin::{JumpItemType, Plugin};
use ecm::test_settings::{TestForm, test_settings};
use serde_json::{Value, json as value};

use super::vault::{CANARY, Call, ROOT, Reply, Vault, account, json, plugin, session, soon, well};
use crate::bomb;

const CALLS: [&str; 5] = [
    "POST Auth/SignAppin",
    "GET ManagedAccounts",
    "POST Requests",
    "GET Credentials/124",
    "PUT Requests/124/Checkin",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AnotherShape,
    Empty,
    TenMegabytes,
    Endless,
    ManyResults,
    Redirect,
    Bomb,
    BareBomb,
    Truncated,
    WebPage,
}

const KINDS: [Kind; 10] = [
    Kind::AnotherShape,
    Kind::Empty,
    Kind::TenMegabytes,
    Kind::Endless,
    Kind::ManyResults,
    Kind::Redirect,
    Kind::Bomb,
    Kind::BareBomb,
    Kind::Truncated,
    Kind::WebPage,
];

fn reply(kind: Kind) -> Reply {
    let head = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\n";
    match kind {
        Kind::AnotherShape => json(200, format!("{{\"another\":[\"{CANARY}\"]}}")),
        Kind::Empty => json(200, ""),
        Kind::TenMegabytes => {
            let head = format!("{head}Content-Length: 10485760\r\n\r\n");
            Reply::Raw([head.as_bytes(), &vec![b' '; 10 << 20]].concat())
        }
        Kind::Endless => {
            let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20)).repeat(10);
            Reply::Raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").into_bytes())
        }
        Kind::ManyResults => {
            let row = account(5, 10, "root");
            json(200, format!("[{}]", vec![row.as_str(); 100_000].join(",")))
        }
        Kind::Redirect => {
            let location = "Location: https://elsewhere.example/".to_owned();
            Reply::Http(302, vec![location], CANARY.into())
        }
        Kind::Bomb => Reply::Raw(bomb::answer("Content-Encoding: gzip\r\n")),
        Kind::BareBomb => Reply::Raw(bomb::answer("")),
        Kind::Truncated => {
            let cut = format!("{head}Content-Length: 5000\r\n\r\n\"{CANARY}");
            Reply::Raw(cut.into_bytes())
        }
        Kind::WebPage => Reply::Http(
            200,
            vec!["Content-Type: text/html".into()],
            "<title>Sign in</title>".into(),
        ),
    }
}

/// What such an answer is called; `None` where nothing of the body is looked at.
fn expected(kind: Kind, call: &str) -> Option<Symptom> {
    // A sign-in and a check-in say everything by their status.
    let status_only = matches!(call, "POST Auth/SignAppin" | "PUT Requests/124/Checkin");
    Some(match kind {
        Kind::AnotherShape | Kind::Empty | Kind::BareBomb if status_only => return None,
        Kind::AnotherShape | Kind::Empty | Kind::BareBomb => Symptom::ApiAnswerNotUnderstood,
        Kind::TenMegabytes | Kind::Endless | Kind::ManyResults => Symptom::AnswerTooLong,
        Kind::Redirect => Symptom::Redirected,
        Kind::Bomb => Symptom::AnswerCompressed,
        Kind::Truncated => Symptom::ConnectionBroken,
        Kind::WebPage => Symptom::ApiNotFound,
    })
}

async fn outcome(kind: Kind, hostile: &'static str) -> Result<(), PluginError> {
    let vault = Vault::start(move |call: &Call| match call.name() {
        name if name == hostile => reply(kind),
        _ => well(call),
    })
    .await;
    let (plugin, session) = (vault.plugin(), session());
    match hostile {
        "PUT Requests/124/Checkin" => {
            plugin.get_credential(&session, ROOT).await?;
            plugin.release_credential(&session, ROOT, 0).await
        }
        "POST Requests" | "GET Credentials/124" => {
            plugin.get_credential(&session, ROOT).await.map(drop)
        }
        _ => plugin.find_credentials(&session).await.map(drop),
    }
}

#[tokio::test]
async fn every_call_answers_every_hostile_answer_with_a_typed_error() {
    for call in CALLS {
        for kind in KINDS {
            let Some(expected) = expected(kind, call) else {
                continue;
            };
            let error = soon(outcome(kind, call)).await.unwrap_err();
            assert_eq!(error.symptom, Some(expected), "{call} {kind:?}: {error:?}");
            let told = format!("{error:?}");
            assert!(told.len() < 4_000, "{call} {kind:?}: {}", told.len());
            assert!(!told.contains(CANARY), "{call} {kind:?}: {told}");
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_results_are_no_more_than_are_read() {
    let vault = Vault::start(|call: &Call| match call.endpoint.as_str() {
        "ManagedAccounts" => reply(Kind::ManyResults),
        _ => well(call),
    })
    .await;
    let mut file = vault.settings();
    file.http.answer_bytes_max = 64 << 20;
    let list = soon(plugin(file).find_credentials(&session())).await;
    // They are all one account.
    assert_eq!(list.unwrap().len(), 1);
}

/// Retrieves root from a vault that answers the first call of `hostile` with `kind`, by the test
/// form; gives whether the request is open at the end.
async fn left_open(kind: Kind, hostile: &'static str) -> bool {
    let open = Arc::<Mutex<Option<Value>>>::default();
    let state = Arc::clone(&open);
    let vault = Vault::start(move |call: &Call| {
        let name = call.name();
        let spoilt = name == hostile && call.nth == 0;
        let mut open = state.lock().unwrap();
        // The vault has done its part, whatever becomes of the answer; a check-in that is answered
        // with rubbish was not done.
        match name.as_str() {
            "POST Requests" => *open = Some(serde_json::from_str(&call.body).unwrap()),
            "PUT Requests/124/Checkin" if !spoilt => *open = None,
            _ => {}
        }
        match (name.as_str(), &*open) {
            _ if spoilt => reply(kind),
            ("GET Requests", Some(asked)) => json(200, listed(asked).to_string()),
            _ => well(call),
        }
    })
    .await;
    let form = TestForm::new("ACME\\joe.user", JumpItemType::RemoteRdp, "srv1");
    let report = soon(test_settings(&vault.plugin(), &form, Some(ROOT))).await;
    assert!(
        report.unwrap().check_in_failure().is_none(),
        "{hostile} {kind:?}"
    );
    open.lock().unwrap().is_some()
}

/// The user's requests as the vault lists them.
fn listed(asked: &Value) -> Value {
    value!([{"RequestID": 124, "SystemID": asked["SystemID"], "AccountID": asked["AccountID"],
        "AccessType": asked["AccessType"], "Reason": asked["Reason"]}])
}

#[tokio::test]
async fn whatever_a_retrieval_is_answered_no_request_is_left_open() {
    for hostile in [
        "POST Requests",
        "GET Credentials/124",
        "PUT Requests/124/Checkin",
    ] {
        for kind in KINDS {
            if expected(kind, hostile).is_some() {
                assert!(!left_open(kind, hostile).await, "{hostile} {kind:?}");
            }
        }
    }
}
