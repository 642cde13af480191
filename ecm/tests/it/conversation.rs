//! The conversation with Secret Server over real sockets: which calls go out, how many rounds they
//! take, and what happens when a token dies on the way.

use std::sync::{Arc, Mutex};

use ecm::diagnosis::Symptom;
use ecm::error::{ErrorKind, PluginError};
use ecm::plugin::{JumpItemType, Plugin};
use tokio::sync::Barrier;

use crate::vault::{
    Call, Reply, Vault, ok, plugin, refused, session, session_of, soon, summaries, symptom, well,
};

const SEARCH: &str = "SearchSecretsByFieldValue";

async fn refusal(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> PluginError {
    let vault = Vault::start(script).await;
    soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_cold_list_takes_three_rounds_and_a_warm_one_takes_one() {
    // Two terms and two domains make four searches. None is answered before all have arrived, so
    // a client that sends them one after the other never gets an answer.
    let together = Arc::new(Barrier::new(4));
    let vault = Vault::start(move |call| match call.operation.as_str() {
        SEARCH => {
            let id = if call.parameter("fieldName") == "Domain" {
                8
            } else {
                7
            };
            let found = summaries(&[(id, "name")]);
            Reply::Together(Arc::clone(&together), format!("<Errors />{found}"))
        }
        _ => well(call),
    })
    .await;
    let mut settings = vault.settings();
    settings.include_domain_credentials_for = vec!["ACME, OTHER".into()];
    let plugin = plugin(settings);
    let session = session_of("joe.user", "srv01.acme.example");

    let list = soon(plugin.find_credentials(&session)).await.unwrap();
    assert_eq!(
        list.iter()
            .map(|one| &*one.credential_id)
            .collect::<Vec<_>>(),
        ["7", "8"]
    );
    let cold = [
        "Authenticate",
        "ImpersonateUser",
        SEARCH,
        SEARCH,
        SEARCH,
        SEARCH,
    ];
    assert_eq!(vault.calls(), cold);
    assert_eq!(
        vault.connections(),
        4,
        "one connection for each search that runs beside another"
    );

    soon(plugin.find_credentials(&session)).await.unwrap();
    assert_eq!(vault.calls()[cold.len()..], [SEARCH; 4]);
    assert_eq!(vault.connections(), 4, "a warm list opens no connection");
}

#[tokio::test]
async fn the_longest_look_up_goes_out_together_too() {
    // 8 terms and 20 domains: no answer comes before the last search has arrived.
    let together = Arc::new(Barrier::new(28));
    let vault = Vault::start(move |call| match call.operation.as_str() {
        SEARCH => Reply::Together(Arc::clone(&together), "<Errors />".into()),
        _ => well(call),
    })
    .await;
    let mut settings = vault.settings();
    settings.include_domain_credentials_for = (0..20).map(|n| format!("D{n}")).collect();
    let mut session = session_of("joe.user", "lap07.acme.example");
    session.jump_item.item_type = JumpItemType::JumpClient;
    session.jump_item.additional_ips = (0..9).map(|n| format!("10.0.0.{n}")).collect();
    let list = soon(plugin(settings).find_credentials(&session)).await;
    assert_eq!((list.unwrap().len(), vault.count(SEARCH)), (0, 28));
}

#[tokio::test]
async fn every_setting_reaches_the_call_that_it_belongs_to() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let vault = Vault::start(move |call| {
        let names: &[&str] = match call.operation.as_str() {
            "SearchSecretsByFieldValue" => &["fieldName", "searchTerm", "showRestricted"],
            _ => &["username", "organization", "domain"],
        };
        let values: Vec<_> = names.iter().map(|name| call.parameter(name)).collect();
        seen.lock()
            .unwrap()
            .push(format!("{} {}", call.operation, values.join("|")));
        well(call)
    })
    .await;
    let look_up = async |include_default_organization| {
        let mut settings = vault.settings();
        settings.api_domain = Some("CORP".into());
        settings.api_organization = Some("acme".into());
        settings.include_default_organization = include_default_organization;
        settings.default_domain = Some("ACME".into());
        settings.machine_field = "Server".into();
        settings.domain_field = "Realm".into();
        settings.include_domain_credentials_for = vec!["ACME".into()];
        settings.show_restricted = false;
        soon(plugin(settings).find_credentials(&session()))
            .await
            .unwrap();
        let mut calls = std::mem::take(&mut *sent.lock().unwrap());
        // The searches arrive in any order.
        calls[2..].sort();
        calls
    };
    let searches = [
        "SearchSecretsByFieldValue Realm|ACME|false",
        "SearchSecretsByFieldValue Server|srv01|false",
    ];
    let log_on = "Authenticate svc-ecm|acme|CORP";
    let plain = [
        log_on,
        "ImpersonateUser joe.user||ACME",
        searches[0],
        searches[1],
    ];
    assert_eq!(look_up(false).await, plain);
    let with_organization = [
        log_on,
        "ImpersonateUser joe.user|acme|ACME",
        searches[0],
        searches[1],
    ];
    assert_eq!(look_up(true).await, with_organization);
}

#[tokio::test]
async fn a_single_search_needs_a_single_connection() {
    let vault = Vault::start(well).await;
    soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap();
    assert_eq!((vault.calls().len(), vault.connections()), (3, 1));
}

#[tokio::test]
async fn many_cold_look_ups_share_one_log_on_even_if_the_first_is_dropped() {
    let vault = Arc::new(Vault::start(well).await);
    let plugin = vault.plugin();
    let session = session();
    let mut leader = Box::pin(plugin.find_credentials(&session));
    // Polled once: the load is under way when its first caller goes away.
    assert!(futures_util::poll!(&mut leader).is_pending());
    drop(leader);

    let lookups = (0..20).map(|_| {
        let (plugin, session) = (plugin.clone(), session.clone());
        tokio::spawn(async move { plugin.find_credentials(&session).await.unwrap().len() })
    });
    for lookup in soon(futures_util::future::join_all(lookups)).await {
        assert_eq!(lookup.unwrap(), 1);
    }
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (1, 1)
    );
    assert!(vault.connections() <= 20, "{}", vault.connections());
}

