//! TLS refusals: each names the certificate, its issuer and the cure.

mod chains;

use std::path::PathBuf;
use std::sync::Arc;

use ecm::diagnosis::Symptom;
use ecm::error::{ErrorKind, PluginError};
use ecm::oauth::{TokenError, TokenSource};
use ecm::plugin::Plugin;
use ecm::secret_server::settings::SettingsFile;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::password_safe;
use crate::vault::{plugin, session, soon};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub file: PathBuf,
    _directory: TempDir,
}

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, certificate.pem()).unwrap();
    Authority {
        issuer: Issuer::new(params, key),
        file,
        _directory: directory,
    }
}

/// The name that a server certificate carries, and the years from which to which it is valid.
pub type Certificate = (&'static str, std::ops::Range<i32>);

pub const GOOD: Certificate = ("localhost", 2020..2100);

/// A server that shows a certificate and answers every request with 503.
pub async fn serve(authority: &Authority, certificate: Certificate) -> u16 {
    serve_for(authority, certificate, ExtendedKeyUsagePurpose::ServerAuth).await
}

/// As [`serve`], with a certificate that is good for `purpose` only.
pub async fn serve_for(
    authority: &Authority,
    certificate: Certificate,
    purpose: ExtendedKeyUsagePurpose,
) -> u16 {
    let config = config(authority, certificate, purpose);
    let answer = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    answer_all(TlsAcceptor::from(Arc::new(config)), answer.to_owned()).await
}

/// What takes connections in the name of `certificate`, and offers these protocols.
pub fn acceptor(authority: &Authority, certificate: Certificate, alpn: &[&[u8]]) -> TlsAcceptor {
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let mut config = config(authority, certificate, purpose);
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn config(
    authority: &Authority,
    (name, years): Certificate,
    purpose: ExtendedKeyUsagePurpose,
) -> rustls::ServerConfig {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "vault of the test");
    params.extended_key_usages = vec![purpose];
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap()
}

/// Answers the first request of every connection so, and closes it.
pub async fn answer_all(acceptor: TlsAcceptor, answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

/// A server that redirects every request to `location`.
pub async fn redirecting(authority: &Authority, location: &str) -> u16 {
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    answer_all(acceptor(authority, GOOD, &[]), answer).await
}

#[tokio::test]
async fn a_redirect_from_https_to_plain_http_is_refused_as_what_it_is() {
    let authority = authority("Lab CA");
    for (location, is_downgrade) in [
        (
            "http://localhost:9/webservices/SSWebService.asmx?token=x",
            true,
        ),
        ("HTTP://localhost/", true),
        ("https://localhost:9/", false),
        ("//localhost:9/", false),
        ("/login", false),
    ] {
        let expected = match is_downgrade {
            true => Symptom::RedirectedToPlainHttp,
            false => Symptom::Redirected,
        };
        let port = redirecting(&authority, location).await;
        let error = look_up(port, &authority).await;
        assert_eq!(error.symptom, Some(expected), "{location}: {error:?}");
        assert!(!error.message.contains("token=x"), "{error}");

        let file = authority.file.clone();
        let error = password_safe::look_up_over_tls(port, file).await;
        assert_eq!(error.symptom, Some(expected), "{location}: {error:?}");
        assert_eq!(error.action_url.is_some(), !is_downgrade);

        let tls = ecm::tls::client_config(Some(&authority.file)).unwrap();
        let site = format!("https://localhost:{port}").parse().unwrap();
        let limit = std::time::Duration::from_secs(10);
        let tokens = TokenSource::new(&site, "ecm".into(), "s3cret".into(), tls, limit).unwrap();
        let error = soon(tokens.fetch()).await.unwrap_err();
        let TokenError::Redirected { redirect, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(redirect.gives_up_encryption, is_downgrade, "{location}");
        assert!(!error.to_string().contains("token=x"), "{error}");
    }
}

pub async fn look_up(port: u16, ca_file: &Authority) -> PluginError {
    let url = format!("https://localhost:{port}/webservices/SSWebService.asmx");
    let mut settings = SettingsFile::new(&url, "svc", "env:unused");
    settings.http.ca_file = Some(ca_file.file.clone());
    soon(plugin(settings).find_credentials(&session()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_certificate_of_the_configured_authority_is_trusted() {
    let authority = authority("Lab CA");
    let error = look_up(serve(&authority, GOOD).await, &authority).await;
    assert_eq!(error.symptom, Some(Symptom::VaultUnavailable), "{error:?}");
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_own_error_with_names() {
    let (known, unknown) = (authority("Known CA"), authority("Somebody Else's CA"));
    let expired = ("localhost", 2001..2002);
    let future = ("localhost", 2090..2100);
    for (issuer, certificate, expected, part) in [
        (
            &unknown,
            GOOD,
            Symptom::CertificateNotTrusted,
            "Somebody Else's CA",
        ),
        (
            &known,
            ("other.example", 2020..2100),
            Symptom::CertificateForAnotherHost,
            "other.example",
        ),
        (
            &known,
            ("127.0.0.1", 2020..2100),
            Symptom::CertificateForAnotherHost,
            "names 127.0.0.1, valid",
        ),
        (&known, expired, Symptom::CertificateExpired, "2002"),
        (&known, future, Symptom::CertificateNotYetValid, "2090"),
    ] {
        let error = look_up(serve(issuer, certificate).await, &known).await;
        assert_eq!(
            (error.kind, error.symptom),
            (ErrorKind::Tls, Some(expected)),
            "{error:?}"
        );
        assert!(error.message.contains("vault of the test"), "{error}");
        assert!(error.message.contains(part), "{error}");
        assert!(!error.message.contains("DNSName"), "{error}");
        let about_time = matches!(
            expected,
            Symptom::CertificateExpired | Symptom::CertificateNotYetValid
        );
        assert_eq!(
            error.message.contains("clock says 2"),
            about_time,
            "{error}"
        );
        assert!(!error.next_action.is_empty());
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_acceptable_is_told_why() {
    let authority = authority("Lab CA");
    let purpose = ExtendedKeyUsagePurpose::ClientAuth;
    let port = serve_for(&authority, GOOD, purpose).await;
    let error = look_up(port, &authority).await;
    let expected = Some(Symptom::CertificateNotAcceptable);
    assert_eq!(error.symptom, expected, "{error:?}");
    let words = "is not acceptable: it is not valid for server authentication (issuer";
    assert!(error.message.contains(words), "{error}");
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_said_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = look_up(port, &authority("Lab CA")).await;
    assert_eq!(
        (error.kind, error.symptom),
        (ErrorKind::Tls, Some(Symptom::TlsFailed)),
        "{error:?}"
    );
}

#[test]
fn an_unusable_ca_file_is_a_matter_of_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [empty, directory.path().join("missing.pem")] {
        let name = path.display().to_string();
        let mut settings = SettingsFile::new("https://v/x.asmx", "svc", "env:unused");
        settings.http.ca_file = Some(path);
        let settings = settings.check("pw".into()).unwrap();
        let tokens = ecm::token_cache::TokenCache::in_memory();
        let clock = Arc::new(ecm::clock::SystemClock);
        let error = ecm::secret_server::SecretServer::new(settings, tokens, clock)
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.message.contains(&name), "{error}");
    }
}
