//! Requests and their answers, deadlines, plugins that misbehave, and what is owed to the vault.

use std::sync::atomic::Ordering::SeqCst;

use ecm::link::Bounds;
use serde_json::json;

use super::appliance::Appliance;
use super::plugin::PASSWORD;
use super::rig::{Ecm, find, get, release};

#[tokio::test]
async fn lists_are_answered_and_an_empty_one_is_a_success() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    assert_eq!(
        link.ask(&find("r-1", "joe")).await,
        json!({"type": "credentials", "id": "r-1", "credentials": [
            {"credential_id": "1", "display_value": "entry 1"},
            {"credential_id": "2", "display_value": "entry 2"}]})
    );
    assert_eq!(
        link.ask(&find("r-2", "nobody")).await,
        json!({"type": "credentials", "id": "r-2", "credentials": []})
    );
    assert_eq!(
        link.ask(&find("r-3", "pending")).await,
        json!({"type": "error", "id": "r-3", "category": "pending_approval",
            "message": "the test wants it", "retryable": false,
            "action_url": "https://vault/approve"})
    );
    assert_eq!(
        link.ask(&json!({"type": "health", "id": "r-4"})).await,
        json!({"type": "health", "id": "r-4", "healthy": true, "detail": "fine"})
    );
    // A notice that the plugin does not want is taken and dropped.
    let notice =
        json!({"type": "session_complete", "id": "r-5", "session": super::rig::session("joe")});
    assert_eq!(
        link.ask(&notice).await,
        json!({"type": "done", "id": "r-5"})
    );
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_plugin_that_hangs_panics_or_floods_harms_only_its_own_request() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    let mut hang = find("hang", "hang");
    hang["deadline_ms"] = json!(300);
    link.send(&hang).await;
    link.send(&find("panic", "panic")).await;
    link.send(&find("flood", "flood")).await;
    for _ in 0..3 {
        let answer = link.next().await;
        let category = match answer["id"].as_str() {
            Some("hang") => "timeout",
            Some("panic" | "flood") => "unexpected",
            other => panic!("{other:?} was not asked"),
        };
        assert_eq!(answer["category"], category);
        assert!(!answer.to_string().contains(PASSWORD));
    }
    assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn an_id_that_is_used_twice_is_served_once() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    link.send(&find("r-1", "joe")).await;
    link.send(&find("r-1", "ann")).await;
    assert_eq!(link.next().await["id"], "r-1");
    link.send(&find("r-1", "ann")).await;
    assert_eq!(link.ask(&find("r-2", "eve")).await["id"], "r-2");
    assert_eq!(ecm.plugin.calls(), ["find joe", "find eve"]);
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn more_requests_than_the_ecm_takes_are_refused_at_once() {
    let mut appliance = Appliance::start().await;
    let bounds = Bounds {
        running_max: 1,
        waiting_max: 2,
    };
    let ecm = Ecm::start_with(&appliance, bounds, "", tempfile::tempdir().unwrap());
    let mut link = appliance.next_link().await;
    link.send(&find("r-1", "hang")).await;
    link.send(&find("r-2", "joe")).await;
    let refused = link.ask(&find("r-3", "joe")).await;
    assert_eq!(
        (&refused["id"], &refused["retryable"]),
        (&json!("r-3"), &json!(true))
    );
    ecm.shutdown.cancel();
    drop(link);
    ecm.ended().await.0.unwrap();
}

#[tokio::test]
async fn a_credential_is_owed_before_it_is_fetched_and_released_after_the_session() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    let package = link.ask(&get("r-1", "7")).await;
    assert_eq!(
        (&package["type"], &package["kind"]),
        (&json!("package"), &json!("username_password"))
    );
    assert!(!package.to_string().contains(PASSWORD));
    ecm.until_delivered("7").await;
    assert_eq!(
        link.ask(&release("r-2", "7")).await,
        json!({"type": "done", "id": "r-2"})
    );
    // A repeat is a success and asks the vault nothing.
    assert_eq!(
        link.ask(&release("r-3", "7")).await,
        json!({"type": "done", "id": "r-3"})
    );
    assert_eq!(ecm.plugin.calls(), ["get 7 owed", "release s-1 7 done"]);
    let (_, directory) = ecm.stop().await;
    let outbox = std::fs::read_to_string(directory.path().join("state/check-ins.log")).unwrap();
    assert!(!outbox.contains(PASSWORD));
}

