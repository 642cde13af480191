//! Seals a credential so that only the session that asked for it can open it.
//!
//! HPKE (RFC 9180) in base mode, as the ECM link prescribes (assumed; own protocol): the
//! appliance's session key receives, and the associated data binds the box to one connection,
//! request, session and credential. The plaintext exists in one buffer, which the encryption
//! overwrites in place.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

use crate::entropy;
use crate::plugin::{CredentialPackage, CredentialProof};
use crate::secret::Secret;

/// The `info` of every box.
const INFO: &[u8] = b"sim-ecm.v1 credential";

/// A character of a secret takes at most this many bytes of JSON (`\u001f`).
const JSON_BYTES_PER_BYTE: usize = 6;

/// Room for the member names and punctuation of the longest plaintext.
const JSON_FRAME_BYTES: usize = 256;

/// What a sealed credential is bound to; opening it with anything else fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The connection's id from `welcome`.
    pub connection_id: &'a str,
    /// The id of the request being answered.
    pub request_id: &'a str,
    /// The session that will use the credential.
    pub session_id: &'a str,
    /// The credential that was asked for.
    pub credential_id: &'a str,
}

/// A sealed credential, in the text form of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCredential {
    /// The kind, which the plaintext repeats.
    pub kind: &'static str,
    /// The encapsulated key, 32 bytes in base64.
    pub enc: String,
    /// The box with its tag, in base64.
    pub ciphertext: String,
}

/// Why a credential was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The appliance's key is not 32 bytes in base64, or not a usable X25519 key.
    #[error("the recipient key of the appliance is not a usable X25519 public key")]
    RecipientKey,
    /// The system gave no randomness.
    #[error("the system has no randomness to seal with")]
    NoRandomness,
    /// The cipher refused.
    #[error("the credential could not be encrypted")]
    Cipher,
}

/// Seals `package` for the holder of `recipient_key` (32 bytes in base64).
///
/// # Errors
/// An unusable key, no randomness, or a refusal of the cipher. Nothing of the credential is in
/// the error.
pub fn seal(
    package: &CredentialPackage,
    recipient_key: &str,
    binding: &Binding<'_>,
) -> Result<SealedCredential, SealError> {
    let key = BASE64
        .decode(recipient_key)
        .map_err(|_| SealError::RecipientKey)?;
    let mut seed = Zeroizing::new([0_u8; SEED_BYTES]);
    entropy::fill(seed.as_mut_slice()).map_err(|_| SealError::NoRandomness)?;
    let plaintext = plaintext(package).map_err(|_| SealError::Cipher)?;
    let (enc, ciphertext) = encrypt(seed, &key, INFO, &binding.associated_data(), plaintext)?;
    Ok(SealedCredential {
        kind: package.proof.kind_name(),
        enc: BASE64.encode(enc),
        ciphertext: BASE64.encode(ciphertext),
    })
}

impl Binding<'_> {
    /// The four ids, each preceded by its length in bytes as a big-endian 32-bit number.
    fn associated_data(&self) -> Vec<u8> {
        let ids = [
            self.connection_id,
            self.request_id,
            self.session_id,
            self.credential_id,
        ];
        let mut data = Vec::new();
        for id in ids {
            // Frames are at most 1 MiB, so the length of an id fits; saturating keeps it total.
            let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(id.as_bytes());
        }
        data
    }
}

/// Encrypts in place; the encapsulated key, and the ciphertext with its tag.
fn encrypt(
    seed: Zeroizing<[u8; SEED_BYTES]>,
    recipient_key: &[u8],
    info: &[u8],
    associated_data: &[u8],
    mut plaintext: Zeroizing<Vec<u8>>,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(recipient_key)
        .map_err(|_| SealError::RecipientKey)?;
    let sealed = hpke::single_shot_seal_inout_detached_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(
        &OpModeS::Base,
        &key,
        info,
        InOutBuf::from(plaintext.as_mut_slice()),
        associated_data,
        &mut OneSeed(Some(seed)),
    );
    let (enc, tag) = sealed.map_err(|error| match error {
        hpke::HpkeError::EncapError => SealError::RecipientKey,
        _ => SealError::Cipher,
    })?;
    // From here on the buffer holds ciphertext.
    let mut ciphertext = std::mem::take(&mut *plaintext);
    ciphertext.extend_from_slice(&tag.to_bytes());
    Ok((enc.to_bytes().to_vec(), ciphertext))
}