#[tokio::test]
async fn a_dead_user_token_is_replaced_once_on_the_way() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        SEARCH if call.parameter("token").starts_with("user-0") => {
            refused("Authentication failed or expired token.")
        }
        "GetTokenIsValid" if call.parameter("token").starts_with("user-0") => refused("no"),
        _ => well(call),
    })
    .await;
    let list = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (1, 2)
    );
}

#[tokio::test]
async fn searches_that_are_refused_together_ask_once_whether_their_token_is_dead() {
    let together = Arc::new(Barrier::new(4));
    let vault = Vault::start(move |call| match call.operation.as_str() {
        SEARCH if call.parameter("token").starts_with("user-0") => Reply::Together(
            Arc::clone(&together),
            "<Errors><string>Your session has expired</string></Errors>".into(),
        ),
        "GetTokenIsValid" => refused("no"),
        _ => well(call),
    })
    .await;
    let mut settings = vault.settings();
    settings.include_domain_credentials_for = vec!["ACME, OTHER".into()];
    let session = session_of("joe.user", "srv01.acme.example");
    let list = soon(plugin(settings).find_credentials(&session)).await;
    assert_eq!(list.unwrap().len(), 1);
    assert_eq!(
        (vault.count("GetTokenIsValid"), vault.count(SEARCH)),
        (1, 8)
    );
}

#[tokio::test]
async fn a_dead_api_token_is_replaced_once_on_the_way() {
    let dead = |call: &Call| call.parameter("token").starts_with("api-0");
    let vault = Vault::start(move |call| match call.operation.as_str() {
        // Zero-information mode hides the reason, so only GetTokenIsValid tells.
        "ImpersonateUser" if dead(call) => {
            refused("An error occurred in the application. Please contact your administrator.")
        }
        "GetTokenIsValid" if dead(call) => refused("no"),
        _ => well(call),
    })
    .await;
    soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap();
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (2, 2)
    );
}

#[tokio::test]
async fn both_tokens_dead_cost_one_log_on_and_one_impersonation() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        SEARCH if call.parameter("token").starts_with("user-0") && call.nth > 0 => {
            refused("Your session has expired")
        }
        "ImpersonateUser" if call.nth == 1 => refused("Your session has expired"),
        "GetTokenIsValid" => refused("no"),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    soon(plugin.find_credentials(&session())).await.unwrap();
    soon(plugin.find_credentials(&session())).await.unwrap();
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (2, 3)
    );
}

#[tokio::test]
async fn a_vault_that_refuses_every_token_is_not_asked_for_ever() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        SEARCH => refused("Authentication failed or expired token."),
        "GetTokenIsValid" => refused("no"),
        _ => well(call),
    })
    .await;
    let error = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(symptom(&error), Symptom::TokenRefusedTwice);
    assert_eq!(
        (vault.count("ImpersonateUser"), vault.count(SEARCH)),
        (2, 2)
    );
}

