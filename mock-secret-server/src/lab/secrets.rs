//! The secrets of a lab. There may be very many, so they are kept as small as they can be until a
//! vault takes them.

mod row;

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Deserialize;
use sim_kit::config::{ConfigError, SecretRef};
use sim_kit::seeded::{CANARY_MARK, Seed};

use super::section::{GrantEntry, grants};
use crate::state::{
    CheckOutRule, File, Incoming, IncomingRules, NewSecret, NewValue, Planter, SecretRules,
    SecretText, Shape, Value,
};

pub(super) use row::{Memory, SecretRow, all as rows};

/// What the password of a DoubleLock hangs on.
pub(super) const DOUBLE_LOCK: &str = "DoubleLock";

/// A secret, read but not resolved.
#[derive(Clone, Debug)]
pub(super) struct SecretEntry {
    pub(super) id: Option<i32>,
    pub(super) name: Arc<str>,
    shape: Arc<Shape>,
    pub(super) folder: Option<Arc<str>>,
    /// In the order of the shape's fields.
    values: Box<[EntryValue]>,
    rare: Option<Box<RareEntry>>,
}

#[derive(Clone, Debug)]
enum EntryValue {
    Text(Arc<str>),
    /// A password that is made from the seed.
    Generate,
    Password(Box<SecretRef>),
    File(Box<FileEntry>),
}

/// What few secrets have.
#[derive(Clone, Debug)]
struct RareEntry {
    active: bool,
    permissions: Option<Vec<GrantEntry>>,
    comment: bool,
    ticket: bool,
    approval: bool,
    approvers: Vec<String>,
    double_lock: Option<SecretRef>,
    check_out: Option<CheckOutEntry>,
    hide_launcher_password: bool,
    proxy: bool,
    auto_change: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    name: String,
    content: SecretRef,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckOutEntry {
    minutes: Option<NonZeroU32>,
    #[serde(default)]
    change_password: bool,
}

/// What a generated value of a secret hangs on.
pub(super) fn purpose_of(secret: &str, what: &str) -> String {
    format!("secret-server secret {secret} {what}")
}

/// The passwords that a lab leaves to the seed are made when somebody reads them: 100,000 of them
/// would be most of what the vault's start takes.
#[derive(Debug)]
pub(super) struct Canaries(pub(super) Seed);

impl Planter for Canaries {
    fn password(&self, secret: &str, field: &str) -> SecretText {
        self.0.plain_canary(&purpose_of(secret, field)).into()
    }
}

impl SecretEntry {
    /// The second password that opens it.
    pub(super) fn double_lock(&self) -> Option<&SecretRef> {
        self.rare.as_ref()?.double_lock.as_ref()
    }

    /// The secret as a vault takes it.
    pub(super) fn arrives(mut self, planter: &Arc<Canaries>) -> Result<Incoming, ConfigError> {
        let seed = planter.0;
        let name = &self.name;
        let values = std::mem::take(&mut self.values).into_iter();
        let values = values.zip(&self.shape.fields).map(|(value, field)| {
            Ok(match value {
                EntryValue::Text(text) => Value::Plain(text),
                EntryValue::Generate => Value::Planted(Arc::<Canaries>::clone(planter)),
                EntryValue::Password(reference) => {
                    let text = reference.resolve(&purpose_of(name, field), seed)?;
                    Value::Hidden(text.as_str().into())
                }
                EntryValue::File(file) => Value::File(Arc::new(File {
                    bytes: file.bytes(&purpose_of(name, field), seed)?.into(),
                    name: file.name.into(),
                })),
            })
        });
        Ok(Incoming {
            id: self.id,
            values: values.collect::<Result<_, ConfigError>>()?,
            rules: self.rules(seed)?,
            name: self.name,
            shape: self.shape,
            folder: self.folder,
        })
    }

    /// The secret as a program writes it.
    pub(super) fn resolve(mut self, seed: Seed) -> Result<NewSecret, ConfigError> {
        let mut items = Vec::with_capacity(self.values.len());
        let values = std::mem::take(&mut self.values);
        for (field, value) in self.shape.fields.iter().zip(values) {
            let purpose = purpose_of(&self.name, field);
            let value = match value {
                EntryValue::Text(text) => NewValue::Text(text.as_ref().into()),
                EntryValue::Generate => NewValue::Password(seed.plain_canary(&purpose).into()),
                EntryValue::Password(reference) => {
                    NewValue::Password(reference.resolve(&purpose, seed)?.as_str().into())
                }
                EntryValue::File(file) => NewValue::File {
                    bytes: file.bytes(&purpose, seed)?.into(),
                    name: file.name,
                },
            };
            items.push((field.as_ref().to_owned(), value));
        }
        let rules = self.rules(seed)?.map(|rules| *rules).unwrap_or_default();
        Ok(NewSecret {
            id: self.id,
            name: self.name.as_ref().into(),
            template: self.shape.template.as_ref().into(),
            folder: self.folder.map(|folder| folder.as_ref().into()),
            items,
            active: rules.active,
            permissions: rules.permissions,
            rules: rules.rules,
            approvers: rules.approvers,
        })
    }

    fn rules(&self, seed: Seed) -> Result<Option<Box<IncomingRules>>, ConfigError> {
        let Some(rare) = &self.rare else {
            return Ok(None);
        };
        let double_lock = rare.double_lock.as_ref().map(|reference| {
            let text = reference.resolve(&purpose_of(&self.name, DOUBLE_LOCK), seed)?;
            Ok::<_, ConfigError>(text.as_str().into())
        });
        Ok(Some(Box::new(IncomingRules {
            active: rare.active,
            permissions: rare.permissions.as_deref().map(grants),
            rules: SecretRules {
                comment: rare.comment,
                ticket: rare.ticket,
                approval: rare.approval,
                double_lock: double_lock.transpose()?,
                check_out: rare.check_out.as_ref().map(|rule| CheckOutRule {
                    minutes: rule.minutes.map(NonZeroU32::get),
                    change_password: rule.change_password,
                }),
                hide_launcher_password: rare.hide_launcher_password,
                proxy: rare.proxy,
                auto_change: rare.auto_change,
            },
            approvers: rare.approvers.clone(),
        })))
    }
}

impl FileEntry {
    fn bytes(&self, purpose: &str, seed: Seed) -> Result<Vec<u8>, ConfigError> {
        Ok(match &self.content {
            SecretRef::Generate => private_key(seed, purpose),
            other => other.resolve_content(purpose, seed)?.to_vec(),
        })
    }
}

/// A file in the shape of a private key, with a canary in place of the key: it opens nothing.
fn private_key(seed: Seed, purpose: &str) -> Vec<u8> {
    let mut stream = seed.stream(purpose);
    let first = format!("{CANARY_MARK}{}", stream.alphanumeric(66));
    let second = stream.alphanumeric(70);
    format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\n{second}\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    .into_bytes()
}
