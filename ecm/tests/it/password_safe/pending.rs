//! A request that waits for a person: further attempts, denial, approval in between, sessions that
//! end meanwhile, restarts; and that in the end nothing is left waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecm::error::{ErrorKind, PluginError};
use ecm::password_safe::PasswordSafe;
use ecm::plugin::{JumpItemType, Plugin, Session};
use ecm::test_settings::{TestForm, test_settings};

use super::vault::{
    CANARY, Call, HandClock, ROOT, Reply, Vault, json, plugin, plugin_at, session, session_of,
    soon, well,
};

/// The requests of a vault whose policy wants somebody to decide.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<BTreeMap<i32, Filed>>>);

struct Filed {
    by: String,
    reason: String,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Pending,
    Approved,
    Ended,
}

impl Desk {
    /// Requests count from 101. `reuse` gives approved ones only (documented psafe:§4.4).
    fn answer(&self, call: &Call) -> Reply {
        let mut filed = self.0.lock().unwrap();
        let mine = |one: &Filed| one.by == call.run_as();
        let id: i32 = call
            .endpoint
            .split('/')
            .nth(1)
            .and_then(|id| id.parse().ok())
            .unwrap_or_default();
        let standing = filed
            .get(&id)
            .filter(|one| mine(one))
            .map(|one| one.standing);
        let name = call.name();
        match (name.split(' ').next().unwrap(), standing) {
            _ if name == "POST Requests" => {
                let reused = filed
                    .iter()
                    .find(|(_, one)| mine(one) && one.standing == Standing::Approved);
                if let Some((id, _)) = reused {
                    return json(200, id.to_string());
                }
                let id = 101 + i32::try_from(filed.len()).unwrap();
                let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
                let one = Filed {
                    by: call.run_as().to_owned(),
                    reason: body["Reason"].as_str().unwrap().to_owned(),
                    standing: Standing::Pending,
                };
                filed.insert(id, one);
                json(201, id.to_string())
            }
            _ if name == "GET Requests" => {
                let wanted = |one: &Filed| match call.parameter("status") {
                    Some("pending") => one.standing == Standing::Pending,
                    Some("active") => one.standing == Standing::Approved,
                    _ => one.standing != Standing::Ended,
                };
                let rows: Vec<_> = filed
                    .iter()
                    .filter(|(_, one)| mine(one) && wanted(one))
                    .map(|(id, one)| {
                        serde_json::json!({
                            "RequestID": id, "SystemID": 5, "AccountID": 10,
                            "AccessType": "View", "Reason": one.reason,
                        })
                    })
                    .collect();
                json(200, serde_json::Value::from(rows).to_string())
            }
            ("GET", Some(Standing::Approved)) => json(200, format!("\"{CANARY}\"")),
            ("GET", Some(Standing::Pending)) => json(403, "4034"),
            ("PUT", Some(Standing::Pending | Standing::Approved)) => {
                filed.get_mut(&id).unwrap().standing = Standing::Ended;
                json(204, "")
            }
            (_, Some(Standing::Ended)) => json(404, "\"it may have been released\""),
            _ => well(call),
        }
    }

    fn decide(&self, id: i32, standing: Standing) {
        self.0.lock().unwrap().get_mut(&id).unwrap().standing = standing;
    }

    /// Requests that keep the account from somebody else.
    fn live(&self) -> Vec<i32> {
        let filed = self.0.lock().unwrap();
        let live = filed
            .iter()
            .filter(|(_, one)| one.standing != Standing::Ended);
        live.map(|(id, _)| *id).collect()
    }
}

async fn vault() -> (Vault, Desk) {
    let desk = Desk::default();
    let answering = desk.clone();
    let vault = Vault::start(move |call: &Call| answering.answer(call)).await;
    (vault, desk)
}

fn session_named(id: &str) -> Session {
    Session {
        session_id: id.into(),
        ..session()
    }
}

async fn attempt(plugin: &PasswordSafe, session: &Session) -> Result<(), PluginError> {
    soon(plugin.get_credential(session, ROOT)).await.map(drop)
}

async fn waits(plugin: &PasswordSafe, session: &Session) {
    let error = attempt(plugin, session).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PendingApproval, "{error:?}");
}

