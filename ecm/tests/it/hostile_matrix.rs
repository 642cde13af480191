//! Every call to the vault against every kind of hostile answer: a typed error each time, and
//! whatever GetSecret or CheckIn is answered, nothing is left checked out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use ecm::diagnosis::Symptom;
use ecm::error::PluginError;
use ecm::plugin::{JumpItemType, Plugin};
use ecm::test_settings::{TestForm, test_settings};

use crate::bomb;
use crate::vault::{
    CANARY, Call, Reply, Vault, envelope, http, item, ok, refused, secret, session, soon,
    summaries, well,
};

const OPERATIONS: [&str; 7] = [
    "Authenticate",
    "ImpersonateUser",
    "SearchSecretsByFieldValue",
    "GetTokenIsValid",
    "GetSecret",
    "DownloadFileAttachmentByItemId",
    "CheckIn",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WrongNamespace,
    NoErrors,
    EmptyToken,
    TenMegabytes,
    Endless,
    ManyResults,
    Redirect,
    Downgrade,
    Bomb,
    BareBomb,
    Truncated,
    WebPage,
}

const KINDS: [Kind; 12] = [
    Kind::WrongNamespace,
    Kind::NoErrors,
    Kind::EmptyToken,
    Kind::TenMegabytes,
    Kind::Endless,
    Kind::ManyResults,
    Kind::Redirect,
    Kind::Downgrade,
    Kind::Bomb,
    Kind::BareBomb,
    Kind::Truncated,
    Kind::WebPage,
];

static TEN_MEGABYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 10485760\r\n\r\n";
    [head.as_bytes(), &vec![b' '; 10 << 20]].concat()
});

/// Longer than is read, and without a length to be warned by.
static ENDLESS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    [head.to_owned(), chunk.repeat(10)].concat().into_bytes()
});

static MANY_RESULTS: LazyLock<String> = LazyLock::new(|| {
    let many: Vec<_> = (0..100_000).map(|id| (id, "x")).collect();
    format!("<Errors />{}", summaries(&many))
});

fn reply(kind: Kind, operation: &str) -> Reply {
    let to_redirect = |target: &str| {
        http(
            "302 Found",
            &format!("text/html\r\nLocation: {target}"),
            CANARY,
        )
    };
    match kind {
        Kind::WrongNamespace => {
            let whole = String::from_utf8(envelope(operation, "<Errors />")).unwrap();
            let foreign = whole.replace("urn:thesecretserver.com", "urn:anothersecretserver");
            let (_, body) = foreign.split_once("\r\n\r\n").unwrap();
            http("200 OK", "text/xml; charset=utf-8", body)
        }
        Kind::NoErrors => Reply::Result(String::new()),
        Kind::EmptyToken => ok("<Token />"),
        Kind::TenMegabytes => Reply::Raw(TEN_MEGABYTES.clone()),
        Kind::Endless => Reply::Raw(ENDLESS.clone()),
        Kind::ManyResults => Reply::Result(MANY_RESULTS.clone()),
        Kind::Redirect => to_redirect("https://elsewhere.example/SSWebService.asmx"),
        Kind::Downgrade => to_redirect("http://127.0.0.1:9/SSWebService.asmx"),
        Kind::Bomb => Reply::Raw(bomb::answer("Content-Encoding: gzip\r\n")),
        Kind::BareBomb => Reply::Raw(bomb::answer("")),
        Kind::Truncated => {
            let mut whole = envelope(operation, &format!("<Errors /><Token>{CANARY}</Token>"));
            whole.truncate(whole.len() - 60);
            Reply::Raw(whole)
        }
        Kind::WebPage => http("200 OK", "text/html", "<html><title>Sign in</title></html>"),
    }
}

/// What such an answer is called; `None` where it is a good answer to the operation.
fn expected(kind: Kind, operation: &str) -> Option<Symptom> {
    Some(match kind {
        Kind::WrongNamespace | Kind::NoErrors | Kind::BareBomb => Symptom::AnswerNotUnderstood,
        Kind::EmptyToken => match operation {
            "Authenticate" => Symptom::LoginFailed,
            "ImpersonateUser" => Symptom::DelegationUnexplained,
            "GetSecret" => Symptom::AnswerNotUnderstood,
            // No token is expected of them, and no errors is all that they have to say.
            _ => return None,
        },
        Kind::TenMegabytes | Kind::Endless | Kind::ManyResults => Symptom::AnswerTooLong,
        Kind::Redirect | Kind::Downgrade => Symptom::Redirected,
        Kind::Bomb => Symptom::AnswerCompressed,
        Kind::Truncated => Symptom::ConnectionBroken,
        Kind::WebPage => Symptom::WebPageInsteadOfSoap,
    })
}