#[tokio::test]
async fn a_release_that_fails_is_answered_with_the_error_and_paid_later() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    link.ask(&get("r-1", "7")).await;
    ecm.until_delivered("7").await;
    ecm.plugin.release_failures.store(1, SeqCst);
    let answer = link.ask(&release("r-2", "7")).await;
    assert_eq!(
        (&answer["type"], &answer["category"]),
        (&json!("error"), &json!("connectivity"))
    );
    ecm.until(|calls| {
        calls
            .last()
            .is_some_and(|call| call == "release s-1 7 done")
    })
    .await;
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_fetch_that_fails_or_panics_is_checked_in_at_once() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    for (id, category) in [
        ("fail", "permission"),
        ("panic", "unexpected"),
        ("panic at once", "unexpected"),
    ] {
        let answer = link.ask(&get(id, id)).await;
        assert_eq!(
            (&answer["type"], &answer["category"]),
            (&json!("error"), &json!(category))
        );
        let released = format!("release s-1 {id} done");
        ecm.until(|calls| calls.contains(&released)).await;
    }
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_credential_that_nobody_waits_for_any_more_is_checked_in() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    // The deadline passes while the vault thinks.
    let mut late = get("r-1", "held");
    late["deadline_ms"] = json!(100);
    assert_eq!(link.ask(&late).await["category"], "timeout");
    ecm.plugin.gate.add_permits(1);
    ecm.until(|calls| calls.contains(&"release s-1 held done".to_owned()))
        .await;
    // The connection is lost while the vault thinks.
    link.send(&get("r-2", "held")).await;
    ecm.until(|calls| calls.iter().filter(|call| *call == "get held owed").count() == 2)
        .await;
    drop(link);
    let mut link = appliance.next_link().await;
    ecm.plugin.gate.add_permits(1);
    let releases = |calls: &[String]| calls.iter().filter(|call| call.starts_with("rel")).count();
    ecm.until(|calls| releases(calls) == 2).await;
    // The session ends while the vault thinks.
    link.send(&get("r-3", "held")).await;
    ecm.until(|calls| calls.iter().filter(|call| *call == "get held owed").count() == 3)
        .await;
    assert_eq!(link.ask(&release("r-4", "held")).await["type"], "done");
    ecm.plugin.gate.add_permits(1);
    assert_eq!(link.next().await["category"], "not_found");
    ecm.until(|calls| releases(calls) == 3).await;
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn an_answer_that_the_appliance_does_not_take_is_checked_in() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    let mut bad_key = get("r-1", "7");
    bad_key["recipient_key"] = json!("AAAA");
    assert_eq!(link.ask(&bad_key).await["category"], "unexpected");
    ecm.until(|calls| calls == ["get 7 owed", "release s-1 7 done"])
        .await;
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn shutting_down_answers_what_runs_and_refuses_what_comes() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    link.send(&get("r-1", "held")).await;
    ecm.until(|calls| !calls.is_empty()).await;
    ecm.shutdown.cancel();
    // Refusals begin when the ECM has taken notice.
    let mut number = 2;
    loop {
        let answer = link.ask(&find(&format!("r-{number}"), "joe")).await;
        if answer["type"] == "error" {
            assert_eq!(answer["retryable"], true);
            break;
        }
        number += 1;
    }
    ecm.plugin.gate.add_permits(1);
    assert_eq!(link.next().await["type"], "package");
    assert_eq!(link.close_code().await, 1001);
    let (ended, directory) = ecm.ended().await;
    ended.unwrap();
    // The session goes on without this process: its check-in is still owed.
    let outbox = std::fs::read_to_string(directory.path().join("state/check-ins.log")).unwrap();
    assert!(
        outbox.contains("\"delivered\"") && !outbox.contains("\"due\""),
        "{outbox}"
    );
}

#[tokio::test]
async fn what_an_earlier_process_owed_is_paid_at_the_start() {
    let mut appliance = Appliance::start().await;
    let directory = tempfile::tempdir().unwrap();
    let ecm = Ecm::start_with(&appliance, Bounds::default(), "", directory);
    let mut link = appliance.next_link().await;
    link.ask(&get("r-1", "7")).await;
    ecm.plugin.release_failures.store(usize::MAX, SeqCst);
    link.ask(&release("r-2", "7")).await;
    let (_, directory) = ecm.stop().await;
    let ecm = Ecm::start_with(&appliance, Bounds::default(), "", directory);
    ecm.until(|calls| calls == ["release s-1 7 done"]).await;
    ecm.stop().await.0.unwrap();
}
