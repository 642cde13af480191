//! The row of a secret, key by key, and what is kept of it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use sim_kit::config::SecretRef;

use super::super::section::GrantEntry;
use super::super::words::{ByName, Word};
use super::{CheckOutEntry, EntryValue, FileEntry, RareEntry, SecretEntry};
use crate::state::Shape;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SecretRow<'t> {
    id: Option<i32>,
    #[serde(borrow)]
    name: Word<'t>,
    #[serde(borrow)]
    template: Word<'t>,
    #[serde(borrow)]
    folder: Option<Word<'t>>,
    #[serde(borrow, default)]
    fields: ByName<'t, Word<'t>>,
    #[serde(borrow, default)]
    passwords: ByName<'t, SecretRef>,
    #[serde(borrow, default)]
    files: ByName<'t, FileEntry>,
    #[serde(default = "yes")]
    active: bool,
    /// Absent: inherited.
    permissions: Option<Vec<GrantEntry>>,
    #[serde(default)]
    comment: bool,
    #[serde(default)]
    ticket: bool,
    #[serde(default)]
    approval: bool,
    #[serde(default)]
    approvers: Vec<String>,
    double_lock: Option<SecretRef>,
    check_out: Option<CheckOutEntry>,
    #[serde(default)]
    hide_launcher_password: bool,
    #[serde(default)]
    proxy: bool,
    #[serde(default)]
    auto_change: bool,
}

fn yes() -> bool {
    true
}

/// All rows of a lab that is read whole.
pub(in super::super) fn all<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SecretEntry>, D::Error> {
    let rows = Vec::<SecretRow<'_>>::deserialize(deserializer)?;
    let mut memory = Memory::default();
    Ok(rows.into_iter().map(|row| memory.keep(row)).collect())
}

/// Places for texts that were met lately.
const TEXTS: usize = 1024;
/// Shapes that were met lately, at most.
const SHAPES: usize = 8;

/// What was met lately: secrets share most of their texts with one of the last thousand.
#[derive(Debug, Default)]
pub(in super::super) struct Memory {
    /// Each text in the place that its hash gives it.
    texts: Vec<Option<Arc<str>>>,
    /// The latest first.
    shapes: Vec<Arc<Shape>>,
}

impl Memory {
    /// What is kept of a row.
    pub(in super::super) fn keep(&mut self, row: SecretRow<'_>) -> SecretEntry {
        let shape = self.shape(&row);
        let rare = rare(&row);
        let mut values = Vec::with_capacity(shape.fields.len());
        let texts = row.fields.into_values();
        values.extend(texts.map(|text| EntryValue::Text(self.text(&text))));
        values.extend(row.passwords.into_values().map(|reference| {
            if reference == SecretRef::Generate {
                EntryValue::Generate
            } else {
                EntryValue::Password(Box::new(reference))
            }
        }));
        let files = row.files.into_values();
        values.extend(files.map(|file| EntryValue::File(Box::new(file))));
        SecretEntry {
            id: row.id,
            name: Arc::from(&*row.name),
            shape,
            folder: row.folder.map(|folder| self.text(&folder)),
            values: values.into(),
            rare,
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        self.texts.resize(TEXTS, None);
        let hash = text.bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        let place = &mut self.texts[hash % TEXTS];
        match place {
            Some(kept) if **kept == *text => Arc::clone(kept),
            _ => Arc::clone(place.insert(text.into())),
        }
    }

    fn shape(&mut self, row: &SecretRow<'_>) -> Arc<Shape> {
        let fields = || {
            let files = row.files.names();
            row.fields.names().chain(row.passwords.names()).chain(files)
        };
        let fits = |shape: &Arc<Shape>| {
            *shape.template == *row.template
                && fields()
                    .map(|name| &**name)
                    .eq(shape.fields.iter().map(|name| &**name))
        };
        if let Some(place) = self.shapes.iter().position(fits) {
            self.shapes[..=place].rotate_right(1);
        } else {
            let shape = Shape {
                template: Arc::from(&*row.template),
                fields: fields().map(|name| Arc::from(&**name)).collect(),
            };
            self.shapes.truncate(SHAPES - 1);
            self.shapes.insert(0, Arc::new(shape));
        }
        Arc::clone(&self.shapes[0])
    }
}

fn rare(row: &SecretRow<'_>) -> Option<Box<RareEntry>> {
    let plain = row.active
        && !(row.comment || row.ticket || row.approval)
        && !(row.hide_launcher_password || row.proxy || row.auto_change)
        && row.permissions.is_none()
        && row.approvers.is_empty()
        && row.double_lock.is_none()
        && row.check_out.is_none();
    (!plain).then(|| {
        Box::new(RareEntry {
            active: row.active,
            permissions: row.permissions.clone(),
            comment: row.comment,
            ticket: row.ticket,
            approval: row.approval,
            approvers: row.approvers.clone(),
            double_lock: row.double_lock.clone(),
            check_out: row.check_out.clone(),
            hide_launcher_password: row.hide_launcher_password,
            proxy: row.proxy,
            auto_change: row.auto_change,
        })
    })
}
