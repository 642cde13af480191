//! TLS towards the vault and the appliance: one provider, certificates always verified, and a
//! refusal that can name the certificate and its issuer.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::error::shortened;
use crate::small_file;

/// Longest CA file that is read; a whole system's bundle is a quarter of a megabyte.
const CA_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file of additional authorities cannot be read.
    #[error(
        "failed to read the CA file {path}: {reason}; it must be a PEM file that the user running \
         the ECM may read", path = path.display()
    )]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the system nor the CA file gave an authority to trust.
    #[error("failed to find a certificate authority to trust: {0}; set a CA file")]
    NoRoots(#[source] rustls::Error),
    /// The provider supports no usable version of TLS.
    #[error("failed to set up TLS")]
    Provider(#[source] rustls::Error),
}

/// A client configuration that trusts the system's authorities and those of `ca_file` (PEM). A
/// certificate of the file is also trusted as a server's own, as long as its name and dates fit.
///
/// # Errors
/// The file cannot be used, or nothing is there to trust.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsSetupError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let extra_roots = ca_file
        .map(read_authorities)
        .transpose()?
        .unwrap_or_default();
    let inner = Verifier::new_with_extra_roots(extra_roots.clone(), Arc::clone(&provider))
        .map_err(TlsSetupError::NoRoots)?;
    let verifier = NamingVerifier {
        inner,
        named: extra_roots,
    };
    client_config_with(provider, Arc::new(verifier)).map_err(TlsSetupError::Provider)
}

fn client_config_with(
    provider: Arc<CryptoProvider>,
    verifier: Arc<NamingVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // "dangerous" is the name of the seam; the verifier behind it adds words to refusals, and
        // lets the operator's file answer who issued a certificate that stands in it.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let failed = |reason: String| TlsSetupError::CaFile {
        path: path.to_owned(),
        reason,
    };
    let pem =
        small_file::read(path, CA_FILE_BYTES_MAX).map_err(|problem| failed(problem.to_string()))?;
    let mut certificates = Vec::new();
    for entry in CertificateDer::pem_slice_iter(&pem) {
        let certificate = entry.map_err(|error| {
            let whole = certificates.len();
            failed(format!("{error}, after {whole} whole certificates"))
        })?;
        // The verifier would say no more than that one of all is broken.
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                let number = certificates.len() + 1;
                failed(format!("its certificate {number} is broken: {error}"))
            })?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(failed("it holds no PEM certificate".into()));
    }
    Ok(certificates)
}

/// What was wrong with a peer's certificate, with the names that an administrator needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateProblem {
    /// The fault found.
    pub fault: CertificateFault,
    /// What a fault without a name of its own consists in; empty for all others.
    pub reason: String,
    /// The name that the ECM expected.
    pub expected_name: String,
    /// Whether the fault is that of a certificate which the server sent beside its own.
    pub is_of_the_chain: bool,
    /// The subject of the certificate at fault.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The names it is valid for.
    pub names: Vec<String>,
    /// From when to when it is valid.
    pub validity: String,
    /// What this machine's clock said, since it may be the clock that is wrong.
    pub checked_at: String,
}

