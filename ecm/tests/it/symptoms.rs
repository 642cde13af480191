//! The documentation's table against deliberately broken set-ups: a row for every symptom. The
//! match of all has no arm for the rest, so a symptom without a row does not compile.

use std::future::Future;

use ecm::diagnosis::{Symptom, transport};
use ecm::error::PluginError;
use ecm::plugin::{JumpItemType, Plugin, Session};
use ecm::secret_server::settings::SettingsFile;
use ecm::test_settings::{TestForm, test_settings};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::password_safe;
use crate::room;
use crate::tls::{self, GOOD, authority};
use crate::vault::{
    Call, Reply, Vault, envelope, http, item, ok, plugin, refused, secret, session, session_of,
    soon, summaries, well,
};

const SEARCH: &str = "SearchSecretsByFieldValue";
const IMPERSONATE: &str = "ImpersonateUser";
const HIDDEN: &str = "An error occurred in the application. Please contact your administrator.";

#[tokio::test]
async fn every_row_of_the_table_is_provoked_by_a_set_up_that_is_broken_that_way() {
    for symptom in Symptom::ALL.iter().copied() {
        let error = soon(broken(symptom)).await;
        assert_eq!(error.symptom, Some(symptom), "{error:?}");
        let row = symptom.explanation();
        assert!(error.message.starts_with(row.says), "{error}");
        assert_eq!(
            (error.kind, error.owner),
            (row.kind, row.owner),
            "{symptom:?}"
        );
        assert_eq!(error.next_action, row.cure);
    }
}

/// The failure of the set-up that is broken as `symptom` says.
async fn broken(symptom: Symptom) -> PluginError {
    match symptom {
        Symptom::NameNotFound
        | Symptom::ConnectionRefused
        | Symptom::ConnectionFailed
        | Symptom::ConnectTimeout
        | Symptom::AnswerTimeout
        | Symptom::ConnectionBroken => out_of_reach(symptom).await,
        Symptom::CertificateNotTrusted
        | Symptom::CertificateForAnotherHost
        | Symptom::CertificateExpired
        | Symptom::CertificateNotYetValid
        | Symptom::CertificateNotAcceptable
        | Symptom::TlsFailed
        | Symptom::NoPlainHttp
        | Symptom::RedirectedToPlainHttp => bad_tls(symptom).await,
        Symptom::CloudAddressHasVirtualDirectory
        | Symptom::AddressLacksVirtualDirectory
        | Symptom::WebServiceNotFound
        | Symptom::DelineaPlatform
        | Symptom::WebPageInsteadOfSoap
        | Symptom::Redirected
        | Symptom::HttpRefused
        | Symptom::ProxyWantsLogOn
        | Symptom::TooManyRequests
        | Symptom::VaultUnavailable
        | Symptom::AnswerTooLong
        | Symptom::AnswerCompressed
        | Symptom::TooManyAnswers
        | Symptom::AnswerNotUnderstood
        | Symptom::TooManyResults
        | Symptom::VaultFault
        | Symptom::VaultHidesReason
        | Symptom::VaultRefused => no_reply(symptom).await,
        Symptom::LoginFailed
        | Symptom::ApiPasswordExpired
        | Symptom::AddressNotAllowed
        | Symptom::SecondFactorWanted
        | Symptom::ClockSkew
        | Symptom::TokenRefusedTwice
        | Symptom::NoImpersonatePermission
        | Symptom::DelegationPending
        | Symptom::DelegationUnexplained
        | Symptom::DelegationDenied
        | Symptom::UserNotRecognised
        | Symptom::NoUserName => no_token(symptom).await,
        Symptom::EntryNotListed
        | Symptom::SecretNotFound
        | Symptom::SecretAccessDenied
        | Symptom::SecretNeedsApproval
        | Symptom::SecretNeedsComment
        | Symptom::SecretCheckedOut
        | Symptom::SecretDoubleLocked
        | Symptom::PasswordHidden
        | Symptom::SecretIncomplete
        | Symptom::AttachmentUnreadable
        | Symptom::AttachmentUnsupported => no_credential(symptom).await,
        Symptom::ApiNotFound
        | Symptom::ApiVersionDisabled
        | Symptom::ProxyRefusesApi
        | Symptom::VaultError
        | Symptom::ApiAnswerNotUnderstood
        | Symptom::NobodySignsIn
        | Symptom::RunAsUserUnknown
        | Symptom::SignInForbidden
        | Symptom::ApproverSignsNotIn
        | Symptom::RunAsSecondFactor
        | Symptom::SessionRefusedTwice
        | Symptom::MayNotRequest
        | Symptom::NotRequestor
        | Symptom::NotApprover
        | Symptom::ApproverMayNotApprove
        | Symptom::RequestPending
        | Symptom::MoreApproversWanted
        | Symptom::NotEnoughApprovers
        | Symptom::RequestDenied
        | Symptom::AccountTaken
        | Symptom::TicketWanted
        | Symptom::RequestNotAccepted
        | Symptom::ReleaseGone
        | Symptom::CallForbidden
        | Symptom::AccountEmpty
        | Symptom::SearchIncomplete => password_safe::symptoms::broken(symptom).await,
    }
}

