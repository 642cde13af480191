//! What may stand in the CA file, and which certificate of a chain is to blame.

use std::sync::Arc;

use ecm::diagnosis::Symptom;
use ecm::error::PluginError;
use ecm::oauth::{TokenError, TokenSource};
use ecm::plugin::Plugin;
use ecm::secret_server::settings::SettingsFile;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::answer_all;
use crate::vault::{plugin, session, soon};

/// A self-signed certificate as `openssl req -x509` makes it: that of an authority.
fn self_signed(
    name: &str,
    years: std::ops::Range<i32>,
    purposes: &[ExtendedKeyUsagePurpose],
) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "vault of the test");
    params.extended_key_usages = purposes.to_vec();
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

/// A server that shows `chain`, signs with `key`, whether they belong together or not, and answers
/// everything with 503.
async fn serve(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let answer = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    answer_all(TlsAcceptor::from(Arc::new(config)), answer.to_owned()).await
}

/// The failure of a look-up at `port` while the CA file holds `named`.
async fn look_up(port: u16, named: &Certificate) -> PluginError {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, named.pem()).unwrap();
    let url = format!("https://localhost:{port}/webservices/SSWebService.asmx");
    let mut settings = SettingsFile::new(&url, "svc", "env:unused");
    settings.http.ca_file = Some(file);
    soon(plugin(settings).find_credentials(&session()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_if_the_ca_file_names_it() {
    let (certificate, key) = self_signed("localhost", 2020..2100, &[]);
    let port = serve(vec![certificate.der().clone()], &key).await;
    let error = look_up(port, &certificate).await;
    assert_eq!(error.symptom, Some(Symptom::VaultUnavailable), "{error:?}");

    // The same names, another certificate.
    let (other, _) = self_signed("localhost", 2020..2100, &[]);
    let error = look_up(port, &other).await;
    let expected = Some(Symptom::CertificateNotTrusted);
    assert_eq!(error.symptom, expected, "{error:?}");
    assert!(error.message.contains("is self-signed"), "{error}");
    assert!(error.next_action.contains("ca_file"), "{error:?}");

    // The appliance's certificate likewise.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    for (named, is_trusted) in [(&certificate, true), (&other, false)] {
        std::fs::write(&file, named.pem()).unwrap();
        let tls = ecm::tls::client_config(Some(&file)).unwrap();
        let site = format!("https://localhost:{port}").parse().unwrap();
        let limit = std::time::Duration::from_secs(10);
        let tokens = TokenSource::new(&site, "ecm".into(), "s3cret".into(), tls, limit).unwrap();
        let error = soon(tokens.fetch()).await.unwrap_err();
        let was_trusted = matches!(error, TokenError::Refused { status: 503, .. });
        assert_eq!(was_trusted, is_trusted, "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_the_ca_file_names_must_still_fit() {
    let client_only = &[ExtendedKeyUsagePurpose::ClientAuth][..];
    let server_too = &[ExtendedKeyUsagePurpose::ServerAuth][..];
    for (name, years, purposes, expected) in [
        (
            "localhost",
            2020..2100,
            server_too,
            Symptom::VaultUnavailable,
        ),
        (
            "other.example",
            2020..2100,
            &[],
            Symptom::CertificateForAnotherHost,
        ),
        ("localhost", 2001..2002, &[], Symptom::CertificateExpired),
        (
            "localhost",
            2090..2100,
            &[],
            Symptom::CertificateNotYetValid,
        ),
        (
            "localhost",
            2020..2100,
            client_only,
            Symptom::CertificateNotAcceptable,
        ),
    ] {
        let (certificate, key) = self_signed(name, years, purposes);
        let port = serve(vec![certificate.der().clone()], &key).await;
        let error = look_up(port, &certificate).await;
        assert_eq!(error.symptom, Some(expected), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_the_ca_file_names_is_of_no_use_without_its_key() {
    let (certificate, _) = self_signed("localhost", 2020..2100, &[]);
    let port = serve(
        vec![certificate.der().clone()],
        &KeyPair::generate().unwrap(),
    )
    .await;
    let error = look_up(port, &certificate).await;
    assert_eq!(error.symptom, Some(Symptom::TlsFailed), "{error:?}");
}

#[tokio::test]
async fn a_servers_certificate_may_be_named_instead_of_its_issuer() {
    let issuer = super::authority("Nobody's CA").issuer;
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let port = serve(vec![certificate.der().clone()], &key).await;
    let error = look_up(port, &certificate).await;
    assert_eq!(error.symptom, Some(Symptom::VaultUnavailable), "{error:?}");

    let (unrelated, _) = self_signed("localhost", 2020..2100, &[]);
    let error = look_up(port, &unrelated).await;
    let expected = Some(Symptom::CertificateNotTrusted);
    assert_eq!(error.symptom, expected, "{error:?}");
    assert!(error.message.contains("Nobody's CA"), "{error}");
}

#[tokio::test]
async fn an_authoritys_certificate_is_not_a_servers_because_another_issued_it() {
    let root = super::authority("Lab CA");
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &root.issuer).unwrap();
    let port = serve(vec![certificate.der().clone()], &key).await;
    let error = super::look_up(port, &root).await;
    let expected = Some(Symptom::CertificateNotTrusted);
    assert_eq!(error.symptom, expected, "{error:?}");
    let words = "is an authority's, which is trusted as a server's only if the CA file names it";
    assert!(error.message.contains(words), "{error}");

    let error = look_up(port, &certificate).await;
    assert_eq!(error.symptom, Some(Symptom::VaultUnavailable), "{error:?}");
}

#[tokio::test]
async fn an_authority_that_was_made_anew_under_its_name_is_said_to_be_another() {
    let (trusted, renewed) = (super::authority("Lab CA"), super::authority("Lab CA"));
    let error = super::look_up(super::serve(&renewed, super::GOOD).await, &trusted).await;
    let expected = Some(Symptom::CertificateNotTrusted);
    assert_eq!(error.symptom, expected, "{error:?}");
    let words = "was not signed by the authority of its issuer's name that is trusted here, which \
                 may have been renewed (issuer \"CN=Lab CA\"";
    assert!(error.message.contains(words), "{error}");
}

#[tokio::test]
async fn of_a_chain_the_certificate_that_is_out_of_its_time_is_named() {
    let root = super::authority("Lab CA");
    for (years, expected, says) in [
        (2001..2002, Symptom::CertificateExpired, "has expired"),
        (
            2090..2100,
            Symptom::CertificateNotYetValid,
            "is not valid yet",
        ),
    ] {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Lab Sub CA");
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let middle_key = KeyPair::generate().unwrap();
        let middle = params.signed_by(&middle_key, &root.issuer).unwrap();
        let issuer = Issuer::new(params, middle_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let chain = vec![leaf.der().clone(), middle.der().clone()];
        let error = super::look_up(serve(chain, &key).await, &root).await;
        assert_eq!(error.symptom, Some(expected), "{error:?}");
        let words = format!(
            "the certificate \"CN=Lab Sub CA\" in the chain of localhost {says} \
             (issuer \"CN=Lab CA\", valid "
        );
        assert!(error.message.contains(&words), "{error}");
        assert!(error.message.contains(&years.start.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_without_alternative_names_is_said_to_carry_none() {
    let root = super::authority("Lab CA");
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &root.issuer).unwrap();
    let port = serve(vec![certificate.der().clone()], &key).await;
    let error = super::look_up(port, &root).await;
    let expected = Some(Symptom::CertificateForAnotherHost);
    assert_eq!(error.symptom, expected, "{error:?}");
    let words =
        "(issuer \"CN=Lab CA\", no alternative names, and its CN does not count as one, valid";
    assert!(error.message.contains(words), "{error}");
}
