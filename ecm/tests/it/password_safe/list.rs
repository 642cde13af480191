//! The list for a console user: round trips, order, who is asked as whom.

use std::sync::Arc;
use std::time::Duration;

use ecm::error::ErrorKind;
use ecm::plugin::{JumpItemType, Plugin, Session};
use futures_util::future::join_all;

use super::vault::{
    Call, HandClock, Reply, Vault, account, dead_session, json, plugin, plugin_at, session,
    session_of, signed_in, soon, well,
};

fn searches(calls: &[Call]) -> Vec<String> {
    let mut searches: Vec<_> = calls
        .iter()
        .filter(|call| call.endpoint == "ManagedAccounts")
        .map(|call| {
            let (by, value) = call.query.iter().find(|(name, _)| name != "type").unwrap();
            format!("{} {by}={value}", call.parameter("type").unwrap())
        })
        .collect();
    searches.sort();
    searches
}

#[tokio::test]
async fn a_cold_list_costs_two_round_trips_and_a_warm_one_costs_one() {
    let vault = Vault::start(well).await;
    let plugin = vault.plugin();
    let session = session_of(
        "ACME\\joe.user",
        JumpItemType::RemoteRdp,
        "srv1.acme.example",
    );

    vault.expect_round_trips(&[1, 4]);
    assert_eq!(
        soon(plugin.find_credentials(&session)).await.unwrap().len(),
        1
    );
    assert_eq!(vault.take_calls().len(), 5);

    let connections = vault.connections();
    vault.expect_round_trips(&[4]);
    soon(plugin.find_credentials(&session)).await.unwrap();
    assert_eq!(vault.take_names(), vec!["GET ManagedAccounts"; 4]);
    assert_eq!(
        vault.connections(),
        connections,
        "a warm list opens no connection"
    );
}

#[tokio::test]
async fn each_jump_item_has_its_searches() {
    use JumpItemType as Item;
    let with = |change: fn(&mut Session), kind, host| {
        let mut session = session_of("joe", kind, host);
        change(&mut session);
        session
    };
    let cases = [
        (
            session_of("joe", Item::RemoteRdp, "srv1.acme.example:3389"),
            "domainlinked systemName=srv1, domainlinked systemName=srv1.acme.example, \
             system systemName=srv1, system systemName=srv1.acme.example",
        ),
        (
            session_of("joe", Item::ShellJump, "10.0.0.7"),
            "domainlinked ipAddress=10.0.0.7, system ipAddress=10.0.0.7",
        ),
        (
            with(
                |s| s.jump_item.additional_ips = vec!["10.0.0.8".into()],
                Item::JumpClient,
                "srv1",
            ),
            "domainlinked ipAddress=10.0.0.8, domainlinked systemName=srv1, \
             system ipAddress=10.0.0.8, system systemName=srv1",
        ),
        (
            with(
                |s| s.jump_item.application_name = Some("SAP GUI".into()),
                Item::SecureApp,
                "srv1",
            ),
            "application applicationDisplayName=SAP GUI, domainlinked systemName=srv1, \
             system systemName=srv1",
        ),
        (
            with(
                |s| s.jump_item.url = Some("https://portal.example/x?y=1".into()),
                Item::WebJump,
                "",
            ),
            "cloud systemName=portal, cloud systemName=portal.example, \
             domainlinked systemName=portal, domainlinked systemName=portal.example, \
             system systemName=portal, system systemName=portal.example",
        ),
        (
            session_of("joe", Item::ProtocolTunnel, "db1"),
            "database systemName=db1, domainlinked systemName=db1, system systemName=db1",
        ),
    ];
    for (session, expected) in cases {
        let vault = Vault::start(well).await;
        soon(vault.plugin().find_credentials(&session))
            .await
            .unwrap();
        assert_eq!(searches(&vault.take_calls()).join(", "), expected);
    }
}

#[tokio::test]
async fn local_accounts_come_first_then_linked_ones_then_applications_each_once() {
    let vault = Vault::start(|call: &Call| {
        let linked = r#"{"systemid":5,"SYSTEMNAME":"srv5","DomainName":"ACME","AccountID":30,"AccountName":"adm"}"#;
        let app = r#"{"SystemId":5,"SystemName":"srv5","AccountId":40,"AccountName":"sapsvc","ApplicationID":7,"ApplicationDisplayName":"SAP"}"#;
        match (call.endpoint.as_str(), call.parameter("type")) {
            ("ManagedAccounts", Some("system")) => {
                json(200, format!("[{},{}]", account(5, 20, "root"), account(5, 10, "Admin")))
            }
            ("ManagedAccounts", Some("domainlinked")) => {
                json(200, format!("[{linked},{}]", account(5, 10, "Admin")))
            }
            ("ManagedAccounts", Some("application")) => json(200, app),
            _ => well(call),
        }
    })
    .await;
    let mut session = session_of("joe", JumpItemType::SecureApp, "srv5.acme.example");
    session.jump_item.application_name = Some("SAP".into());
    let list = soon(vault.plugin().find_credentials(&session))
        .await
        .unwrap();
    let shown: Vec<_> = list.iter().map(|row| row.display_value.as_str()).collect();
    assert_eq!(
        shown,
        [
            "Admin on srv5",
            "root on srv5",
            "ACME\\adm linked to srv5",
            "sapsvc in SAP"
        ]
    );
}

