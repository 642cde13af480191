//! Tells keys, certificates and passphrases among a secret's attachments by their content, and by
//! their field where content says nothing. What is none of them is left alone: a secret may carry
//! any file. Field names of key templates are assumed soap:§3.9.

use super::{Attachment, named_like};
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError};
use crate::secret::Secret;
use crate::secret_server::wire::SecretRecord;

const DOWNLOAD: Hop = Hop::Vault("DownloadFileAttachmentByItemId");

/// What was found in the attachments of one secret.
#[derive(Default)]
pub(super) struct KeyFiles {
    pub(super) private_key: Option<Secret>,
    /// The certificate that goes with the key, or else its public key.
    pub(super) certificate: Option<Secret>,
    pub(super) passphrase: Option<Secret>,
    /// What nothing could be made of, as `field (kind)`.
    unusable: Vec<String>,
    /// Whether one of them is a key or certificate all the same.
    has_foreign_key: bool,
}

/// A part of a credential with how sure it is that it is one: the lowest rank wins, and among
/// equals the first.
type Ranked = (u8, Secret);

#[derive(Default)]
struct Candidates {
    private_keys: Vec<Ranked>,
    certificates: Vec<Ranked>,
}

impl KeyFiles {
    pub(super) fn sort(
        secret: &SecretRecord,
        attachments: &[Attachment],
    ) -> Result<Self, PluginError> {
        let mut found = Self::default();
        let mut candidates = Candidates::default();
        for attachment in attachments {
            found.take(attachment, &mut candidates)?;
        }
        // Some templates keep the key, and what goes with it, in a text or notes field.
        for item in secret.items.iter().filter(|item| !item.is_file) {
            candidates.blocks_of(item.value.expose(), IN_A_TEXT_FIELD);
        }
        found.private_key = best(candidates.private_keys);
        found.certificate = best(candidates.certificates);
        Ok(found)
    }

    fn take(
        &mut self,
        attachment: &Attachment,
        candidates: &mut Candidates,
    ) -> Result<(), PluginError> {
        let named = |part| {
            named_like(&attachment.field, part) || named_like(&attachment.display_name, part)
        };
        let is_passphrase = named("passphrase");
        let is_private = named("private key") && !is_passphrase;
        let foreign = foreign_kind(attachment);
        let Ok(text) = std::str::from_utf8(&attachment.content) else {
            if foreign.is_none() && (is_private || is_passphrase) {
                return Err(Symptom::AttachmentUnreadable.at(DOWNLOAD, &attachment.field));
            }
            self.set_aside(attachment, foreign);
            return Ok(());
        };
        let text = text.trim_start_matches('\u{feff}');
        if is_passphrase {
            let passphrase = text.trim_end_matches(['\r', '\n']);
            if !passphrase.is_empty() {
                self.passphrase
                    .get_or_insert_with(|| Secret::from(passphrase));
            }
            return Ok(());
        }
        if candidates.blocks_of(text, if is_private { NAMED } else { BY_CONTENT }) {
            return Ok(());
        }
        if let Some(rank) = public_rank(text) {
            candidates.certificates.push((rank, Secret::from(text)));
        } else if is_private && foreign.is_none() && !text.trim().is_empty() {
            candidates
                .private_keys
                .push((BY_NAME_ALONE, Secret::from(text)));
        } else {
            self.set_aside(attachment, foreign);
        }
        Ok(())
    }

    fn set_aside(&mut self, attachment: &Attachment, foreign: Option<&'static str>) {
        self.has_foreign_key |= foreign.is_some();
        let kind = foreign.unwrap_or("neither key nor certificate");
        self.unusable
            .push(format!("{:?} ({kind})", attachment.field));
    }

    /// Why `secret`, which gave neither key nor password, cannot be used, where its attachments are
    /// the reason: one of them is a key in a form that cannot be injected, or there is no field for
    /// a password that could have been hidden.
    pub(super) fn unsupported(&self, secret: &SecretRecord) -> Option<PluginError> {
        let wants_password = secret
            .items
            .iter()
            .any(|item| item.is_password && !named_like(&item.field_name, "passphrase"));
        let to_blame = self.has_foreign_key || !wants_password;
        (to_blame && !self.unusable.is_empty())
            .then(|| Symptom::AttachmentUnsupported.at(DOWNLOAD, &self.unusable.join(", ")))
    }
}

/// Ranks of private keys.
const NAMED: u8 = 0;
const BY_CONTENT: u8 = 1;
const IN_A_TEXT_FIELD: u8 = 2;
const BY_NAME_ALONE: u8 = 3;

