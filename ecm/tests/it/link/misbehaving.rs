//! Plugins that panic before they have a future, in what they say about themselves, or that block
//! their thread; and vaults that handle a fetch after the ECM has given it up.

use std::sync::atomic::Ordering::SeqCst;

use ecm::link::Bounds;
use serde_json::json;

use super::appliance::Appliance;
use super::plugin::PASSWORD;
use super::rig::{Ecm, find, get, release};

#[tokio::test]
async fn a_plugin_that_panics_at_once_is_answered_and_its_id_is_free_again() {
    let mut appliance = Appliance::start().await;
    let bounds = Bounds {
        running_max: 2,
        waiting_max: 4,
    };
    let ecm = Ecm::start_with(&appliance, bounds, "", tempfile::tempdir().unwrap());
    let mut link = appliance.next_link().await;
    // More often than there is room for requests that were never answered.
    for number in 0..10 {
        let answer = link
            .ask(&find(&format!("p-{number}"), "panic at once"))
            .await;
        assert_eq!(answer["category"], "unexpected");
        assert!(!answer.to_string().contains(PASSWORD));
    }
    assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_plugin_that_panics_about_its_capabilities_fails_only_while_it_does() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    ecm.plugin.spoilt.store(true, SeqCst);
    for request in [
        find("r-1", "joe"),
        get("r-2", "7"),
        json!({"type": "health", "id": "r-3"}),
    ] {
        assert_eq!(
            link.ask(&request).await["category"],
            "unexpected",
            "{request}"
        );
    }
    // Nothing was fetched, so nothing is owed; a release is made all the same.
    assert_eq!(ecm.plugin.calls(), [""; 0]);
    assert_eq!(link.ask(&release("r-4", "7")).await["type"], "done");
    assert_eq!(ecm.plugin.calls(), ["release s-1 7 done"]);
    ecm.plugin.spoilt.store(false, SeqCst);
    assert_eq!(link.ask(&find("r-5", "joe")).await["type"], "credentials");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_check_in_that_panics_at_once_stays_owed_and_is_paid_later() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    // By the worker: the fetch fails, and the check-in is due at once.
    ecm.plugin.release_panics.store(true, SeqCst);
    link.ask(&get("r-1", "fail")).await;
    ecm.until(|calls| calls.contains(&"release s-1 fail done".to_owned()))
        .await;
    // By the appliance.
    link.ask(&get("r-2", "7")).await;
    ecm.until_delivered("7").await;
    ecm.plugin.release_panics.store(true, SeqCst);
    assert_eq!(
        link.ask(&release("r-3", "7")).await["category"],
        "unexpected"
    );
    ecm.until(|calls| calls.contains(&"release s-1 7 done".to_owned()))
        .await;
    ecm.stop().await.0.unwrap();
}

/// On a runtime with one thread, where a single blocked one would stall everything.
#[tokio::test]
async fn a_plugin_that_blocks_its_thread_stalls_nobody_else() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    for number in 0..3 {
        let mut block = find(&format!("b-{number}"), "block");
        block["deadline_ms"] = json!(200);
        link.send(&block).await;
    }
    assert_eq!(link.ask(&find("r-1", "joe")).await["type"], "credentials");
    for _ in 0..3 {
        assert_eq!(link.next().await["category"], "timeout");
    }
    assert_eq!(link.ask(&get("r-2", "7")).await["type"], "package");
    ecm.plugin.unblock();
    ecm.stop().await.0.unwrap();
}

/// It vouches for not blocking, and for nothing else.
#[tokio::test]
async fn a_plugin_that_never_blocks_may_panic_or_hang_and_harms_one_request() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start_polled(&appliance);
    let mut link = appliance.next_link().await;
    let mut hang = find("h-1", "hang");
    hang["deadline_ms"] = json!(200);
    link.send(&hang).await;
    for user in ["panic at once", "panic"] {
        let answer = link.ask(&find(user, user)).await;
        assert_eq!(answer["category"], "unexpected");
        assert!(!answer.to_string().contains(PASSWORD));
    }
    assert_eq!(
        link.ask(&get("r-1", "panic")).await["category"],
        "unexpected"
    );
    assert_eq!(link.ask(&find("r-2", "joe")).await["type"], "credentials");
    assert_eq!(link.next().await["category"], "timeout");
    ecm.plugin.spoilt.store(true, SeqCst);
    assert_eq!(
        link.ask(&find("r-3", "joe")).await["category"],
        "unexpected"
    );
    ecm.plugin.spoilt.store(false, SeqCst);
    assert_eq!(link.ask(&get("r-4", "7")).await["type"], "package");
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_fetch_without_an_answer_is_checked_in_once_more_after_a_pause() {
    let mut appliance = Appliance::start().await;
    let more = "[check_in]\nrepeat_after_s = 1";
    let directory = tempfile::tempdir().unwrap();
    let ecm = Ecm::start_with(&appliance, Bounds::default(), more, directory);
    let mut link = appliance.next_link().await;
    assert_eq!(link.ask(&get("r-1", "lost")).await["category"], "timeout");
    // A fetch that the vault has answered is checked in once.
    link.ask(&get("r-2", "fail")).await;
    let releases = |calls: &[String], id: &str| {
        let made = format!("release s-1 {id} done");
        calls.iter().filter(|call| **call == made).count()
    };
    ecm.until(|calls| releases(calls, "lost") == 2).await;
    assert_eq!(releases(&ecm.plugin.calls(), "fail"), 1);
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn the_end_of_one_of_two_sessions_leaves_the_credential_to_the_other() {
    let mut appliance = Appliance::start().await;
    let ecm = Ecm::start(&appliance);
    let mut link = appliance.next_link().await;
    let of = |mut request: serde_json::Value| {
        request["session"]["session_id"] = json!("s-2");
        request
    };
    link.ask(&get("r-1", "7")).await;
    ecm.until_delivered("7").await;
    assert_eq!(link.ask(&of(get("r-2", "7"))).await["type"], "package");
    assert_eq!(link.ask(&release("r-3", "7")).await["type"], "done");
    assert_eq!(ecm.plugin.calls(), ["get 7 owed", "get 7 owed"]);
    assert_eq!(link.ask(&of(release("r-4", "7"))).await["type"], "done");
    ecm.until(|calls| {
        calls
            .last()
            .is_some_and(|call| call == "release s-2 7 done")
    })
    .await;
    // A repeat finds both paid.
    link.ask(&release("r-5", "7")).await;
    assert_eq!(ecm.plugin.calls().len(), 3);
    ecm.stop().await.0.unwrap();
}
