//! Where a credential ends: the sink that takes the place of an endpoint's login screen.
//!
//! It keeps what a test must be able to ask (who, what kind, was it this secret?) and nothing that
//! could be used. The plaintext is overwritten as soon as it was looked at.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Deserializer, de};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::random;
use crate::state::username_format::UsernameFormat;

/// What a credential is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// User name and password.
    UsernamePassword,
    /// Private key, with whatever belongs to it.
    SshKey,
}

/// A part of a credential that can be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of the plaintext's members"
)]
pub enum Part {
    Username,
    Password,
    PrivateKey,
    Passphrase,
    Certificate,
    /// The user name in the form in which it is typed.
    TypedUsername,
}

/// Why an opened box cannot be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaintextError {
    /// The ECM named a kind that the appliance does not know.
    #[error("the credential is of a kind that cannot be injected")]
    UnknownKind,
    /// The kind outside the box is not the one inside.
    #[error("the sealed credential is of another kind than announced")]
    OtherKind,
    /// The box does not hold what its kind needs.
    #[error("the sealed credential is incomplete or malformed")]
    Malformed,
}

impl CredentialKind {
    /// Reads the link's name of a kind.
    ///
    /// # Errors
    /// When the appliance does not know it.
    pub fn parse(text: &str) -> Result<Self, PlaintextError> {
        match text {
            "username_password" => Ok(Self::UsernamePassword),
            "ssh_key" => Ok(Self::SshKey),
            _ => Err(PlaintextError::UnknownKind),
        }
    }

    /// The link's name of the kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsernamePassword => "username_password",
            Self::SshKey => "ssh_key",
        }
    }

    /// The part that has to be there, and that [`Injection::matches`] asks for.
    #[must_use]
    pub fn main_part(self) -> Part {
        match self {
            Self::UsernamePassword => Part::Password,
            Self::SshKey => Part::PrivateKey,
        }
    }
}

/// The sink of one appliance.
#[derive(Clone)]
pub struct Sink {
    key: Arc<Zeroizing<[u8; 32]>>,
}

/// What is left of a credential that was injected.
#[derive(Clone)]
pub struct Injection {
    /// Which credential.
    pub credential_id: String,
    /// What it was made of.
    pub kind: CredentialKind,
    /// The user name, all but its ends hidden.
    pub masked_username: String,
    /// The domain, which is no secret.
    pub domain: Option<String>,
    fingerprints: Vec<(Part, [u8; 32])>,
    sink: Sink,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            key: Arc::new(random::key_bytes()),
        }
    }
}

impl Sink {
    /// Injects an opened box.
    ///
    /// # Errors
    /// See [`PlaintextError`].
    pub fn inject(
        &self,
        credential_id: &str,
        kind: CredentialKind,
        plaintext: &Zeroizing<Vec<u8>>,
        format: UsernameFormat,
    ) -> Result<Injection, PlaintextError> {
        let credential: Plaintext =
            serde_json::from_slice(plaintext).map_err(|_| PlaintextError::Malformed)?;
        if CredentialKind::parse(&credential.kind) != Ok(kind) {
            return Err(PlaintextError::OtherKind);
        }
        let typed = format.typed(&credential.username.0, credential.domain.as_deref());
        let typed = SecretText(Zeroizing::new(typed));
        let parts = [
            (Part::Username, Some(&credential.username)),
            (Part::Password, credential.password.as_ref()),
            (Part::PrivateKey, credential.private_key.as_ref()),
            (Part::Passphrase, credential.passphrase.as_ref()),
            (Part::Certificate, credential.certificate.as_ref()),
            (Part::TypedUsername, Some(&typed)),
        ];
        let fingerprints: Vec<_> = parts
            .into_iter()
            .filter_map(|(part, text)| Some((part, self.fingerprint(text?.0.as_bytes()))))
            .collect();
        if !fingerprints
            .iter()
            .any(|(part, _)| *part == kind.main_part())
        {
            return Err(PlaintextError::Malformed);
        }
        Ok(Injection {
            credential_id: credential_id.to_owned(),
            kind,
            masked_username: masked(&credential.username.0),
            domain: credential.domain,
            fingerprints,
            sink: self.clone(),
        })
    }

