//! A vault that is broken, hostile or not a vault at all: every answer gives a typed error, memory
//! stays bounded, and nothing is left checked out.

use std::time::Duration;

use ecm::diagnosis::Symptom;
use ecm::error::{ErrorKind, PluginError};
use ecm::plugin::Plugin;

use crate::vault::{
    CANARY, Call, Reply, Vault, envelope, http, ok, plugin, refused, session, soon, summaries, well,
};

/// What becomes of a look-up whose search is answered with `reply`.
async fn search_answered(reply: impl Fn() -> Reply + Send + Sync + 'static) -> PluginError {
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => reply(),
        _ => well(call),
    })
    .await;
    let mut settings = vault.settings();
    settings.http.answer_bytes_max = 256 * 1024;
    settings.results_max = 50;
    settings.http.answer_timeout_s = 1;
    soon(plugin(settings).find_credentials(&session()))
        .await
        .unwrap_err()
}

async fn check(reply: impl Fn() -> Reply + Send + Sync + 'static, expected: Symptom) {
    let error = search_answered(reply).await;
    assert_eq!(error.symptom, Some(expected), "{error:?}");
    assert!(error.message.len() < 2_000, "{}", error.message.len());
}

fn soap(body: &str) -> Reply {
    http("200 OK", "text/xml; charset=utf-8", body)
}

fn result(inner: &str) -> String {
    let whole = String::from_utf8(envelope("SearchSecretsByFieldValue", inner)).unwrap();
    whole.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_is_no_soap_reply_is_not_understood() {
    let not_understood = Symptom::AnswerNotUnderstood;
    check(|| soap(""), not_understood).await;
    check(|| soap("hello"), not_understood).await;
    check(|| soap("<a/><b/>"), not_understood).await;
    check(|| soap(&result("<Errors />")[..200]), not_understood).await;
    check(
        || soap("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        not_understood,
    )
    .await;
    check(|| soap(&"<a>".repeat(10_000)), not_understood).await;
    let foreign = || soap(&result("<Errors />").replace("urn:thesecretserver.com", "urn:else"));
    check(foreign, not_understood).await;
    check(|| soap(&result("")), not_understood).await;
    let no_number = || {
        soap(&result(&format!(
            "<Errors />{}",
            summaries(&[(7, "x")]).replace(">7<", ">seven<")
        )))
    };
    check(no_number, not_understood).await;
}

#[tokio::test]
async fn floods_are_cut_off() {
    check(|| soap(&" ".repeat(300 * 1024)), Symptom::AnswerTooLong).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let endless = [head, &chunk.repeat(5)].concat();
    check(
        move || Reply::Raw(endless.clone().into_bytes()),
        Symptom::AnswerTooLong,
    )
    .await;

    let many: Vec<_> = (0..51).map(|id| (id, "x")).collect();
    check(move || ok(&summaries(&many)), Symptom::TooManyResults).await;
}

#[tokio::test]
async fn ten_megabytes_and_a_hundred_thousand_results_are_refused_by_default() {
    let many: Vec<_> = (0..100_000).map(|id| (id, "x")).collect();
    let inner = summaries(&many);
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => ok(&inner),
        _ => well(call),
    })
    .await;
    let error = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.symptom, Some(Symptom::AnswerTooLong));
}

#[tokio::test]
async fn a_compressed_answer_is_refused_unread() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\n\
                Content-Length: 4\r\n\r\n\x1f\x08\x08\x08";
    check(move || Reply::Raw(head.into()), Symptom::AnswerCompressed).await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/login?returnUrl=token\r\n\
                Content-Length: 0\r\n\r\n";
    let error = search_answered(move || Reply::Raw(head.into())).await;
    assert_eq!(error.symptom, Some(Symptom::Redirected));
    assert!(
        error.message.contains("http://127.0.0.1:9/login"),
        "{error}"
    );
    assert!(!error.message.contains("returnUrl"), "{error}");
}

