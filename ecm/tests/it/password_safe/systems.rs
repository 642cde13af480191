//! External Jump Items by RDP and SSH.

use std::sync::Arc;
use std::time::Duration;

use ecm::error::ErrorKind;
use ecm::plugin::{Endpoint, EndpointType, Plugin};

use super::vault::{Call, HandClock, Reply, Vault, json, plugin_at, session, soon, well};

const BOTH: [EndpointType; 2] = [EndpointType::Rdp, EndpointType::Shell];

fn row(system_id: i32, name: &str, platform_id: i32, account_id: i32) -> String {
    format!(
        r#"{{"PlatformID":{platform_id},"SystemId":{system_id},"SystemName":"{name}","AccountId":{account_id},"AccountName":"a"}}"#
    )
}

fn estate(call: &Call) -> Reply {
    let platforms = r#"[{"PlatformID":1,"Name":"Windows","DefaultPort":null,"DefaultSessionType":"RDP"},
        {"PlatformID":2,"Name":"Linux","DefaultPort":2222,"DefaultSessionType":"ssh"},
        {"PlatformID":3,"Name":"Oracle","DefaultPort":1521,"DefaultSessionType":null},
        {"PlatformID":4,"Name":"AIX","DefaultPort":22,"DefaultSessionType":""}]"#;
    let local = [
        row(1, "web02", 1, 10),
        row(2, "Web01", 2, 20),
        row(2, "Web01", 2, 21),
        row(3, "webdb", 3, 30),
        row(4, "mail", 4, 40),
        row(5, "webx", 99, 50),
    ];
    let linked = [row(1, "web02", 7, 60), row(6, "web03", 1, 60)];
    match (call.endpoint.as_str(), call.parameter("type")) {
        ("Platforms", _) => json(200, platforms),
        ("ManagedAccounts", Some("system"))
            if call.parameter("ipAddress") == Some("10.20.0.11") =>
        {
            json(200, format!("[{}]", local[0]))
        }
        ("ManagedAccounts", Some("system")) if call.parameter("systemName") == Some("mail") => {
            json(200, format!("[{}]", local[4]))
        }
        ("ManagedAccounts", _)
            if call
                .parameter("systemName")
                .or(call.parameter("ipAddress"))
                .is_some() =>
        {
            json(200, "[]")
        }
        ("ManagedAccounts", Some("system")) => json(200, format!("[{}]", local.join(","))),
        ("ManagedAccounts", Some("domainlinked")) => json(200, format!("[{}]", linked.join(","))),
        ("ManagedAccounts", Some("recent")) => json(
            200,
            format!("[{},{}]", row(4, "mail", 4, 40), row(2, "Web01", 2, 20)),
        ),
        _ => well(call),
    }
}

fn shown(endpoints: &[Endpoint]) -> Vec<String> {
    endpoints
        .iter()
        .map(|one| {
            let port = one.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!(
                "{} {} {}{port}",
                one.external_id,
                one.endpoint_type.name(),
                one.hostname
            )
        })
        .collect()
}