/// The faults of a certificate that have different cures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateFault {
    /// No trusted authority issued it.
    UnknownIssuer,
    /// It is an authority's own, which no other authority makes one of a server.
    AuthorityAsServer,
    /// An authority that is trusted has its issuer's name and not its key.
    IssuerRenewed,
    /// It is for another host.
    WrongName,
    /// Its time is over.
    Expired,
    /// Its time has not come, or the ECM's clock is behind.
    NotYetValid,
    /// Its issuer withdrew it.
    Revoked,
    /// Anything else.
    Other,
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            CertificateFault::UnknownIssuer | CertificateFault::AuthorityAsServer
                if self.subject == self.issuer =>
            {
                "is self-signed and is not one that the CA file names"
            }
            CertificateFault::UnknownIssuer => "was not issued by an authority trusted here",
            CertificateFault::AuthorityAsServer => {
                "is an authority's, which is trusted as a server's only if the CA file names it"
            }
            CertificateFault::IssuerRenewed => {
                "was not signed by the authority of its issuer's name that is trusted here, which \
                 may have been renewed"
            }
            CertificateFault::WrongName => "is for another host",
            CertificateFault::Expired => "has expired",
            CertificateFault::NotYetValid => "is not valid yet",
            CertificateFault::Revoked => "was revoked",
            CertificateFault::Other => {
                &format!("is not acceptable: {reason}", reason = self.reason)
            }
        };
        let place = match self.is_of_the_chain {
            true => "in the chain of",
            false => "of",
        };
        write!(
            out,
            "the certificate \"{}\" {place} {} {what} (issuer \"{}\", ",
            self.subject, self.expected_name, self.issuer,
        )?;
        match &self.names[..] {
            // An authority's certificate has none and needs none.
            [] if self.is_of_the_chain => {}
            [] => out.write_str("no alternative names, and its CN does not count as one, ")?,
            names => write!(out, "names {}, ", names.join(", "))?,
        }
        write!(out, "valid {}", self.validity)?;
        match self.fault {
            CertificateFault::Expired | CertificateFault::NotYetValid => {
                write!(out, "; this machine's clock says {})", self.checked_at)
            }
            _ => out.write_str(")"),
        }
    }
}

impl std::error::Error for CertificateProblem {}

/// The platform's verification, with refusals that carry a [`CertificateProblem`].
#[derive(Debug)]
struct NamingVerifier {
    inner: Verifier,
    /// The certificates of the CA file: a server that shows one of them needs no issuer.
    named: Vec<CertificateDer<'static>>,
}

impl NamingVerifier {
    /// What the operator's file makes of `fault`. It answers only who issued a certificate; name,
    /// dates and purpose are checked here, since the refusal may have come before they were.
    fn unless_named(
        &self,
        fault: CertificateError,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_about_the_issuer = match &fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => true,
            other => is_authority_as_server(other, end_entity),
        };
        if !is_about_the_issuer || !self.named.iter().any(|named| named == end_entity) {
            return Err(fault.into());
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        let (_, certificate) =
            X509Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let validity = certificate.validity();
        let now_s = i64::try_from(now.as_secs()).map_err(|_| CertificateError::Expired)?;
        if now_s < validity.not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now_s > validity.not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        let purposes = certificate
            .extended_key_usage()
            .map_err(|_| CertificateError::BadEncoding)?;
        if purposes.is_some_and(|purposes| !purposes.value.server_auth) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        Ok(ServerCertVerified::assertion())
    }
}

/// Whether `fault` is that the certificate is an authority's, as that of `openssl req -x509` is,
/// which has no name of its own in [`CertificateError`]. It is found before any issuer is looked
/// for, and after the dates.
fn is_authority_as_server(fault: &CertificateError, end_entity: &CertificateDer<'_>) -> bool {
    matches!(fault, CertificateError::Other(_))
        && X509Certificate::from_der(end_entity).is_ok_and(|(_, certificate)| certificate.is_ca())
}

