//! The appliance's certificate: trusted through the CA file, refused with its names otherwise.

use std::path::PathBuf;
use std::sync::Arc;

use ecm::link::{ConnectError, LinkState};
use ecm::oauth::{TokenError, TokenSource};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::appliance::{Appliance, PATIENCE};
use super::rig::Ecm;

/// A server for `name`, and the file with the authority that issued its certificate.
fn server(name: &str, directory: &TempDir) -> (TlsAcceptor, PathBuf) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "Test Authority");
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

#[tokio::test]
async fn an_authority_of_the_ca_file_is_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let (acceptor, _) = server("localhost", &directory);
    let mut appliance = Appliance::start_tls(acceptor).await;
    let mut ecm = Ecm::start_with(
        &appliance,
        Default::default(),
        "ca_file = \"ca.pem\"",
        directory,
    );
    let _link = appliance.next_link().await;
    let up = ecm
        .state
        .wait_for(|state| matches!(state, LinkState::Up { .. }));
    tokio::time::timeout(PATIENCE, up)
        .await
        .expect("the link to come up")
        .unwrap();
    ecm.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_and_gets_no_request() {
    for (name, trusted, words) in [
        (
            "localhost",
            false,
            ["not issued by an authority trusted here", "Test Authority"],
        ),
        (
            "other.example",
            true,
            ["is for another host", "other.example"],
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (acceptor, ca_file) = server(name, &directory);
        let appliance = Appliance::start_tls(acceptor).await;
        let tls = ecm::tls::client_config(trusted.then_some(ca_file.as_path())).unwrap();
        let url = appliance.url.parse().unwrap();
        let secret = "canary-s3cret".into();
        let tokens = TokenSource::new(&url, "ecm-client".into(), secret, tls, PATIENCE).unwrap();
        let error = tokens.fetch().await.unwrap_err();
        assert!(matches!(error, TokenError::Tls { .. }), "{error}");
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(
            ConnectError::from(error)
                .next_action()
                .contains("appliance.ca_file")
        );
        assert!(appliance.seen().is_empty());
    }
}