#[tokio::test]
async fn a_full_page_is_followed_by_the_next_until_the_limit() {
    let vault = Vault::start(|call: &Call| match call.parameter("type") {
        Some("system") => {
            let number = |name| call.parameter(name).unwrap().parse::<i32>().unwrap();
            let (offset, limit) = (number("offset"), number("limit"));
            let rows: Vec<_> = (offset..(offset + limit).min(1_500))
                .map(|id| account(5, id, &format!("user{id}")))
                .collect();
            json(200, format!("[{}]", rows.join(",")))
        }
        _ => well(call),
    })
    .await;
    for (results_max, listed) in [(1_200, 1_200), (5_000, 1_500)] {
        let mut file = vault.settings();
        file.results_max = results_max;
        let list = soon(plugin(file).find_credentials(&session()))
            .await
            .unwrap();
        assert_eq!(list.len(), listed);
    }
}

#[tokio::test]
async fn the_first_candidate_that_may_sign_in_is_the_user_and_stays_it() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.run_as()) {
        ("POST Auth/SignAppin", "acme-inc\\joe") => signed_in(call),
        ("POST Auth/SignAppin", _) => dead_session(),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    let mut session = session_of("joe", JumpItemType::RemoteRdp, "srv1");
    session.user.distinguished_name = Some("uid=joe,ou=HelpDesk,dc=acme-inc,dc=com".into());

    assert_eq!(
        soon(plugin.find_credentials(&session)).await.unwrap().len(),
        1
    );
    let asked: Vec<_> = vault
        .take_calls()
        .iter()
        .map(|call| call.run_as().to_owned())
        .collect();
    assert_eq!(
        asked,
        [
            "joe@acme-inc.com",
            "acme-inc\\joe",
            "acme-inc\\joe",
            "acme-inc\\joe"
        ]
    );

    vault.expect_round_trips(&[2]);
    soon(plugin.find_credentials(&session)).await.unwrap();
    assert_eq!(
        vault.take_calls().len(),
        2,
        "the refused candidate is not tried again"
    );
}

#[tokio::test]
async fn an_unknown_user_is_an_error_and_an_empty_list_is_not() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.run_as()) {
        ("POST Auth/SignAppin", "ghost") => dead_session(),
        ("GET ManagedAccounts", _) => json(200, "[]"),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    let ghost = session_of("ghost", JumpItemType::RemoteRdp, "srv1");
    let error = soon(plugin.find_credentials(&ghost)).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Authentication,
        "the key may be wrong as well"
    );
    assert!(error.message.contains("ghost"), "{error}");
    assert_eq!(error.vault_said.as_deref(), Some("User not authenticated"));

    assert_eq!(soon(plugin.find_credentials(&session())).await.unwrap(), []);

    let error = soon(plugin.find_credentials(&ghost)).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::NotFound,
        "the key is proved, so it is the user"
    );
    assert!(error.message.contains("ghost"), "{error}");
}

#[tokio::test]
async fn a_name_that_the_header_cannot_carry_never_leaves_the_ecm() {
    let vault = Vault::start(well).await;
    for name in ["", "joe;pwd=[x]", "joe\r\nX: y"] {
        let session = session_of(name, JumpItemType::RemoteRdp, "srv1");
        let error = soon(vault.plugin().find_credentials(&session))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration, "{name:?}");
    }
    assert_eq!(vault.take_calls().len(), 0);
}

#[tokio::test]
async fn an_item_without_anything_to_search_for_asks_nobody() {
    let vault = Vault::start(well).await;
    let mut session = session_of("joe", JumpItemType::RemoteRdp, "");
    session.jump_item.name = String::new();
    assert_eq!(
        soon(vault.plugin().find_credentials(&session))
            .await
            .unwrap(),
        []
    );
    assert_eq!(vault.take_calls().len(), 0);
}

#[tokio::test]
async fn many_cold_lists_of_one_user_share_one_sign_in() {
    let vault = Vault::start(well).await;
    let plugin = vault.plugin();
    let session = session();
    soon(join_all((0..20).map(|_| plugin.find_credentials(&session)))).await;
    let names = vault.take_names();
    assert_eq!(
        names
            .iter()
            .filter(|name| *name == "POST Auth/SignAppin")
            .count(),
        1
    );
    assert_eq!(names.len(), 41);
}