/// A vault where all is well but for the answers to one operation.
async fn vault(kind: Kind, operation: &'static str) -> Vault {
    Vault::start(move |call| match call.operation.as_str() {
        hostile if hostile == operation => reply(kind, operation),
        // Where the address may be at fault the other layout is asked for its version.
        "VersionGet" => reply(kind, "VersionGet"),
        // A look-up asks about its token when it was refused.
        "SearchSecretsByFieldValue" if operation == "GetTokenIsValid" => refused("expired token"),
        "GetSecret" if operation == "DownloadFileAttachmentByItemId" => key_secret(),
        _ => well(call),
    })
    .await
}

fn key_secret() -> Reply {
    ok(&secret(&[
        item(1, "Username", "root", "IsNotes"),
        item(2, "Private Key", "id", "IsFile"),
    ]))
}

async fn outcome(kind: Kind, operation: &'static str) -> Result<(), PluginError> {
    let vault = vault(kind, operation).await;
    let (plugin, session) = (vault.plugin(), session());
    match operation {
        "GetSecret" | "DownloadFileAttachmentByItemId" => {
            plugin.get_credential(&session, "7").await.map(|_| ())
        }
        "CheckIn" => plugin.release_credential(&session, "7", 0).await,
        _ => plugin.find_credentials(&session).await.map(|_| ()),
    }
}

#[tokio::test]
async fn every_operation_answers_every_hostile_answer_with_a_typed_error() {
    for operation in OPERATIONS {
        for kind in KINDS {
            let Some(expected) = expected(kind, operation) else {
                continue;
            };
            let error = soon(outcome(kind, operation)).await.unwrap_err();
            assert_eq!(
                error.symptom,
                Some(expected),
                "{operation} {kind:?}: {error:?}"
            );
            let told = format!("{error:?}");
            assert!(told.len() < 4_000, "{operation} {kind:?}: {}", told.len());
            assert!(!told.contains(CANARY), "{operation} {kind:?}: {told}");
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_results_are_too_many_however_long_an_answer_may_be() {
    let vault = vault(Kind::ManyResults, "SearchSecretsByFieldValue").await;
    let mut settings = vault.settings();
    settings.http.answer_bytes_max = 64 << 20;
    let plugin = crate::vault::plugin(settings);
    let error = soon(plugin.find_credentials(&session())).await.unwrap_err();
    assert_eq!(error.symptom, Some(Symptom::TooManyResults), "{error:?}");
}

#[tokio::test]
async fn a_redirect_after_the_address_has_worked_is_not_blamed_on_the_address() {
    let vault = vault(Kind::Redirect, "GetSecret").await;
    let error = soon(vault.plugin().get_credential(&session(), "7"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.symptom, error.action_url),
        (Some(Symptom::Redirected), None)
    );
    let message = &error.message;
    assert!(
        message.contains("https://elsewhere.example/SSWebService.asmx"),
        "{message}"
    );
    assert!(message.contains("answered calls before"), "{message}");
    assert_eq!(vault.count("VersionGet"), 0, "no other address is tried");
}

/// Runs a test that retrieves secret 7 from a vault that answers the first call of `operation` with
/// `kind`; gives whether the secret is checked out at the end.
async fn left_checked_out(kind: Kind, operation: &'static str) -> bool {
    let is_out = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&is_out);
    let script = move |call: &Call| {
        let hostile = call.operation == operation && call.nth == 0;
        // The vault has done its part, whatever becomes of the answer; a check-in that is answered
        // with rubbish was not done.
        match call.operation.as_str() {
            "GetSecret" => state.store(true, Ordering::SeqCst),
            "CheckIn" if !hostile => state.store(false, Ordering::SeqCst),
            _ => {}
        }
        match call.operation.as_str() {
            _ if hostile => reply(kind, operation),
            "GetSecret" if operation == "DownloadFileAttachmentByItemId" => key_secret(),
            _ => well(call),
        }
    };
    let vault = Vault::start(script).await;
    let form = TestForm::new("joe.user", JumpItemType::RemoteRdp, "srv01");
    let report = soon(test_settings(&vault.plugin(), &form, Some("7"))).await;
    assert!(
        report.unwrap().check_in_failure().is_none(),
        "{operation} {kind:?}"
    );
    assert!(vault.count("GetSecret") > 0);
    is_out.load(Ordering::SeqCst)
}

#[tokio::test]
async fn whatever_a_retrieval_is_answered_nothing_is_left_checked_out() {
    for operation in ["GetSecret", "DownloadFileAttachmentByItemId", "CheckIn"] {
        for kind in KINDS {
            if expected(kind, operation).is_some() {
                let left = left_checked_out(kind, operation).await;
                assert!(!left, "{operation} {kind:?}");
            }
        }
    }
}
