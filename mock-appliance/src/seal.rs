//! Opening sealed credentials: the receiving end of HPKE (RFC 9180, `ECM-LINK.md` §3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, Serializable as _, single_shot_open};
use zeroize::Zeroizing;

use crate::wire::Sealed;

const INFO: &[u8] = b"sim-ecm.v1 credential";

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The key pair of one session. The private half is overwritten when it goes.
pub(crate) struct SessionKey {
    private: PrivateKey,
    public_base64: String,
}

/// What a sealed credential is bound to: a box made for another request does not open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundTo<'a> {
    /// Name of the connection.
    pub(crate) connection_id: &'a str,
    /// Id of the request.
    pub(crate) request_id: &'a str,
    /// Name of the session.
    pub(crate) session_id: &'a str,
    /// The credential.
    pub(crate) credential_id: &'a str,
}

/// Why a box did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// One of the two parts is not base64, or not of the right length.
    #[error("the sealed credential is malformed")]
    Malformed,
    /// Sealed to another key, bound to another request, or changed on the way.
    #[error("the sealed credential does not open: it was made for another request or changed")]
    DoesNotOpen,
}

impl SessionKey {
    /// The key pair that follows from this key material.
    #[must_use]
    pub(crate) fn derive(material: &[u8; 32]) -> Self {
        let (private, public) = X25519HkdfSha256::derive_keypair(material);
        Self {
            private,
            public_base64: STANDARD.encode(public.to_bytes()),
        }
    }

    /// The public half, in base64.
    #[must_use]
    pub(crate) fn public(&self) -> &str {
        &self.public_base64
    }

    /// Opens a box.
    ///
    /// # Errors
    /// See [`SealError`].
    pub(crate) fn open(
        &self,
        sealed: &Sealed,
        bound_to: BoundTo<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| SealError::Malformed);
        open(
            &self.private,
            &decode(&sealed.enc)?,
            INFO,
            &decode(&sealed.ciphertext)?,
            &{ bound_to.aad() },
        )
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey")
            .field("public", &self.public_base64)
            .finish_non_exhaustive()
    }
}

impl BoundTo<'_> {
    /// The associated data: each part preceded by its length in bytes, so that no two different
    /// quadruples read alike.
    #[must_use]
    pub(crate) fn aad(&self) -> Vec<u8> {
        let parts = [
            self.connection_id,
            self.request_id,
            self.session_id,
            self.credential_id,
        ];
        let mut aad = Vec::new();
        for part in parts {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            aad.extend_from_slice(&length.to_be_bytes());
            aad.extend_from_slice(part.as_bytes());
        }
        aad
    }
}

fn open(
    private: &PrivateKey,
    enc: &[u8],
    info: &[u8],
    ciphertext: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let enc = EncappedKey::from_bytes(enc).map_err(|_| SealError::Malformed)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        private,
        &enc,
        info,
        ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| SealError::DoesNotOpen)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_published_vector_opens() {
        // RFC 9180, A.2.1.1, sequence number 0.
        let private = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb";
        let enc = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
        let box_ = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db\
                    21993c62ce81883d2dd1b51a28";
        let opened = open(
            &PrivateKey::from_bytes(&hex(private)).unwrap(),
            &hex(enc),
            b"Ode on a Grecian Urn",
            &hex(box_),
            b"Count-0",
        );
        assert_eq!(opened.unwrap().as_slice(), b"Beauty is truth, truth beauty");
    }

    #[test]
    fn the_key_pair_of_the_published_vector_follows_from_its_key_material() {
        // RFC 9180, A.2.1: ikmR and pkRm.
        let material = hex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df");
        let key = SessionKey::derive(&material.try_into().unwrap());
        let public = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        assert_eq!(key.public(), STANDARD.encode(public));
    }

    #[test]
    fn the_associated_data_is_length_and_text_of_four_parts() {
        let bound_to = BoundTo {
            connection_id: "c-1",
            request_id: "r-22",
            session_id: "s-é",
            credential_id: "",
        };
        assert_eq!(
            bound_to.aad(),
            b"\0\0\0\x03c-1\0\0\0\x04r-22\0\0\0\x04s-\xc3\xa9\0\0\0\0"
        );
    }

    #[test]
    fn what_is_no_box_is_refused() {
        let key = SessionKey::derive(&[7; 32]);
        let bound_to = BoundTo {
            connection_id: "",
            request_id: "",
            session_id: "",
            credential_id: "",
        };
        let check = |enc: &str, ciphertext: &str, expected| {
            let sealed = Sealed {
                enc: enc.into(),
                ciphertext: ciphertext.into(),
            };
            assert_eq!(key.open(&sealed, bound_to).map(drop), Err(expected));
        };
        let enc = STANDARD.encode([9; 32]);
        check("%", "", SealError::Malformed);
        check(&enc, "%", SealError::Malformed);
        check(&STANDARD.encode([9; 31]), "", SealError::Malformed);
        check(&enc, "", SealError::DoesNotOpen);
        check(&enc, &STANDARD.encode([9; 64]), SealError::DoesNotOpen);
        check(
            &STANDARD.encode([0; 32]),
            &STANDARD.encode([9; 64]),
            SealError::DoesNotOpen,
        );
    }

    proptest::proptest! {
        #[test]
        fn different_requests_never_share_associated_data(
            a in proptest::array::uniform4("[a-c]{0,3}"),
            b in proptest::array::uniform4("[a-c]{0,3}"),
        ) {
            fn aad(parts: &[String; 4]) -> Vec<u8> {
                let [connection_id, request_id, session_id, credential_id] = parts;
                BoundTo { connection_id, request_id, session_id, credential_id }.aad()
            }
            proptest::prop_assert_eq!(aad(&a) == aad(&b), a == b);
        }
    }
}