fn no_row(symptom: Symptom) -> ! {
    panic!("no row for {symptom:?}")
}

/// Something else than a reply comes back, or one that is of no use.
async fn no_reply(symptom: Symptom) -> PluginError {
    match symptom {
        Symptom::CloudAddressHasVirtualDirectory => wrong_layout("/SecretServer").await,
        Symptom::AddressLacksVirtualDirectory => wrong_layout("").await,
        Symptom::WebServiceNotFound => list(|_| http("404 No", "text/html", "")).await,
        Symptom::DelineaPlatform => list(|_| redirect("https://acme.delinea.app/login")).await,
        Symptom::WebPageInsteadOfSoap => {
            list(|_| http("200 OK", "text/html", "<title>Sign in</title>")).await
        }
        Symptom::Redirected => list(|_| redirect("/login")).await,
        Symptom::HttpRefused => list(|_| http("401 No", "text/html", "")).await,
        Symptom::ProxyWantsLogOn => list(|_| http("407 Who", "text/html", "")).await,
        Symptom::TooManyRequests => list(|_| http("429 Slow", "text/html", "")).await,
        Symptom::VaultUnavailable => list(|_| http("503 Later", "text/html", "")).await,
        Symptom::AnswerTooLong => list(|_| soap(&" ".repeat(5 << 20))).await,
        Symptom::AnswerCompressed => {
            list(|_| http("200 OK", "text/xml\r\nContent-Encoding: gzip", "x")).await
        }
        Symptom::TooManyAnswers => transport(&room::no_room().await, "http://vault"),
        Symptom::AnswerNotUnderstood => list(|_| soap("<unknown/>")).await,
        Symptom::TooManyResults => {
            let many: Vec<_> = (0..1_001).map(|id| (id, "x")).collect();
            list_after(SEARCH, move || ok(&summaries(&many))).await
        }
        Symptom::VaultFault => list(|_| soap(FAULT)).await,
        Symptom::VaultHidesReason => list_after(SEARCH, || refused(HIDDEN)).await,
        Symptom::VaultRefused => list_after(SEARCH, || refused("Hm.")).await,
        other => no_row(other),
    }
}

/// The API account or the user gets no token that is of use.
async fn no_token(symptom: Symptom) -> PluginError {
    match symptom {
        Symptom::LoginFailed => list(|_| refused("Login failed.")).await,
        Symptom::ApiPasswordExpired => list(|_| refused("The password has expired.")).await,
        Symptom::AddressNotAllowed => list(|_| refused("IP Address is not allowed")).await,
        Symptom::SecondFactorWanted => list(|_| refused("RadiusUSAccessChallenge")).await,
        Symptom::ClockSkew => {
            list(|call| dead_tokens(call, "Date: Tue, 02 Jan 2001 10:00:00 GMT\r\n")).await
        }
        Symptom::TokenRefusedTwice => list(|call| dead_tokens(call, "")).await,
        Symptom::NoImpersonatePermission => {
            list_after(IMPERSONATE, || refused("Access Denied")).await
        }
        Symptom::DelegationPending => {
            list_after(IMPERSONATE, || refused("The request is pending approval.")).await
        }
        Symptom::DelegationUnexplained => list_after(IMPERSONATE, || ok("<Token />")).await,
        Symptom::DelegationDenied => {
            list_after(IMPERSONATE, || refused("The user denied the request.")).await
        }
        Symptom::UserNotRecognised => list_after(IMPERSONATE, || refused("User not found.")).await,
        Symptom::NoUserName => {
            let vault = Vault::start(well).await;
            find(vault.settings(), &session_of(" ", "srv01")).await
        }
        other => no_row(other),
    }
}

