//! From a secret's fields and attachments to the right kind of credential. Templates rename their
//! fields freely, so a field is found by its name, then by its display name, then by what it is
//! (documented soap:§3.10); names of key fields are assumed soap:§3.9.

use zeroize::Zeroizing;

use super::wire::{SecretItem, SecretRecord};
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError};
use crate::plugin::{CredentialPackage, CredentialProof};
use crate::secret::Secret;

/// A downloaded file and the field that it belongs to.
pub(super) struct Attachment {
    pub(super) field: String,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// Makes a credential of a secret.
pub(super) fn package(
    secret: &SecretRecord,
    attachments: &[Attachment],
    domain_field: &str,
) -> Result<CredentialPackage, PluginError> {
    let refuse = |symptom: Symptom| symptom.at(Hop::Vault("GetSecret"), &secret.name);
    let username = ["Username", "User Name", "User", "Login"]
        .iter()
        .find_map(|name| field(secret, name))
        .map(|value| value.expose().trim().to_owned())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| refuse(Symptom::SecretIncomplete))?;
    let domain = field(secret, domain_field)
        .map(|value| value.expose().trim().to_owned())
        .filter(|domain| !domain.is_empty());
    let password = password(secret);

    let keys = KeyFiles::sort(secret, attachments)?;
    let proof = match (keys.private_key, password) {
        (Some(private_key), password) => CredentialProof::SshKey {
            private_key,
            passphrase: passphrase(secret),
            certificate: keys.certificate,
            password,
        },
        (None, Some(password)) => CredentialProof::UsernamePassword { password },
        (None, None) => return Err(refuse(Symptom::PasswordHidden)),
    };
    Ok(CredentialPackage {
        username,
        domain,
        proof,
    })
}

#[derive(Default)]
struct KeyFiles {
    private_key: Option<Secret>,
    certificate: Option<Secret>,
}

impl KeyFiles {
    /// Tells keys from certificates by their content, and by their field where content says
    /// nothing. What is neither is left alone: a secret may carry any file.
    fn sort(secret: &SecretRecord, attachments: &[Attachment]) -> Result<Self, PluginError> {
        let mut found = Self::default();
        for attachment in attachments {
            let by_name = named_like(&attachment.field, "private key")
                && !named_like(&attachment.field, "passphrase");
            let Ok(text) = std::str::from_utf8(&attachment.content) else {
                if by_name {
                    return Err(Symptom::AttachmentUnreadable.at(
                        Hop::Vault("DownloadFileAttachmentByItemId"),
                        &attachment.field,
                    ));
                }
                continue;
            };
            if is_private_key(text) || by_name && !is_public(text) {
                found.private_key.get_or_insert_with(|| Secret::from(text));
            } else if is_public(text) {
                found.certificate.get_or_insert_with(|| Secret::from(text));
            }
        }
        if found.private_key.is_none() {
            // Some templates keep the key in a text or notes field.
            let items = secret.items.iter().filter(|item| !item.is_file);
            found.private_key = items
                .map(|item| &item.value)
                .find(|value| is_private_key(value.expose()))
                .cloned();
        }
        Ok(found)
    }
}

/// PEM and OpenSSH keys, and PuTTY's own form.
fn is_private_key(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("PuTTY-User-Key-File-")
        || text.starts_with("-----BEGIN ")
            && text
                .lines()
                .next()
                .is_some_and(|line| line.contains("PRIVATE KEY-----"))
}

/// OpenSSH public keys and certificates, and X.509 certificates.
fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    [
        "ssh-",
        "ecdsa-sha2-",
        "sk-ssh-",
        "sk-ecdsa-",
        "-----BEGIN CERTIFICATE-----",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

/// The value of the field of that name, then of that display name, whatever the letter case.
fn field<'a>(secret: &'a SecretRecord, name: &str) -> Option<&'a Secret> {
    let find = |label: fn(&SecretItem) -> &str| {
        secret
            .items
            .iter()
            .find(|item| !item.is_file && label(item).eq_ignore_ascii_case(name))
    };
    let item = find(|item| &item.field_name).or_else(|| find(|item| &item.display_name));
    item.map(|item| &item.value)
}

/// The password by its name, else the first field of that kind which is no passphrase.
fn password(secret: &SecretRecord) -> Option<Secret> {
    let of_kind = || {
        let fits = |item: &&SecretItem| {
            item.is_password && !item.is_file && !named_like(&item.field_name, "passphrase")
        };
        secret.items.iter().find(fits).map(|item| &item.value)
    };
    let found = field(secret, "Password").or_else(of_kind)?;
    let is_key = is_private_key(found.expose());
    (!found.is_empty() && !is_key).then(|| found.clone())
}