#[tokio::test]
async fn http_statuses_are_told_apart() {
    let page = "<html><title>Sorry</title></html>";
    check(
        || http("200 OK", "text/html", page),
        Symptom::WebPageInsteadOfSoap,
    )
    .await;
    check(
        || http("401 Unauthorized", "text/html", page),
        Symptom::HttpRefused,
    )
    .await;
    check(
        || http("403 Forbidden", "text/html", page),
        Symptom::HttpRefused,
    )
    .await;
    check(
        || http("503 Service Unavailable", "text/html", page),
        Symptom::VaultUnavailable,
    )
    .await;
    check(
        || http("500 Internal Server Error", "text/html", page),
        Symptom::VaultUnavailable,
    )
    .await;
    check(
        || http("407 Who", "text/html", page),
        Symptom::ProxyWantsLogOn,
    )
    .await;
    check(
        || http("400 Bad Request", "text/xml", ""),
        Symptom::AnswerNotUnderstood,
    )
    .await;
    let fault = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault>\
                 <faultcode>s:Server</faultcode><faultstring>boom</faultstring></s:Fault></s:Body>\
                 </s:Envelope>";
    let error = search_answered(|| http("500 Oh", "text/xml", fault)).await;
    assert_eq!(error.symptom, Some(Symptom::VaultFault));
    assert_eq!(error.vault_said.as_deref(), Some("boom"));
}

#[tokio::test]
async fn a_page_where_the_vault_has_answered_is_not_blamed_on_the_path() {
    for (status, symptom) in [
        ("200 OK", Symptom::WebPageInsteadOfSoap),
        ("500 Oh", Symptom::VaultUnavailable),
    ] {
        let page = "<html><title>Maintenance</title></html>";
        let error = search_answered(move || http(status, "text/html", page)).await;
        assert_eq!(error.symptom, Some(symptom), "{error:?}");
        assert!(error.message.contains("answered calls before"), "{error}");
        assert!(!error.next_action.contains("path"), "{error:?}");
        assert_eq!(error.is_retryable(), status.starts_with('5'), "{error:?}");
    }
}