/// Ranks of what goes beside a key: a certificate says what a public key says and who vouches
/// for it.
const SSH_CERTIFICATE: u8 = 0;
const X509_CERTIFICATE: u8 = 1;
const PUBLIC_KEY: u8 = 2;

impl Candidates {
    /// Takes the private key and the certificates out of `text`, which may hold several in PEM and
    /// words before each (`Bag Attributes`, as openssl writes them). Whether there was any.
    fn blocks_of(&mut self, text: &str, rank: u8) -> bool {
        if text.trim_start().starts_with(PUTTY) {
            self.private_keys.push((rank, Secret::from(text)));
            return true;
        }
        let blocks: Vec<_> = pem_blocks(text).collect();
        if let [only] = blocks[..]
            && only.is_private_key()
            && text.trim_start().starts_with(BEGIN)
        {
            // Nothing to take out: the file is left as it is.
            self.private_keys.push((rank, Secret::from(text)));
            return true;
        }
        let mut any = false;
        let mut chain = String::new();
        for block in blocks {
            if block.is_private_key() {
                self.private_keys
                    .push((rank, Secret::new(format!("{}\n", block.text))));
                any = true;
            } else if block.label == "CERTIFICATE" {
                chain.push_str(block.text);
                chain.push('\n');
                any = true;
            }
        }
        if !chain.is_empty() {
            self.certificates
                .push((X509_CERTIFICATE, Secret::new(chain)));
        }
        any
    }
}

fn best(mut ranked: Vec<Ranked>) -> Option<Secret> {
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().next().map(|(_, part)| part)
}

const BEGIN: &str = "-----BEGIN ";
/// PuTTY's own form of a private key.
const PUTTY: &str = "PuTTY-User-Key-File-";

#[derive(Clone, Copy)]
struct PemBlock<'a> {
    label: &'a str,
    /// From its first to its last line; to the end of the text when it is not closed.
    text: &'a str,
}

impl PemBlock<'_> {
    fn is_private_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

fn pem_blocks(text: &str) -> impl Iterator<Item = PemBlock<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let begin = line_that_starts_with(rest, BEGIN)?;
            let block = &rest[begin..];
            let label_on = &block[BEGIN.len()..];
            let Some(label) = label_on
                .lines()
                .next()
                .and_then(|line| line.trim_end().split_once("-----"))
                .map(|(label, _)| label)
            else {
                rest = label_on;
                continue;
            };
            let end = format!("-----END {label}-----");
            let length = block.find(&end).map_or(block.len(), |at| at + end.len());
            rest = &block[length..];
            let text = block[..length].trim_end();
            return Some(PemBlock { label, text });
        }
    })
}

/// Where the first line of `text` that starts with `start` begins.
fn line_that_starts_with(text: &str, start: &str) -> Option<usize> {
    text.match_indices(start).map(|(at, _)| at).find(|at| {
        text[..*at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    })
}

/// PEM and OpenSSH keys, with or without words before them, and PuTTY's own form.
pub(super) fn is_private_key(text: &str) -> bool {
    text.trim_start().starts_with(PUTTY) || pem_blocks(text).any(|block| block.is_private_key())
}

/// The rank of an OpenSSH certificate or of a public key; `None` for anything else.
fn public_rank(text: &str) -> Option<u8> {
    let start = text.trim_start();
    let kind = start.split_whitespace().next().unwrap_or_default();
    if kind.contains("-cert-v01@") {
        return Some(SSH_CERTIFICATE);
    }
    let is_key = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|start| kind.starts_with(start))
        || start.starts_with("---- BEGIN SSH2 PUBLIC KEY")
        || pem_blocks(text).any(|block| block.label.ends_with("PUBLIC KEY"));
    is_key.then_some(PUBLIC_KEY)
}

/// What an attachment is when it is a key or certificate in a form that no session takes.
fn foreign_kind(attachment: &Attachment) -> Option<&'static str> {
    const JAVA_KEY_STORE: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
    let content = attachment.content.as_slice();
    // DER: a sequence with a length of two bytes.
    let is_der = content.starts_with(&[0x30, 0x82]);
    match attachment.extension.as_str() {
        "pfx" | "p12" => Some("PKCS #12"),
        "jks" | "keystore" => Some("Java key store"),
        _ if content.starts_with(&JAVA_KEY_STORE) => Some("Java key store"),
        _ if content.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY") => {
            Some("private key of SSH Tectia")
        }
        _ if is_der => Some("PKCS #12 or DER"),
        _ => None,
    }
}
