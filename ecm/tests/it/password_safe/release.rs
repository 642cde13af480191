//! Check-in: at session end only, once, and only of what this integration requested.

use ecm::error::ErrorKind;
use ecm::password_safe::settings::CheckIn;
use ecm::plugin::{Plugin, Session};

use super::vault::{Call, ROOT, Vault, json, plugin, session, soon, well};

fn session_named(id: &str) -> Session {
    Session {
        session_id: id.into(),
        ..session()
    }
}

/// The first request is new, later ones reuse it.
fn sharing(call: &Call) -> super::vault::Reply {
    match (call.name().as_str(), call.nth) {
        ("POST Requests", nth) if nth > 0 => json(200, "124"),
        _ => well(call),
    }
}

#[tokio::test]
async fn a_request_is_checked_in_when_its_last_session_ends() {
    let vault = Vault::start(sharing).await;
    let plugin = vault.plugin();
    let (first, second) = (session_named("s-1"), session_named("s-2"));
    soon(plugin.get_credential(&first, ROOT)).await.unwrap();
    soon(plugin.get_credential(&second, ROOT)).await.unwrap();
    vault.take_calls();

    soon(plugin.release_credential(&first, ROOT, 0))
        .await
        .unwrap();
    assert_eq!(
        vault.take_calls().len(),
        0,
        "the other session still uses it"
    );
    soon(plugin.release_credential(&second, ROOT, 0))
        .await
        .unwrap();
    assert_eq!(vault.take_names(), ["PUT Requests/124/Checkin"]);
}

#[tokio::test]
async fn a_repeated_release_and_one_that_ran_out_are_successes() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "PUT Requests/124/Checkin" => json(404, "\"may have been released\""),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    for _ in 0..2 {
        soon(plugin.release_credential(&session(), ROOT, 0))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_failed_check_in_is_still_owed() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("PUT Requests/124/Checkin", 0) => json(503, ""),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    let error = soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connectivity);
    soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap();
    let check_ins = vault
        .take_names()
        .iter()
        .filter(|name| name.contains("Checkin"))
        .count();
    assert_eq!(check_ins, 2);
}

#[tokio::test]
async fn after_a_restart_the_request_is_known_by_its_reason() {
    let row = |id: i32, reason: &str| {
        format!(
            r#"{{"RequestID":{id},"SystemID":5,"AccountID":10,"AccessType":"View","Reason":"{reason}"}}"#
        )
    };
    let ours = "PRA session s-1 of ACME\\\\joe.user";
    let rows = [
        row(122, "made by hand"),
        row(123, &ours.replace("s-1", "s-12")),
        row(124, ours),
    ];
    let vault = Vault::start(move |call: &Call| match call.name().as_str() {
        "GET Requests" => json(200, format!("[{}]", rows.join(","))),
        _ => well(call),
    })
    .await;
    soon(vault.plugin().release_credential(&session(), ROOT, 0))
        .await
        .unwrap();
    let calls = vault.take_calls();
    assert_eq!(calls[1].parameter("status"), Some("all"));
    assert_eq!(calls[1].parameter("queue"), Some("req"));
    let names: Vec<_> = calls.iter().map(Call::name).collect();
    assert_eq!(
        names,
        [
            "POST Auth/SignAppin",
            "GET Requests",
            "PUT Requests/124/Checkin"
        ],
        "neither the user's own request nor that of another session"
    );
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_nothing_checked_out() {
    let row = r#"{"RequestID":124,"SystemID":5,"AccountID":10,"Reason":"PRA session s-1 of ACME\\joe.user"}"#;
    let vault = Vault::start(move |call: &Call| match call.name().as_str() {
        "POST Requests" => super::vault::Reply::Raw(Vec::new()),
        "GET Requests" => json(200, format!("[{row}]")),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    let error = soon(plugin.get_credential(&session(), ROOT))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connectivity);
    vault.take_calls();
    soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap();
    assert_eq!(
        vault.take_names(),
        ["GET Requests", "PUT Requests/124/Checkin"]
    );
}

#[tokio::test]
async fn a_request_may_be_left_to_run_out() {
    let vault = Vault::start(well).await;
    let mut file = vault.settings();
    file.check_in = CheckIn::Never;
    let plugin = plugin(file);
    soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    vault.take_calls();
    soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap();
    assert_eq!(vault.take_calls().len(), 0);
}