#[tokio::test]
async fn a_limit_on_requests_is_told_with_how_long_to_wait() {
    for (status, symptom) in [
        ("429 Slow", Symptom::TooManyRequests),
        ("503 Later", Symptom::VaultUnavailable),
    ] {
        for (header, told) in [("\r\nRetry-After: 30", true), ("", false)] {
            let content_type = format!("text/html{header}");
            let error = search_answered(move || http(status, &content_type, "")).await;
            assert_eq!(error.symptom, Some(symptom), "{error:?}");
            let waits = error.message.ends_with("; it asks to wait 30 s");
            assert_eq!(waits, told, "{error}");
            assert!(error.is_retryable(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_vault_that_dies_or_hangs_is_given_up_in_time() {
    check(|| Reply::Silence, Symptom::AnswerTimeout).await;
    check(|| Reply::Raw(Vec::new()), Symptom::ConnectionBroken).await;
    let half = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n<soap";
    check(move || Reply::Raw(half.into()), Symptom::ConnectionBroken).await;
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_told_from_one_that_has_no_name() {
    let vault = Vault::start(well).await;
    let mut settings = vault.settings();
    settings.endpoint_url = "http://127.0.0.1:1/webservices/SSWebService.asmx".into();
    let error = soon(plugin(settings.clone()).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.symptom, error.is_retryable()),
        (Some(Symptom::ConnectionRefused), true)
    );

    settings.endpoint_url = "http://no-such-host.invalid/webservices/SSWebService.asmx".into();
    let error = soon(plugin(settings).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.symptom, Some(Symptom::NameNotFound), "{error:?}");
    assert!(error.message.contains("no-such-host.invalid"), "{error}");
}

/// A server that has the service at `here` and a 404 page everywhere else.
async fn lookup_at(asked: &str, here: &'static str) -> PluginError {
    let vault = Vault::start(move |call: &Call| {
        if call.path != here {
            return http("404 Not Found", "text/html", "<title>Not here</title>");
        }
        match call.operation.as_str() {
            "VersionGet" => ok("<Version>11.0</Version>"),
            _ => well(call),
        }
    })
    .await;
    let mut settings = vault.settings();
    settings.endpoint_url = format!("http://{}{asked}", vault.address);
    let error = soon(plugin(settings).find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    let calls = vault.calls();
    assert!(calls.len() <= 2 && calls[0] == "Authenticate", "{calls:?}");
    error
}

#[tokio::test]
async fn the_wrong_layout_is_recognised_and_corrected() {
    const CLOUD: &str = "/webservices/SSWebservice.asmx";
    const ON_PREMISES: &str = "/SecretServer/webservices/SSWebservice.asmx";
    let error = lookup_at(ON_PREMISES, CLOUD).await;
    assert_eq!(
        error.symptom,
        Some(Symptom::CloudAddressHasVirtualDirectory)
    );
    let corrected = error.action_url.unwrap();
    assert!(
        corrected.ends_with(CLOUD) && !corrected.contains("SecretServer"),
        "{corrected}"
    );
    assert!(error.message.contains(&corrected));

    let error = lookup_at(CLOUD, ON_PREMISES).await;
    assert_eq!(error.symptom, Some(Symptom::AddressLacksVirtualDirectory));
    assert!(error.action_url.unwrap().ends_with(ON_PREMISES));

    let error = lookup_at("/webservices/SSWebservic.asmx", ON_PREMISES).await;
    assert_eq!(
        (error.symptom, error.action_url),
        (Some(Symptom::WebServiceNotFound), None)
    );
}

#[tokio::test]
async fn a_look_up_that_is_dropped_leaves_nothing_behind() {
    let vault = Vault::start(|call| match call.operation.as_str() {
        "SearchSecretsByFieldValue" => Reply::Silence,
        _ => well(call),
    })
    .await;
    let (plugin, session) = (vault.plugin(), session());
    let limit = Duration::from_millis(300);
    let given_up = tokio::time::timeout(limit, plugin.find_credentials(&session)).await;
    assert!(given_up.is_err());
    assert!(
        soon(plugin.health()).await.unwrap().healthy,
        "the plugin goes on"
    );
}

#[tokio::test]
async fn a_vault_that_quotes_what_it_refuses_gives_no_secret_away() {
    type Quote = fn(&str) -> Reply;
    let quotes: [Quote; 4] = [
        |secret| refused(&format!("login failed with '{secret}'")),
        |secret| {
            let fault =
                format!("<faultcode>{secret}</faultcode><faultstring>{secret}</faultstring>");
            let soap = "http://schemas.xmlsoap.org/soap/envelope/";
            let body = format!(
                "<s:Envelope xmlns:s='{soap}'><s:Body><s:Fault>{fault}</s:Fault></s:Body></s:Envelope>"
            );
            http("500 Internal Server Error", "text/xml", &body)
        },
        |secret| {
            http(
                "403 Forbidden",
                "text/html",
                &format!("<title>{secret}</title>"),
            )
        },
        |secret| {
            http(
                "302 Found",
                &format!("text/html\r\nLocation: /{secret}"),
                "",
            )
        },
    ];
    for quote in quotes {
        for operation in [
            "Authenticate",
            "ImpersonateUser",
            "SearchSecretsByFieldValue",
        ] {
            let vault = Vault::start(move |call| {
                let secret = [call.parameter("password"), call.parameter("token")].concat();
                match &*call.operation {
                    refusing if refusing == operation => quote(&secret),
                    "VersionGet" => http("404 Not Found", "text/html", ""),
                    _ => well(call),
                }
            })
            .await;
            let error = soon(vault.plugin().find_credentials(&session()))
                .await
                .unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("***"), "{operation}: {shown}");
            assert!(!shown.contains(CANARY), "{operation}: {shown}");
        }
    }
}
