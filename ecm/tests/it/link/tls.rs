//! The appliance's certificate: trusted through the CA file, refused with its names otherwise.

use std::path::PathBuf;
use std::sync::Arc;

use ecm::link::LinkState;
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