#[tokio::test]
async fn many_cold_lists_share_a_refusal_too() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Auth/SignAppin" => dead_session(),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    let session = session();
    vault.expect_round_trips(&[]);
    let outcomes = soon(join_all((0..20).map(|_| plugin.find_credentials(&session)))).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(vault.take_calls().len(), 1);
}

#[tokio::test]
async fn each_user_has_a_session_of_their_own() {
    let vault = Vault::start(well).await;
    let plugin = vault.plugin();
    for name in ["ann", "bob", "ANN"] {
        soon(plugin.find_credentials(&session_of(name, JumpItemType::RemoteRdp, "srv1")))
            .await
            .unwrap();
    }
    let calls = vault.take_calls();
    let cookies: Vec<_> = calls
        .iter()
        .filter(|call| call.endpoint == "ManagedAccounts")
        .map(|call| call.header("cookie").unwrap().rsplit('-').next().unwrap())
        .collect();
    assert_eq!(cookies, ["0", "0", "1", "1", "0", "0"]);
}

/// A vault whose first session is dead from the start of the second list on.
fn dead_after_the_first(call: &Call) -> Reply {
    let first = call
        .header("cookie")
        .is_some_and(|cookie| cookie.ends_with("-0"));
    if call.endpoint == "ManagedAccounts" && first && call.nth >= 2 {
        dead_session()
    } else {
        well(call)
    }
}

#[tokio::test]
async fn a_dead_session_is_replaced_once_for_all_searches() {
    let vault = Vault::start(dead_after_the_first).await;
    let plugin = vault.plugin();
    soon(plugin.find_credentials(&session())).await.unwrap();
    assert_eq!(
        soon(plugin.find_credentials(&session()))
            .await
            .unwrap()
            .len(),
        1
    );
    let names = vault.take_names();
    assert_eq!(
        names
            .iter()
            .filter(|name| *name == "POST Auth/SignAppin")
            .count(),
        2
    );
    assert_eq!(names.len(), 3 + 2 + 1 + 2);
}

#[tokio::test]
async fn a_session_that_is_refused_when_new_is_not_replaced_again() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Requests" => dead_session(),
        _ => well(call),
    })
    .await;
    let error = soon(
        vault
            .plugin()
            .get_credential(&session(), super::vault::ROOT),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert_eq!(
        vault.take_names(),
        [
            "POST Auth/SignAppin",
            "POST Requests",
            "POST Auth/SignAppin",
            "POST Requests"
        ]
    );
}

#[tokio::test]
async fn an_idle_session_is_replaced_without_asking() {
    let vault = Vault::start(well).await;
    let clock = Arc::new(HandClock::default());
    let plugin = plugin_at(vault.settings(), Arc::clone(&clock));
    for (minutes, calls) in [(0, 3), (13, 2), (13, 2), (15, 3)] {
        clock.advance(Duration::from_secs(minutes * 60));
        soon(plugin.find_credentials(&session())).await.unwrap();
        assert_eq!(vault.take_calls().len(), calls, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn an_explained_list_says_who_was_tried_what_was_searched_and_what_was_not() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.run_as()) {
        ("POST Auth/SignAppin", "joe@acme.example") => dead_session(),
        _ => well(call),
    })
    .await;
    let mut session = session_of("joe@acme.example", JumpItemType::JumpClient, "srv1.");
    session.jump_item.additional_ips = vec!["10.0.0.7".into(), "127.0.0.1".into()];
    let explained = soon(vault.plugin().explain_find(&session)).await;
    assert_eq!(explained.result.unwrap().len(), 1);
    assert_eq!(explained.vault_user.as_deref(), Some("acme\\joe"));
    let steps: Vec<_> = explained.steps.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(steps.join("\n"), @r"
    user out  joe@acme.example (local): fall-back to local account is off
    user out  joe (local): fall-back to local account is off
    user in   joe@acme.example [domain given after the @]: not let in by the vault
    user in   acme\joe [first label of the DNS domain, as its NetBIOS name]: signed in
    search out 127.0.0.1: every host has such an address
    search in systemName of system accounts = srv1 [host name without port or trailing dot]: 1 found, 1 new
    search in ipAddress of system accounts = 10.0.0.7 [additional address of the Jump Client]: 1 found, 0 new
    search in systemName of domainlinked accounts = srv1 [host name without port or trailing dot]: 0 found, 0 new
    search in ipAddress of domainlinked accounts = 10.0.0.7 [additional address of the Jump Client]: 0 found, 0 new
    ");
}
