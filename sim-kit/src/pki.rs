//! Certificates for a run: an authority made on the spot, and server identities that it signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The generator refused.
    #[error("make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// A PEM file could not be used.
    #[error("read {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not fit each other, or TLS refuses them.
    #[error("use the certificate: {0}")]
    Unusable(#[from] rustls::Error),
}

/// A certificate authority that lives as long as the run.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// Makes an authority with a P-256 key, named `<name> (not for production)`.
    ///
    /// # Errors
    /// When the generator fails, which it does only without system randomness.
    pub fn generate(name: &str) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{name} (not for production)"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate, to be trusted by clients.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A server certificate for host names and IP addresses.
    ///
    /// # Errors
    /// When a name is not a valid host name.
    pub fn issue(&self, names: &[&str]) -> Result<ServerIdentity, PkiError> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone())?;
        if let Some(first) = names.first() {
            params.distinguished_name.push(DnType::CommonName, first);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|reason| PkiError::Read {
                path: PathBuf::from("generated key"),
                reason: reason.to_owned(),
            })?;
        ServerIdentity::new(
            vec![certificate.der().clone(), self.certificate.clone()],
            key,
        )
    }
}

/// The name of HTTP/2 in a handshake (RFC 9113).
pub(crate) const HTTP2: &[u8] = b"h2";

/// A certificate chain with its key, ready to serve.
#[derive(Clone)]
pub struct ServerIdentity {
    config: Arc<rustls::ServerConfig>,
}

impl ServerIdentity {
    /// Reads a PEM chain and a PEM key.
    ///
    /// # Errors
    /// When a file cannot be read, holds nothing usable, or the two do not fit each other.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, PkiError> {
        let unreadable = |path: &Path, reason: String| PkiError::Read {
            path: path.to_owned(),
            reason,
        };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(chain, pem_reason(&error)))?;
        if certificates.is_empty() {
            return Err(unreadable(chain, "holds no certificate in PEM form".into()));
        }
        let key_der = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unreadable(key, pem_reason(&error)))?;
        Self::new(certificates, key_der)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, PkiError> {
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// What answers handshakes, and whether it offers HTTP/2.
    pub(crate) fn acceptor(&self, http2: bool) -> tokio_rustls::TlsAcceptor {
        let mut config = Arc::clone(&self.config);
        if http2 {
            Arc::make_mut(&mut config)
                .alpn_protocols
                .insert(0, HTTP2.to_vec());
        }
        tokio_rustls::TlsAcceptor::from(config)
    }
}

/// The reason without the file's content.
fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "holds nothing usable in PEM form".into(),
        _ => "is not valid PEM".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_signs_for_names_and_addresses() {
        let authority = Authority::generate("test").expect("an authority");
        assert!(
            authority
                .ca_pem()
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
        authority
            .issue(&["localhost", "127.0.0.1"])
            .expect("an identity");
    }

    #[test]
    fn a_file_that_is_not_pem_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = ServerIdentity::from_pem_files(file.path(), file.path())
            .err()
            .expect("an error");
        assert!(error.to_string().contains("holds no"), "{error}");
    }
}
