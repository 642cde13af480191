//! A vault that is ill, hostile, or not a vault at all; and what must never be seen.

use ecm::error::{ErrorKind, PluginError};
use ecm::plugin::Plugin;

use super::vault::{CANARY, Call, ROOT, Reply, Vault, json, plugin, session, soon, well};

fn html(status: u16) -> Reply {
    Reply::Http(
        status,
        vec!["Content-Type: text/html".into()],
        "<html>Sign in</html>".into(),
    )
}

/// The error of a list when the searches are answered so.
async fn error_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> PluginError {
    let vault = Vault::start(move |call: &Call| match call.endpoint.as_str() {
        "ManagedAccounts" => reply(),
        _ => well(call),
    })
    .await;
    soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn what_is_not_the_api_is_recognised() {
    use ErrorKind as K;
    for (reply, kind, part) in [
        (
            (|| html(403)) as fn() -> Reply,
            K::Permission,
            "before the vault",
        ),
        (|| html(401), K::Permission, "before the vault"),
        (|| html(404), K::Configuration, "web page"),
        (|| html(500), K::Configuration, "web page"),
        (|| html(200), K::Configuration, "web page"),
        (|| html(503), K::Connectivity, "503"),
        (|| html(429), K::Connectivity, "fewer requests: status 429"),
        (
            || json(429, ""),
            K::Connectivity,
            "fewer requests: status 429",
        ),
        (|| html(407), K::Permission, "proxy"),
        (|| json(500, "\"boom\""), K::Unexpected, "500"),
        (|| json(503, ""), K::Connectivity, "503"),
        (|| json(408, ""), K::Connectivity, "408"),
        (|| json(410, ""), K::Configuration, "disabled"),
        (|| html(410), K::Configuration, "disabled"),
        (|| json(400, "\"bad type\""), K::Configuration, "400"),
        (|| json(405, ""), K::Unexpected, "405"),
        (|| json(418, ""), K::Unexpected, "418"),
        (|| json(302, ""), K::Configuration, "redirects"),
        (|| json(200, "[{\"SystemId\":"), K::Unexpected, "cut short"),
        (|| json(200, "[{\"SystemId\":1}]"), K::Unexpected, "lacking"),
        (
            || json(200, "{\"SystemId\":1,\"SYSTEMID\":1}"),
            K::Unexpected,
            "there before",
        ),
        (
            || json(200, "[{\"SystemId\":99999999999}]"),
            K::Unexpected,
            "range",
        ),
        (
            || {
                json(
                    200,
                    format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
                )
            },
            K::Unexpected,
            "",
        ),
        (|| json(200, "\u{0}"), K::Unexpected, "not valid JSON"),
        (|| json(200, ""), K::Unexpected, "cut short"),
        (|| json(200, "124"), K::Unexpected, "wrong type"),
        (
            || Reply::Raw(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n[".to_vec()),
            K::Connectivity,
            "",
        ),
        (
            || Reply::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()),
            K::Connectivity,
            "",
        ),
        (
            || Reply::Raw(b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n".to_vec()),
            K::Unexpected,
            "longer than",
        ),
        (
            || Reply::Http(200, vec!["Content-Encoding: gzip".into()], "x".into()),
            K::Unexpected,
            "gzip",
        ),
    ] {
        let error = error_of(reply).await;
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.message.contains(part), "{part}: {error:?}");
    }
}

#[tokio::test]
async fn the_address_of_a_web_page_is_answered_with_the_address_of_the_api() {
    let error = error_of(|| html(404)).await;
    let corrected = error.action_url.unwrap();
    assert!(
        corrected.ends_with("/BeyondTrust/api/public/v3"),
        "{corrected}"
    );
}

#[tokio::test]
async fn a_sign_in_that_does_not_exist_is_a_wrong_address() {
    let vault = Vault::start(|_: &Call| json(404, "\"No HTTP resource was found\"")).await;
    let error = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(
        error
            .action_url
            .is_some_and(|url| url.ends_with("/BeyondTrust/api/public/v3"))
    );
    let health = soon(vault.plugin().health()).await.unwrap();
    assert!(
        !health.healthy && health.detail.contains("Endpoint URL"),
        "{health:?}"
    );
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let vault = Vault::start(|call: &Call| match call.endpoint.as_str() {
        "ManagedAccounts" => json(200, " ".repeat(200_000)),
        _ => well(call),
    })
    .await;
    let mut file = vault.settings();
    file.http.answer_bytes_max = 100_000;
    let error = soon(plugin(file).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert!(error.message.contains("longer than"), "{error}");
}

#[tokio::test]
async fn a_vault_that_never_answers_is_given_up() {
    let vault = Vault::start(|call: &Call| match call.endpoint.as_str() {
        "ManagedAccounts" => Reply::Silence,
        _ => well(call),
    })
    .await;
    let mut file = vault.settings();
    file.http.answer_timeout_s = 1;
    let error = soon(plugin(file).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn a_vault_that_does_not_listen_is_told_from_one_that_refuses() {
    let vault = Vault::start(well).await;
    let mut file = vault.settings();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    file.endpoint_url = format!("http://{address}/BeyondTrust/api/public/v3");
    let error = soon(plugin(file).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connectivity, "{error:?}");
}

#[tokio::test]
async fn a_request_id_that_is_none_is_an_error() {
    for body in [
        "",
        "0",
        "-1",
        "2147483648",
        "{\"RequestID\":1}",
        "\"a\"",
        "1.5",
        "124,125",
    ] {
        let vault = Vault::start(move |call: &Call| match call.name().as_str() {
            "POST Requests" => json(201, body),
            _ => well(call),
        })
        .await;
        let error = soon(vault.plugin().get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected, "{body}");
    }
}

#[tokio::test]
async fn no_error_and_no_debug_text_holds_a_secret() {
    let echo = |call: &Call| call.head.clone() + &call.body;
    for (endpoint, status) in [
        ("Auth/SignAppin", 401),
        ("Auth/SignAppin", 500),
        ("Requests", 400),
        ("Credentials/124", 403),
        ("Credentials/124", 500),
    ] {
        let vault = Vault::start(move |call: &Call| {
            if call.endpoint == endpoint {
                json(status, echo(call))
            } else {
                well(call)
            }
        })
        .await;
        let plugin = vault.plugin();
        let error = soon(plugin.get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
        assert!(!format!("{plugin:?}").contains(CANARY));
    }
    // A credential that is not understood is a credential all the same.
    for body in [
        CANARY.to_owned(),
        format!("\"{CANARY}"),
        format!("{{\"p\":\"{CANARY}\"}}"),
    ] {
        let vault = Vault::start(move |call: &Call| match call.endpoint.as_str() {
            "Credentials/124" => json(200, body.clone()),
            _ => well(call),
        })
        .await;
        let error = soon(vault.plugin().get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected);
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
    }
    let vault = Vault::start(well).await;
    let package = soon(vault.plugin().get_credential(&session(), ROOT))
        .await
        .unwrap();
    assert!(!format!("{package:?}").contains(CANARY));
    for call in vault.take_calls() {
        assert!(
            !call.target.contains(CANARY),
            "nothing secret in an address"
        );
    }
}

#[tokio::test]
async fn an_account_without_anything_is_told() {
    let vault = Vault::start(|call: &Call| match call.endpoint.as_str() {
        "Credentials/124" => json(200, "\"\""),
        _ => well(call),
    })
    .await;
    let error = soon(vault.plugin().get_credential(&session(), ROOT))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn health_tells_a_vault_that_answers_from_one_that_does_not() {
    let vault = Vault::start(well).await;
    let health = soon(vault.plugin().health()).await.unwrap();
    assert!(
        health.healthy && health.detail.contains("proved when"),
        "{health:?}"
    );

    let mut file = vault.settings();
    file.global_approver = Some("pbapprover".into());
    let health = soon(plugin(file.clone()).health()).await.unwrap();
    assert!(
        health.healthy && health.detail.contains("accepts the registration key"),
        "{health:?}"
    );

    file.endpoint_url = file.endpoint_url.replace("/v3/", "/x/api/public/v3");
    let ill = Vault::start(|_: &Call| html(404)).await;
    let health = soon(ill.plugin().health()).await.unwrap();
    assert!(
        !health.healthy && health.detail.contains("set Endpoint URL"),
        "{health:?}"
    );
}

/// Nobody but the approver has the registration; or nobody at all, as with a wrong key.
#[tokio::test]
async fn with_a_global_approver_a_wrong_key_is_told_from_an_unknown_user() {
    for (approver_known, kind, part) in [
        (true, ErrorKind::NotFound, "BeyondInsight's users"),
        (false, ErrorKind::Authentication, "API Registration Key"),
    ] {
        let vault = Vault::start(move |call: &Call| {
            if call.run_as() == "pbapprover" && approver_known {
                well(call)
            } else {
                json(401, "\"no\"")
            }
        })
        .await;
        let mut file = vault.settings();
        file.global_approver = Some("pbapprover".into());
        let error = soon(plugin(file).find_credentials(&session()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.next_action.contains(part), "{error:?}");
        assert!(error.message.contains("ACME\\joe.user"), "{error}");
    }
}