async fn release(plugin: &PasswordSafe, session: &Session) {
    soon(plugin.release_credential(session, ROOT, 0))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_further_attempt_looks_at_the_request_that_is_there() {
    let (vault, desk) = vault().await;
    let plugin = vault.plugin();
    let error = attempt(&plugin, &session()).await.unwrap_err();
    assert!(
        error.message.contains("101"),
        "approvers find it by its number: {error}"
    );
    vault.take_calls();
    vault.expect_round_trips(&[1, 1]);
    waits(&plugin, &session()).await;
    desk.decide(101, Standing::Approved);
    attempt(&plugin, &session()).await.unwrap();
    assert_eq!(
        vault.take_names(),
        ["GET Credentials/101", "GET Credentials/101"]
    );
    release(&plugin, &session()).await;
    assert_eq!(vault.take_names(), ["PUT Requests/101/Checkin"]);
}

#[tokio::test]
async fn a_request_that_nobody_approved_is_given_back_with_the_session() {
    let (vault, desk) = vault().await;
    let plugin = vault.plugin();
    waits(&plugin, &session()).await;
    release(&plugin, &session()).await;
    assert_eq!(desk.live(), [0_i32; 0]);
    waits(&plugin, &session()).await;
    assert_eq!(desk.live(), [102], "what was given back is forgotten");
}

#[tokio::test]
async fn a_denial_is_told_once_and_not_asked_again_by_itself() {
    let (vault, desk) = vault().await;
    let plugin = vault.plugin();
    waits(&plugin, &session()).await;
    desk.decide(101, Standing::Ended);
    let error = attempt(&plugin, &session()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.message.contains("denied"), "{error}");
    assert_eq!(desk.live(), [0_i32; 0], "no new request was made");
    waits(&plugin, &session()).await;
    assert_eq!(desk.live(), [102], "the user chose the credential again");
}

#[tokio::test]
async fn a_request_that_ran_out_is_made_anew() {
    let (vault, desk) = vault().await;
    let clock = Arc::new(HandClock::default());
    let mut file = vault.settings();
    file.session_idle_s = 7 * 24 * 60 * 60;
    let plugin = plugin_at(file, Arc::clone(&clock));
    waits(&plugin, &session()).await;
    vault.take_calls();
    desk.decide(101, Standing::Ended);
    clock.advance(Duration::from_secs(360 * 60));
    waits(&plugin, &session()).await;
    assert_eq!(vault.take_names()[0], "POST Requests");
}

#[tokio::test]
async fn sessions_of_one_user_share_a_request_and_the_last_one_gives_it_back() {
    let (vault, desk) = vault().await;
    let plugin = vault.plugin();
    let (first, second) = (session_named("s-1"), session_named("s-2"));
    waits(&plugin, &first).await;
    waits(&plugin, &second).await;
    let other = Session {
        session_id: "s-3".into(),
        ..session_of("ACME\\eve", JumpItemType::RemoteRdp, "srv1")
    };
    waits(&plugin, &other).await;
    assert_eq!(desk.live(), [101, 102], "one for each user");
    release(&plugin, &first).await;
    assert_eq!(desk.live(), [101, 102]);
    release(&plugin, &second).await;
    assert_eq!(desk.live(), [102]);
}

#[tokio::test]
async fn after_a_restart_the_earlier_request_of_the_session_is_the_one_that_stays() {
    let (vault, desk) = vault().await;
    waits(&vault.plugin(), &session()).await;
    let restarted = vault.plugin();
    waits(&restarted, &session()).await;
    assert_eq!(desk.live(), [101]);
    vault.take_calls();
    waits(&restarted, &session()).await;
    assert_eq!(vault.take_names(), ["GET Credentials/101"]);
    release(&restarted, &session()).await;
    assert_eq!(desk.live(), [0_i32; 0]);
}

#[tokio::test]
async fn a_pending_request_from_before_a_restart_is_given_back_by_its_reason() {
    let (vault, desk) = vault().await;
    waits(&vault.plugin(), &session()).await;
    release(&vault.plugin(), &session()).await;
    assert_eq!(desk.live(), [0_i32; 0]);
}

#[tokio::test]
async fn what_was_approved_during_a_restart_is_given_back_all_the_same() {
    let (vault, desk) = vault().await;
    waits(&vault.plugin(), &session()).await;
    desk.decide(101, Standing::Approved);
    let restarted = vault.plugin();
    attempt(&restarted, &session()).await.unwrap();
    release(&restarted, &session()).await;
    assert_eq!(desk.live(), [0_i32; 0]);
}

#[tokio::test]
async fn a_reused_request_is_kept_for_the_other_session_that_came_to_use_it() {
    let (vault, desk) = vault().await;
    let (first, second) = (session_named("s-1"), session_named("s-2"));
    waits(&vault.plugin(), &first).await;
    desk.decide(101, Standing::Approved);
    let restarted = vault.plugin();
    attempt(&restarted, &second).await.unwrap();
    release(&restarted, &first).await;
    assert_eq!(desk.live(), [101], "the second session runs");
    release(&restarted, &second).await;
    assert_eq!(desk.live(), [0_i32; 0]);
}

#[tokio::test]
async fn test_settings_leaves_nothing_waiting_however_often_it_is_pressed() {
    let (vault, desk) = vault().await;
    for _ in 0..3 {
        let form = TestForm::new("joe.user", JumpItemType::RemoteRdp, "srv1");
        let plugin = vault.plugin();
        let test = test_settings(&plugin, &form, Some(ROOT));
        let report = soon(test).await.unwrap();
        let error = report.error().unwrap();
        assert_eq!(error.kind, ErrorKind::PendingApproval, "{error:?}");
        assert_eq!(desk.live(), [0_i32; 0]);
    }
}

#[tokio::test]
async fn a_ticket_goes_with_the_request_and_a_wrong_one_is_told() {
    let (vault, _) = vault().await;
    let mut file = vault.settings();
    file.ticket_number = Some("CHG {session_id}".into());
    file.ticket_system_id = Some(3);
    waits(&plugin(file), &session()).await;
    let calls = vault.take_calls();
    let asked = calls.iter().find(|call| call.name() == "POST Requests");
    let body: serde_json::Value = serde_json::from_str(&asked.unwrap().body).unwrap();
    assert_eq!(
        (&body["TicketSystemID"], &body["TicketNumber"]),
        (&3.into(), &"CHG s-1".into())
    );

    for (words, part) in [
        ("\"A ticket number is required\"", "ticket_number"),
        ("\"A reason is required\"", "reason"),
    ] {
        let vault = Vault::start(move |call: &Call| match call.name().as_str() {
            "POST Requests" => json(400, words),
            _ => well(call),
        })
        .await;
        let error = attempt(&vault.plugin(), &session()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.next_action.contains(part), "{error:?}");
        assert!(words.contains(error.vault_said.as_deref().unwrap()));
    }
}