/// The JSON of the link's §3 in one buffer that never grows, so that no copy is left behind.
fn plaintext(package: &CredentialPackage) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let CredentialPackage {
        username,
        domain,
        proof,
    } = package;
    let (username, domain) = (username.as_str(), domain.as_deref());
    let kind = proof.kind_name();
    let text = match proof {
        CredentialProof::UsernamePassword { password } => Plaintext::UsernamePassword {
            kind,
            username,
            domain,
            password: password.expose(),
        },
        CredentialProof::SshKey {
            private_key,
            passphrase,
            certificate,
            password,
        } => Plaintext::SshKey {
            kind,
            username,
            domain,
            private_key: private_key.expose(),
            passphrase: passphrase.as_ref().map(Secret::expose),
            certificate: certificate.as_ref().map(Secret::expose),
            password: password.as_ref().map(Secret::expose),
        },
    };
    let bytes_max = text.payload_bytes() * JSON_BYTES_PER_BYTE + JSON_FRAME_BYTES;
    let mut buffer = Zeroizing::new(Vec::with_capacity(bytes_max));
    serde_json::to_writer(&mut *buffer, &text)?;
    Ok(buffer)
}

#[derive(Serialize)]
#[serde(untagged)]
enum Plaintext<'p> {
    UsernamePassword {
        kind: &'static str,
        username: &'p str,
        domain: Option<&'p str>,
        password: &'p str,
    },
    SshKey {
        kind: &'static str,
        username: &'p str,
        domain: Option<&'p str>,
        private_key: &'p str,
        passphrase: Option<&'p str>,
        certificate: Option<&'p str>,
        password: Option<&'p str>,
    },
}

impl Plaintext<'_> {
    fn payload_bytes(&self) -> usize {
        let length = |part: &Option<&str>| part.map_or(0, str::len);
        match self {
            Self::UsernamePassword {
                username,
                domain,
                password,
                ..
            } => username.len() + length(domain) + password.len(),
            Self::SshKey {
                username,
                domain,
                private_key,
                passphrase,
                certificate,
                password,
                ..
            } => {
                let optional = [domain, passphrase, certificate, password];
                username.len() + private_key.len() + optional.into_iter().map(length).sum::<usize>()
            }
        }
    }
}

/// What one ephemeral key pair takes.
const SEED_BYTES: usize = 32;

/// Hands out one seed that was drawn beforehand, where a failure of the system can still be an
/// error: the library's own source would panic.
struct OneSeed(Option<Zeroizing<[u8; SEED_BYTES]>>);

impl TryRng for OneSeed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let mut seed = self.0.take().expect("an encapsulation draws once");
        out.copy_from_slice(&seed[..out.len()]);
        seed.zeroize();
        Ok(())
    }
}

impl TryCryptoRng for OneSeed {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hpke::OpModeR;
    use proptest::prelude::*;

    use super::*;