impl ServerCertVerifier for NamingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .or_else(|error| match error {
                rustls::Error::InvalidCertificate(fault) => {
                    self.unless_named(fault, end_entity, server_name, now)
                }
                other => Err(other),
            })
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(fault) => {
                    let problem = describe(end_entity, intermediates, server_name, &fault, now);
                    rustls::Error::Other(OtherError(Arc::new(problem)))
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn describe(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    server_name: &ServerName<'_>,
    error: &CertificateError,
    now: UnixTime,
) -> CertificateProblem {
    let fault = match error {
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
        CertificateError::BadSignature => CertificateFault::IssuerRenewed,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::WrongName
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateFault::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid
        }
        CertificateError::Revoked => CertificateFault::Revoked,
        other if is_authority_as_server(other, end_entity) => CertificateFault::AuthorityAsServer,
        _ => CertificateFault::Other,
    };
    let mut problem = CertificateProblem {
        fault,
        reason: String::new(),
        is_of_the_chain: false,
        expected_name: server_name.to_str().into_owned(),
        subject: "unreadable".into(),
        issuer: "unreadable".into(),
        names: Vec::new(),
        validity: "unreadable".into(),
        checked_at: i64::try_from(now.as_secs())
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map_or_else(|| "an impossible time".into(), |time| time.to_string()),
    };
    let out_of_time = out_of_time(end_entity, intermediates, fault, now);
    problem.is_of_the_chain = out_of_time.is_some();
    let parsed = X509Certificate::from_der(out_of_time.unwrap_or(end_entity)).ok();
    let certificate = parsed.as_ref().map(|(_, certificate)| certificate);
    if fault == CertificateFault::Other {
        problem.reason = reason(error, certificate);
    }
    if let Some(certificate) = certificate {
        problem.subject = certificate.subject().to_string();
        problem.issuer = certificate.issuer().to_string();
        problem.names = alternative_names(certificate);
        let validity = certificate.validity();
        problem.validity = format!("{} to {}", validity.not_before, validity.not_after);
    }
    problem
}

/// The certificate beside the server's own that is out of its time, where `fault` is that one is and
/// the server's own is not.
fn out_of_time<'a>(
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    fault: CertificateFault,
    now: UnixTime,
) -> Option<&'a CertificateDer<'a>> {
    let now_s = i64::try_from(now.as_secs()).ok()?;
    let is_at_fault = |certificate: &&CertificateDer<'_>| {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let validity = certificate.validity();
        match fault {
            CertificateFault::Expired => now_s > validity.not_after.timestamp(),
            CertificateFault::NotYetValid => now_s < validity.not_before.timestamp(),
            _ => false,
        }
    };
    match is_at_fault(&end_entity) {
        true => None,
        false => intermediates.iter().find(is_at_fault),
    }
}

/// In what way a certificate is not acceptable. The verification of some platforms does not say that
/// it is about the purpose, so the certificate is asked.
fn reason(error: &CertificateError, certificate: Option<&X509Certificate<'_>>) -> String {
    let purposes = certificate
        .and_then(|certificate| certificate.extended_key_usage().ok().flatten())
        .map(|extension| extension.value);
    if purposes.is_some_and(|purposes| !purposes.server_auth) {
        return "it is not valid for server authentication".into();
    }
    #[allow(deprecated)] // The older form is still what some verification gives.
    let words = match error {
        CertificateError::BadEncoding => "it is malformed",
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is not known here"
        }
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not supported"
        }
        CertificateError::Other(other) => &other.0.to_string(),
        other => &other.to_string(),
    };
    shortened(words, REASON_CHARS_MAX)
}

/// Longest reason that an error repeats: the words are a library's, but may quote the certificate.
const REASON_CHARS_MAX: usize = 200;

/// Most names of a certificate that an error repeats, and the longest of them: the longest name
/// that DNS knows.
const NAMES_MAX: usize = 8;
const NAME_CHARS_MAX: usize = 253;

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .take(NAMES_MAX)
        .map(readable_name)
        .collect()
}

/// A name as one would type it: the library's own form tells the kind, and an address in bytes.
fn readable_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
            shortened(name, NAME_CHARS_MAX)
        }
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Ipv4Addr::new(a, b, c, d).to_string(),
            ref longer => match <[u8; 16]>::try_from(longer) {
                Ok(bytes) => Ipv6Addr::from(bytes).to_string(),
                Err(_) => "an address of a wrong length".into(),
            },
        },
        other => shortened(&other.to_string(), NAME_CHARS_MAX),
    }
}
