//! From a secret's fields and attachments to the right kind of credential. Templates rename their
//! fields freely, so a field is found by its name, then by its display name, then by what it is
//! (documented soap:§3.10); names of key fields are assumed soap:§3.9.

mod files;

use self::files::{KeyFiles, is_private_key};
use super::wire::{SecretItem, SecretRecord};
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError};
use crate::plugin::{CredentialPackage, CredentialProof};
use crate::secret::Secret;
use crate::wiped::Wiped;

/// A downloaded file and the field that it belongs to.
pub(super) struct Attachment {
    pub(super) field: String,
    pub(super) display_name: String,
    /// What stands after the last dot of the file's name, lower case; empty when unknown.
    pub(super) extension: String,
    pub(super) content: Wiped<Vec<u8>>,
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

    let mut keys = KeyFiles::sort(secret, attachments)?;
    let proof = match (keys.private_key.take(), password) {
        (Some(private_key), password) => CredentialProof::SshKey {
            private_key,
            passphrase: passphrase(secret).or(keys.passphrase),
            certificate: keys.certificate,
            password,
        },
        (None, Some(password)) => CredentialProof::UsernamePassword { password },
        (None, None) => {
            let hidden = || refuse(Symptom::PasswordHidden);
            return Err(keys.unsupported(secret).unwrap_or_else(hidden));
        }
    };
    Ok(CredentialPackage {
        username,
        domain,
        proof,
    })
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
mod tests;