fn passphrase(secret: &SecretRecord) -> Option<Secret> {
    let fits = |item: &&SecretItem| {
        named_like(&item.field_name, "passphrase") || named_like(&item.display_name, "passphrase")
    };
    let found = secret
        .items
        .iter()
        .filter(|item| !item.is_file)
        .find(fits)?;
    (!found.value.is_empty()).then(|| found.value.clone())
}

/// Whether a field's name contains `part`, whatever the case and the separators.
fn named_like(name: &str, part: &str) -> bool {
    let plain: String = name.to_lowercase().replace(['-', '_'], " ");
    plain.contains(part) || plain.replace(' ', "").contains(&part.replace(' ', ""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n";

    fn item(name: &str, value: &str, is_password: bool) -> SecretItem {
        SecretItem {
            id: 1,
            field_name: name.into(),
            display_name: String::new(),
            is_file: false,
            is_password,
            value: value.into(),
        }
    }

    fn secret(items: Vec<SecretItem>) -> SecretRecord {
        SecretRecord {
            id: 7,
            name: "srv01\\admin".into(),
            items,
        }
    }

    fn file(field: &str, content: &[u8]) -> Attachment {
        Attachment {
            field: field.into(),
            content: Zeroizing::new(content.to_vec()),
        }
    }

    fn refused(secret: &SecretRecord, files: &[Attachment]) -> Option<Symptom> {
        package(secret, files, "Domain")
            .err()
            .and_then(|error| error.symptom)
    }

    #[test]
    fn a_password_secret_becomes_a_user_name_and_password() {
        let secret = secret(vec![
            item("domain", "ACME", false),
            item("USERNAME", " admin ", false),
            item("Pin", "pw", true),
        ]);
        let package = package(&secret, &[], "Domain").unwrap();
        assert_eq!(
            (package.username.as_str(), package.domain.as_deref()),
            ("admin", Some("ACME"))
        );
        assert_eq!(
            package.proof,
            CredentialProof::UsernamePassword {
                password: "pw".into()
            }
        );
    }

    #[test]
    fn a_key_secret_becomes_an_ssh_key_with_all_that_goes_with_it() {
        let secret = secret(vec![
            item("Username", "root", false),
            item("Private Key Passphrase", "open", true),
            item("Password", "", true),
        ]);
        let files = [
            file("Public Key", b"ssh-ed25519 AAAA root"),
            file("Private-Key", KEY.as_bytes()),
        ];
        let CredentialProof::SshKey {
            private_key,
            passphrase,
            certificate,
            password,
        } = package(&secret, &files, "Domain").unwrap().proof
        else {
            panic!("not a key")
        };
        assert_eq!(private_key.expose(), KEY);
        assert_eq!(passphrase, Some("open".into()));
        assert_eq!(certificate, Some("ssh-ed25519 AAAA root".into()));
        assert_eq!(password, None);
    }

    #[test]
    fn a_key_in_a_text_field_is_a_key() {
        let secret = secret(vec![
            item("Username", "root", false),
            item("Notes", KEY, false),
        ]);
        let proof = package(&secret, &[], "Domain").unwrap().proof;
        assert_eq!(proof.kind_name(), "ssh_key");
    }

    #[test]
    fn other_files_do_not_disturb() {
        let secret = secret(vec![
            item("Username", "u", false),
            item("Password", "p", true),
        ]);
        let files = [file("Logo", b"\x89PNG\xff"), file("Readme", b"hello")];
        assert_eq!(
            package(&secret, &files, "Domain")
                .unwrap()
                .proof
                .kind_name(),
            "username_password"
        );
    }

    #[test]
    fn what_cannot_be_injected_is_refused_by_name() {
        let no_user = secret(vec![item("Password", "p", true)]);
        assert_eq!(refused(&no_user, &[]), Some(Symptom::SecretIncomplete));
        let hidden = secret(vec![
            item("Username", "u", false),
            item("Password", "", true),
        ]);
        assert_eq!(refused(&hidden, &[]), Some(Symptom::PasswordHidden));
        let binary = [file("Private Key", b"\xff\xfe")];
        assert_eq!(
            refused(&hidden, &binary),
            Some(Symptom::AttachmentUnreadable)
        );
    }
}