#[tokio::test]
async fn words_that_only_sound_like_a_dead_token_are_no_reason_to_log_on_again() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        SEARCH => refused("The session policy forbids this."),
        _ => well(call),
    })
    .await;
    let error = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(symptom(&error), Symptom::VaultRefused);
    assert_eq!(
        error.vault_said.as_deref(),
        Some("The session policy forbids this.")
    );
    assert_eq!(
        (vault.count("GetTokenIsValid"), vault.count("Authenticate")),
        (1, 1)
    );
}

#[tokio::test]
async fn no_token_is_a_pending_approval_whatever_errors_says() {
    let url = "https://vault.acme.example/approve";
    for errors in ["<Errors />", "<Errors><string>whatever</string></Errors>"] {
        let reply = format!("{errors}<AuthorizeURL>{url}</AuthorizeURL>");
        let error = refusal(move |call| match call.operation.as_str() {
            "ImpersonateUser" => Reply::Result(reply.clone()),
            _ => well(call),
        })
        .await;
        assert_eq!(
            (error.kind, error.action_url.as_deref()),
            (ErrorKind::PendingApproval, Some(url))
        );
    }
    for (reply, expected) in [
        ("<Errors />", Symptom::DelegationUnexplained),
        (
            "<Errors><string>Permission is pending approval</string></Errors>",
            Symptom::DelegationPending,
        ),
    ] {
        let error = refusal(move |call| match call.operation.as_str() {
            "ImpersonateUser" => Reply::Result(reply.into()),
            _ => well(call),
        })
        .await;
        assert_eq!(
            (error.kind, symptom(&error)),
            (ErrorKind::PendingApproval, expected)
        );
        // Nobody has seen a mail.
        let mentions_mail = error.next_action.contains("mail");
        assert_eq!(mentions_mail, expected == Symptom::DelegationPending);
    }
}

#[tokio::test]
async fn refusals_of_the_delegation_are_told_apart() {
    for (words, expected) in [
        ("Access Denied", Symptom::NoImpersonatePermission),
        ("The user denied the request.", Symptom::DelegationDenied),
        ("User not found.", Symptom::UserNotRecognised),
        ("Hm.", Symptom::VaultRefused),
    ] {
        let error = refusal(move |call| match call.operation.as_str() {
            "ImpersonateUser" => refused(words),
            _ => well(call),
        })
        .await;
        assert_eq!(symptom(&error), expected, "{words}");
    }
}

#[tokio::test]
async fn the_fall_back_tries_the_domain_first_and_remembers_who_was_recognised() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "ImpersonateUser" if call.parameter("domain") == "ACME" => refused("User not found."),
        _ => well(call),
    })
    .await;
    let mut settings = vault.settings();
    settings.default_domain = Some("ACME".into());
    settings.fall_back_to_local = true;
    let plugin = plugin(settings);
    let explained = soon(plugin.explain_find(&session())).await;
    assert_eq!(explained.vault_user.as_deref(), Some("joe.user"));
    soon(plugin.find_credentials(&session())).await.unwrap();
    assert_eq!(
        vault.count("ImpersonateUser"),
        2,
        "the second look-up asks for neither"
    );
}

#[tokio::test]
async fn a_refused_log_on_names_its_reason() {
    for (words, expected) in [
        ("Login failed.", Symptom::LoginFailed),
        ("Your password has expired.", Symptom::ApiPasswordExpired),
        (
            "Login failed. The password has expired.",
            Symptom::ApiPasswordExpired,
        ),
        ("IP Address is not allowed", Symptom::AddressNotAllowed),
        ("RadiusUSAccessChallenge", Symptom::SecondFactorWanted),
        ("something else", Symptom::LoginFailed),
    ] {
        let error = refusal(move |_| refused(words)).await;
        assert_eq!(symptom(&error), expected, "{words}");
    }
    // No errors and no token is a failure too.
    assert_eq!(symptom(&refusal(|_| ok("")).await), Symptom::LoginFailed);
    assert_eq!(
        symptom(&refusal(|_| ok("<Token />")).await),
        Symptom::LoginFailed
    );
}

#[tokio::test]
async fn health_tells_what_is_wrong_without_being_an_error() {
    let vault = Vault::start(well).await;
    assert!(soon(vault.plugin().health()).await.unwrap().healthy);
    let vault = Vault::start(|_| refused("Login failed.")).await;
    let health = soon(vault.plugin().health()).await.unwrap();
    assert!(
        !health.healthy && health.detail.contains("API Password"),
        "{health:?}"
    );
}