    fn fingerprint(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice())
            .expect("HMAC takes a key of any length");
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl Injection {
    /// Whether the password, or the private key, was exactly these bytes; in constant time.
    #[must_use]
    pub fn matches(&self, secret: &[u8]) -> bool {
        self.matches_part(self.kind.main_part(), secret)
    }

    /// Whether a part was exactly these bytes; false when there was no such part.
    #[must_use]
    pub fn matches_part(&self, part: Part, bytes: &[u8]) -> bool {
        let asked = self.sink.fingerprint(bytes);
        let same = |(held, print): &(Part, [u8; 32])| *held == part && print.ct_eq(&asked).into();
        self.fingerprints.iter().any(same)
    }

    /// The start of the fingerprint of the password or private key, in hexadecimal. It depends on
    /// a key that never leaves the appliance, so it cannot be guessed at from outside.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let main = self.kind.main_part();
        let print = self.fingerprints.iter().find(|(part, _)| *part == main);
        print.map_or_else(String::new, |(_, print)| {
            print[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        })
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink(…)")
    }
}

impl std::fmt::Debug for Injection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Injection")
            .field("credential_id", &self.credential_id)
            .field("kind", &self.kind)
            .field("masked_username", &self.masked_username)
            .finish_non_exhaustive()
    }
}

/// The JSON inside the box. The parser's own scratch buffer is the one copy that is not
/// overwritten.
#[derive(Deserialize)]
struct Plaintext {
    kind: String,
    username: SecretText,
    domain: Option<String>,
    password: Option<SecretText>,
    private_key: Option<SecretText>,
    passphrase: Option<SecretText>,
    certificate: Option<SecretText>,
}

struct SecretText(Zeroizing<String>);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = SecretText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText(Zeroizing::new(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<SecretText, E> {
                Ok(SecretText(Zeroizing::new(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// `administrator` becomes `a•••r`; its length does not show.
fn masked(username: &str) -> String {
    let mut characters = username.chars();
    match (characters.next(), characters.next_back()) {
        (Some(first), Some(last)) if characters.next().is_some() => format!("{first}•••{last}"),
        _ => "•••".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn inject(kind: CredentialKind, json: &str) -> Result<Injection, PlaintextError> {
        let plaintext = Zeroizing::new(json.as_bytes().to_vec());
        Sink::default().inject("7", kind, &plaintext, UsernameFormat::ForceDllnFormat)
    }

    #[test]
    fn a_password_is_recognised_and_not_kept() {
        let json = r#"{"kind":"username_password","username":"svc-web","domain":"ACME","password":"CnRy-&\"é"}"#;
        let injection = inject(CredentialKind::UsernamePassword, json).unwrap();
        assert!(injection.matches("CnRy-&\"é".as_bytes()));
        assert!(!injection.matches(b"CnRy"));
        assert!(injection.matches_part(Part::Username, b"svc-web"));
        assert!(injection.matches_part(Part::TypedUsername, br"ACME\svc-web"));
        assert!(!injection.matches_part(Part::Passphrase, b""));
        assert_eq!(injection.masked_username, "s•••b");
        assert_eq!(injection.fingerprint().len(), 16);
        assert!(!format!("{injection:?}").contains("CnRy"));
    }

    #[test]
    fn a_key_is_recognised_with_what_belongs_to_it() {
        let json = r#"{"kind":"ssh_key","username":"root","domain":null,"private_key":"-----BEGIN\nx",
            "passphrase":"open","certificate":null,"password":null}"#;
        let injection = inject(CredentialKind::SshKey, json).unwrap();
        assert!(injection.matches(b"-----BEGIN\nx"));
        assert!(injection.matches_part(Part::Passphrase, b"open"));
        assert!(!injection.matches_part(Part::Password, b""));
    }

    #[test]
    fn a_box_of_another_kind_or_without_its_main_part_is_refused() {
        let check = |kind, json, expected| {
            assert_eq!(inject(kind, json).map(drop), Err(expected), "{json}");
        };
        let password = CredentialKind::UsernamePassword;
        check(
            password,
            r#"{"kind":"ssh_key","username":"a","private_key":"k"}"#,
            PlaintextError::OtherKind,
        );
        check(
            password,
            r#"{"kind":"username_password","username":"a"}"#,
            PlaintextError::Malformed,
        );
        check(
            password,
            r#"{"username":"a","password":"b"}"#,
            PlaintextError::Malformed,
        );
        check(
            CredentialKind::SshKey,
            r#"{"kind":"ssh_key","username":"a","password":"b"}"#,
            PlaintextError::Malformed,
        );
        check(password, "not json", PlaintextError::Malformed);
        assert_eq!(
            CredentialKind::parse("kerberos_ticket"),
            Err(PlaintextError::UnknownKind)
        );
    }

    #[test]
    fn a_mask_hides_all_but_the_ends() {
        for (username, expected) in [
            ("administrator", "a•••r"),
            ("abc", "a•••c"),
            ("ab", "•••"),
            ("", "•••"),
        ] {
            assert_eq!(masked(username), expected);
        }
    }

    #[test]
    fn two_appliances_give_one_secret_different_fingerprints() {
        let json = r#"{"kind":"username_password","username":"abc","password":"x"}"#;
        let kind = CredentialKind::UsernamePassword;
        let prints = [inject(kind, json).unwrap(), inject(kind, json).unwrap()];
        assert_ne!(prints[0].fingerprint(), prints[1].fingerprint());
    }
}