/// The entry that was chosen gives no credential.
async fn no_credential(symptom: Symptom) -> PluginError {
    match symptom {
        Symptom::EntryNotListed => {
            let vault = Vault::start(well).await;
            let form = TestForm::new("joe", JumpItemType::RemoteRdp, "srv01");
            let report = test_settings(&vault.plugin(), &form, Some("99")).await;
            report.unwrap().error().unwrap().clone()
        }
        Symptom::SecretNotFound => fetch(|| refused("No secret exists")).await,
        Symptom::SecretAccessDenied => fetch(|| refused("Access Denied")).await,
        Symptom::SecretNeedsApproval => {
            fetch(|| refused("The requested Secret requires requesting approval.")).await
        }
        Symptom::SecretNeedsComment => {
            fetch(|| refused("The requested Secret requires a comment when viewed.")).await
        }
        Symptom::SecretCheckedOut => {
            fetch(|| refused("The requested Secret is currently checked out to Sue.")).await
        }
        Symptom::SecretDoubleLocked => {
            fetch(|| refused("The requested Secret is DoubleLocked")).await
        }
        Symptom::PasswordHidden => {
            let password = item(2, "Password", "", "IsPassword");
            fetch(move || ok(&secret(&[username(), password.clone()]))).await
        }
        Symptom::SecretIncomplete => {
            let password = item(2, "Password", "x", "IsPassword");
            fetch(move || ok(&secret(std::slice::from_ref(&password)))).await
        }
        Symptom::AttachmentUnreadable => with_file("not base64!").await,
        Symptom::AttachmentUnsupported => with_file("iVBORw0KGgr/").await,
        other => no_row(other),
    }
}

const FAULT: &str = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\
    <s:Fault><faultcode>s:Server</faultcode><faultstring>boom</faultstring></s:Fault></s:Body>\
    </s:Envelope>";

fn soap(body: &str) -> Reply {
    http("200 OK", "text/xml; charset=utf-8", body)
}

fn redirect(target: &str) -> Reply {
    http("302 Found", &format!("text/html\r\nLocation: {target}"), "")
}

fn username() -> String {
    item(1, "Username", "root", "IsNotes")
}

async fn find(settings: SettingsFile, session: &Session) -> PluginError {
    plugin(settings)
        .find_credentials(session)
        .await
        .unwrap_err()
}