#[tokio::test]
async fn systems_are_found_by_part_of_their_name_with_the_session_of_their_platform() {
    let vault = Vault::start(estate).await;
    let plugin = vault.plugin();
    let found = soon(plugin.find_endpoints(&session(), &BOTH, "WEB", None))
        .await
        .unwrap();
    assert_eq!(
        shown(&found),
        ["2 shell Web01:2222", "1 rdp web02", "6 rdp web03"]
    );
    assert_eq!(found[1].comments.as_deref(), Some("Windows"));

    let rdp = soon(plugin.find_endpoints(&session(), &BOTH[..1], "", None))
        .await
        .unwrap();
    assert_eq!(shown(&rdp), ["1 rdp web02", "6 rdp web03"]);
    let none = soon(plugin.find_endpoints(&session(), &BOTH, "nosuch", None))
        .await
        .unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn a_search_costs_one_round_trip_warm_and_reads_the_platforms_once_an_hour() {
    let vault = Vault::start(estate).await;
    let clock = Arc::new(HandClock::default());
    let mut file = vault.settings();
    file.session_idle_s = 24 * 60 * 60;
    let plugin = plugin_at(file, Arc::clone(&clock));
    for round_trips in [&[1, 5][..], &[4]] {
        vault.expect_round_trips(round_trips);
        soon(plugin.find_endpoints(&session(), &BOTH, "web", None))
            .await
            .unwrap();
        assert_eq!(vault.take_calls().len(), round_trips.iter().sum::<usize>());
    }
    clock.advance(Duration::from_secs(60 * 60));
    soon(plugin.find_endpoints(&session(), &BOTH, "web", None))
        .await
        .unwrap();
    assert!(vault.take_names().contains(&"GET Platforms".to_owned()));
}

#[tokio::test]
async fn recently_used_systems_keep_the_vaults_order() {
    let vault = Vault::start(estate).await;
    let plugin = vault.plugin();
    for (count, expected) in [
        (5, &["4 shell mail", "2 shell Web01:2222"][..]),
        (1, &["4 shell mail"]),
    ] {
        let found = soon(plugin.find_endpoints(&session(), &BOTH, "", Some(count)))
            .await
            .unwrap();
        assert_eq!(shown(&found), expected);
    }
}

#[tokio::test]
async fn platforms_that_may_not_be_read_are_an_error_and_not_an_empty_answer() {
    let vault = Vault::start(|call: &Call| match call.endpoint.as_str() {
        "Platforms" => json(403, ""),
        _ => estate(call),
    })
    .await;
    let found = soon(
        vault
            .plugin()
            .find_endpoints(&session(), &BOTH, "web", None),
    )
    .await;
    assert_eq!(found.unwrap_err().kind, ErrorKind::Permission);
}

#[tokio::test]
async fn systems_are_found_by_their_address_and_by_their_dns_name() {
    let vault = Vault::start(estate).await;
    let plugin = vault.plugin();
    for (text, expected) in [
        ("10.20.0.11", "1 rdp web02"),
        (" mail.acme.example ", "4 shell mail"),
    ] {
        let found = soon(plugin.find_endpoints(&session(), &BOTH, text, None))
            .await
            .unwrap();
        assert_eq!(shown(&found), [expected], "{text}");
    }
    for text in ["10.20.0.99", "nosuch.acme.example", ".", "."] {
        let found = soon(plugin.find_endpoints(&session(), &BOTH, text, None))
            .await
            .unwrap();
        assert_eq!(found, [], "{text}");
    }
}

/// So many systems, one account each, page by page; the last one is called `needle`.
pub(super) fn many(systems: usize) -> impl Fn(&Call) -> Reply + Send + Sync {
    move |call: &Call| {
        let number = |name| call.parameter(name).and_then(|text| text.parse().ok());
        match (call.endpoint.as_str(), call.parameter("type")) {
            ("ManagedAccounts", Some("system")) if call.parameter("systemName").is_none() => {
                let (limit, offset): (usize, usize) =
                    (number("limit").unwrap(), number("offset").unwrap());
                let rows = (offset..systems.min(offset + limit)).map(|at| {
                    let id = i32::try_from(at + 1).unwrap();
                    match at + 1 == systems {
                        true => row(id, "needle", 1, id),
                        false => row(id, "hay", 1, id),
                    }
                });
                json(200, format!("[{}]", rows.collect::<Vec<_>>().join(",")))
            }
            ("ManagedAccounts", _) => json(200, "[]"),
            _ => estate(call),
        }
    }
}

#[tokio::test]
async fn a_part_of_a_name_is_looked_for_on_every_page() {
    let vault = Vault::start(many(21_500)).await;
    let plugin = vault.plugin();
    let found = soon(plugin.find_endpoints(&session(), &BOTH, "eedl", None))
        .await
        .unwrap();
    assert_eq!(shown(&found), ["21500 rdp needle"]);
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_search_that_could_not_look_at_everything_says_so() {
    let vault = Vault::start(many(100_500)).await;
    let error = soon(
        vault
            .plugin()
            .find_endpoints(&session(), &BOTH, "eedl", None),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.next_action.contains("whole name"), "{error:?}");
}

#[tokio::test]
async fn a_vault_that_does_not_page_is_read_once() {
    let vault =
        Vault::start(
            |call: &Call| match (call.endpoint.as_str(), call.parameter("type")) {
                ("ManagedAccounts", Some("system")) if call.parameter("systemName").is_none() => {
                    let rows = (1..=1_000).map(|id| row(id, "hay", 1, id));
                    json(200, format!("[{}]", rows.collect::<Vec<_>>().join(",")))
                }
                ("ManagedAccounts", _) => json(200, "[]"),
                _ => estate(call),
            },
        )
        .await;
    let plugin = vault.plugin();
    let found = soon(plugin.find_endpoints(&session(), &BOTH, "needle", None)).await;
    assert_eq!(found.unwrap(), []);
    assert!(vault.take_calls().len() < 20);
}