    const BINDING: Binding<'static> = Binding {
        connection_id: "c-1",
        request_id: "r-7",
        session_id: "s-1",
        credential_id: "secret:7",
    };

    type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

    fn key_pair() -> (PrivateKey, String) {
        let (private, public) =
            X25519HkdfSha256::derive_keypair(b"the key pair of one session!!!!!");
        (private, BASE64.encode(public.to_bytes()))
    }

    fn open(
        private: &PrivateKey,
        enc: &[u8],
        info: &[u8],
        associated_data: &[u8],
        ciphertext: &[u8],
    ) -> Option<Vec<u8>> {
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).ok()?;
        let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            private,
            &enc,
            info,
        )
        .ok()?;
        context.open(ciphertext, associated_data).ok()
    }

    fn open_sealed(
        private: &PrivateKey,
        sealed: &SealedCredential,
        binding: &Binding<'_>,
    ) -> Option<String> {
        let enc = BASE64.decode(&sealed.enc).unwrap();
        let ciphertext = BASE64.decode(&sealed.ciphertext).unwrap();
        let opened = open(private, &enc, INFO, &binding.associated_data(), &ciphertext)?;
        Some(String::from_utf8(opened).unwrap())
    }

    fn password(word: &str) -> CredentialPackage {
        CredentialPackage {
            username: "administrator".into(),
            domain: None,
            proof: CredentialProof::UsernamePassword {
                password: word.into(),
            },
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    /// RFC 9180, appendix A.2.1 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base
    /// mode), first encryption.
    #[test]
    fn the_published_vector_is_sealed_to_the_byte_and_opened() {
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let seed = bytes("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let recipient = bytes("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        let private = bytes("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
        let associated_data = bytes("436f756e742d30");
        let text = bytes("4265617574792069732074727574682c20747275746820626561757479");
        let (enc, ciphertext) = encrypt(
            Zeroizing::new(seed.try_into().unwrap()),
            &recipient,
            &info,
            &associated_data,
            Zeroizing::new(text.clone()),
        )
        .unwrap();
        assert_eq!(
            enc,
            bytes("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
        );
        assert_eq!(
            ciphertext,
            bytes(
                "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db\
                 21993c62ce81883d2dd1b51a28"
            )
        );
        let private = PrivateKey::from_bytes(&private).unwrap();
        assert_eq!(
            open(&private, &enc, &info, &associated_data, &ciphertext),
            Some(text)
        );
    }

    #[test]
    fn the_plaintext_is_the_json_of_the_protocol() {
        let (private, public) = key_pair();
        let opened = |package: &CredentialPackage| {
            open_sealed(
                &private,
                &seal(package, &public, &BINDING).unwrap(),
                &BINDING,
            )
            .unwrap()
        };
        assert_eq!(
            opened(&password("p\"&ä\n")),
            r#"{"kind":"username_password","username":"administrator","domain":null,"password":"p\"&ä\n"}"#
        );
        let key = CredentialPackage {
            username: "root".into(),
            domain: Some("ACME".into()),
            proof: CredentialProof::SshKey {
                private_key: "PEM".into(),
                passphrase: Some("word".into()),
                certificate: None,
                password: None,
            },
        };
        assert_eq!(
            opened(&key),
            r#"{"kind":"ssh_key","username":"root","domain":"ACME","private_key":"PEM","passphrase":"word","certificate":null,"password":null}"#
        );
    }

    #[test]
    fn a_box_opens_only_with_the_four_ids_it_was_bound_to() {
        let (private, public) = key_pair();
        let sealed = seal(&password("canary"), &public, &BINDING).unwrap();
        assert!(open_sealed(&private, &sealed, &BINDING).is_some());
        for other in [
            Binding {
                connection_id: "c-2",
                ..BINDING
            },
            Binding {
                request_id: "r-8",
                ..BINDING
            },
            Binding {
                session_id: "s-2",
                ..BINDING
            },
            Binding {
                credential_id: "secret:8",
                ..BINDING
            },
            // The same letters, cut elsewhere.
            Binding {
                connection_id: "c-1r",
                request_id: "-7",
                ..BINDING
            },
        ] {
            assert_eq!(open_sealed(&private, &sealed, &other), None, "{other:?}");
        }
    }

    #[test]
    fn no_two_boxes_are_alike_and_none_shows_the_secret() {
        let (_, public) = key_pair();
        let one = seal(&password("canary"), &public, &BINDING).unwrap();
        let two = seal(&password("canary"), &public, &BINDING).unwrap();
        assert_ne!(one.enc, two.enc);
        assert_ne!(one.ciphertext, two.ciphertext);
        assert!(
            !String::from_utf8_lossy(&BASE64.decode(&one.ciphertext).unwrap()).contains("canary")
        );
    }

    #[test]
    fn an_unusable_key_is_refused() {
        let zero = BASE64.encode([0_u8; 32]);
        let short = BASE64.encode([7_u8; 31]);
        for key in ["", "%%%", zero.as_str(), short.as_str()] {
            let error = seal(&password("canary"), key, &BINDING).unwrap_err();
            assert_eq!(error, SealError::RecipientKey, "{key}");
        }
    }

    proptest! {
        #[test]
        fn the_buffer_of_the_plaintext_never_grows(username in ".*", domain in proptest::option::of(".*"), word in ".*") {
            let proof = CredentialProof::SshKey {
                private_key: word.as_str().into(),
                passphrase: Some(word.as_str().into()),
                certificate: None,
                password: Some(word.as_str().into()),
            };
            let payload = username.len() + domain.as_ref().map_or(0, String::len) + 3 * word.len();
            let package = CredentialPackage { username, domain, proof };
            let buffer = plaintext(&package).unwrap();
            prop_assert_eq!(buffer.capacity(), payload * JSON_BYTES_PER_BYTE + JSON_FRAME_BYTES);
        }
    }
}