/// The failure of a list of a vault that answers everything by `script`.
async fn list(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> PluginError {
    let vault = Vault::start(script).await;
    find(vault.settings(), &session()).await
}

/// The failure of a list of a vault where all is well until `operation`.
async fn list_after(
    operation: &'static str,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> PluginError {
    list(move |call| match call.operation == operation {
        true => reply(),
        false => well(call),
    })
    .await
}

/// The failure of a retrieval of a vault that answers GetSecret by `reply`.
async fn fetch(reply: impl Fn() -> Reply + Send + Sync + 'static) -> PluginError {
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "GetSecret" => reply(),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    plugin.get_credential(&session(), "7").await.unwrap_err()
}

/// The failure of a retrieval of a secret without a password and with one file.
async fn with_file(base64: &'static str) -> PluginError {
    let vault = Vault::start(move |call| match call.operation.as_str() {
        "GetSecret" => ok(&secret(&[username(), item(2, "Picture", "", "IsFile")])),
        "DownloadFileAttachmentByItemId" => {
            ok(&format!("<FileAttachment>{base64}</FileAttachment>"))
        }
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    plugin.get_credential(&session(), "7").await.unwrap_err()
}

/// A vault below `prefix` would be the wrong one: it answers at the other of the two layouts only.
async fn wrong_layout(prefix: &'static str) -> PluginError {
    const SERVICE: &str = "/webservices/SSWebService.asmx";
    let vault = Vault::start(move |call| match call.path == [prefix, SERVICE].concat() {
        true => http("404 No", "text/html", ""),
        false => ok("<Version>11.0</Version>"),
    })
    .await;
    let mut settings = vault.settings();
    settings.endpoint_url = format!("http://{}{prefix}{SERVICE}", vault.address);
    find(settings, &session()).await
}

/// Every token is dead as soon as it was issued; each answer has the header lines `more`.
fn dead_tokens(call: &Call, more: &str) -> Reply {
    let (errors, inner) = match call.operation.as_str() {
        SEARCH => ("<string>expired token</string>", ""),
        "GetTokenIsValid" => ("<string>no</string>", ""),
        _ => ("", "<Token>t0ken</Token>"),
    };
    let inner = format!("<Errors>{errors}</Errors>{inner}");
    let whole = String::from_utf8(envelope(&call.operation, &inner)).unwrap();
    let with_more = whole.replacen("\r\n", &format!("\r\n{more}Connection: close\r\n"), 1);
    Reply::Raw(with_more.into_bytes())
}

async fn out_of_reach(symptom: Symptom) -> PluginError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut url = format!("http://{address}/webservices/SSWebService.asmx");
    match symptom {
        Symptom::NameNotFound => url = url.replace("127.0.0.1", "no-such-host.invalid"),
        Symptom::ConnectionRefused => drop(listener),
        // Broken off in the handshake, before there is anything to exchange.
        Symptom::ConnectionFailed => {
            url = url.replace("http:", "https:");
            accept(listener, async |stream| drop(stream));
        }
        Symptom::ConnectTimeout => {
            url = url.replace("http:", "https:");
            accept(listener, async |stream| keep(stream).await);
        }
        Symptom::ConnectionBroken => accept(listener, async |stream| drop(stream)),
        _ => accept(listener, async |stream| keep(stream).await),
    }
    let mut settings = SettingsFile::new(&url, "svc", "env:unused");
    settings.http.allow_plain_http = true;
    settings.http.connect_timeout_s = 1;
    settings.http.answer_timeout_s = if symptom == Symptom::AnswerTimeout {
        1
    } else {
        10
    };
    find(settings, &session()).await
}

/// Serves every connection by `work`.
fn accept<F: Future<Output = ()> + Send>(
    listener: TcpListener,
    work: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            work(stream).await;
        }
    });
}

async fn keep(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

async fn bad_tls(symptom: Symptom) -> PluginError {
    let (known, unknown) = (authority("Known CA"), authority("Unknown CA"));
    let port = match symptom {
        Symptom::CertificateNotTrusted => tls::serve(&unknown, GOOD).await,
        Symptom::CertificateForAnotherHost => {
            tls::serve(&known, ("other.example", 2020..2100)).await
        }
        Symptom::CertificateExpired => tls::serve(&known, ("localhost", 2001..2002)).await,
        Symptom::CertificateNotYetValid => tls::serve(&known, ("localhost", 2090..2100)).await,
        Symptom::CertificateNotAcceptable => {
            tls::serve_for(&known, GOOD, ExtendedKeyUsagePurpose::ClientAuth).await
        }
        Symptom::NoPlainHttp => {
            let port = tls::serve(&known, GOOD).await;
            let url = format!("http://localhost:{port}/webservices/SSWebService.asmx");
            let mut settings = SettingsFile::new(&url, "svc", "env:unused");
            settings.http.allow_plain_http = true;
            return find(settings, &session()).await;
        }
        Symptom::RedirectedToPlainHttp => tls::redirecting(&known, "http://vault.example/").await,
        _ => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            accept(listener, async |mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            });
            port
        }
    };
    tls::look_up(port, &known).await
}
