//! What makes a search of 100,000 secrets a look-up: which secrets hold an exact value in a named
//! field, which hold a part of a text, which lie in a folder.
//!
//! It is made once, from secrets whose names, texts and folders never change.

use super::model::{FolderSlot, SecretRecord, SecretSlot, Template};
use super::texts::Texts;

/// The indexes over the secrets that a vault starts with.
#[derive(Debug, Default)]
pub(super) struct Index {
    values: FieldIndex,
    /// The name of each secret.
    pub(super) names: Texts,
    /// The values of each secret that are exposed for display.
    pub(super) exposed: Texts,
    folders: FolderIndex,
}

impl Index {
    pub(super) fn new(secrets: &[SecretRecord], templates: &[Template], folders: usize) -> Self {
        let mut values = Vec::with_capacity(secrets.len() * 2);
        let (mut names, mut exposed) = (Texts::default(), Texts::default());
        let starts: Vec<Box<[FieldStarts]>> = templates
            .iter()
            .map(|template| template.fields.iter().map(FieldStarts::new).collect())
            .collect();
        for (slot, secret) in (0..).map(SecretSlot).zip(secrets) {
            names.push(&secret.name);
            names.end();
            let place = usize::from(secret.template.0);
            let fields = templates[place].fields.iter().zip(&starts[place]);
            for (at, (field, starts)) in fields.enumerate() {
                let Some(value) = secret.plain(at) else {
                    continue;
                };
                values.push(FieldIndex::entry(starts.name.with(value), slot));
                if let Some(label) = starts.label {
                    values.push(FieldIndex::entry(label.with(value), slot));
                }
                if field.exposed {
                    exposed.push(value);
                }
            }
            exposed.end();
        }
        Self {
            values: FieldIndex::new(values),
            names: names.complete(),
            exposed: exposed.complete(),
            folders: FolderIndex::new(secrets, folders),
        }
    }

    /// The secrets that may hold `value` in `field`, in order. Whoever searches compares the real
    /// values afterwards.
    pub(super) fn holding(
        &self,
        field: &str,
        value: &str,
    ) -> impl ExactSizeIterator<Item = SecretSlot> {
        self.values.candidates(Hash::start(field).with(value))
    }

    /// The secrets in a folder, in order; without a folder, those in the root.
    pub(super) fn lying_in(&self, folder: Option<FolderSlot>) -> &[SecretSlot] {
        self.folders.lying_in(folder)
    }
}

/// The hashes of a field's names.
struct FieldStarts {
    name: Hash,
    /// Where it differs from the name.
    label: Option<Hash>,
}

impl FieldStarts {
    fn new(field: &super::model::Field) -> Self {
        let differs = field.display_name != field.name;
        Self {
            name: Hash::start(&field.name),
            label: differs.then(|| Hash::start(&field.display_name)),
        }
    }
}

/// FNV-1a over the lower-cased characters of several texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hash(u64);

impl Hash {
    fn start(text: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(text)
    }

    fn with(self, text: &str) -> Self {
        let mut hash = self.0;
        let mut feed = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        if text.is_ascii() {
            text.bytes()
                .for_each(|byte| feed(byte.to_ascii_lowercase()));
        } else {
            let mut utf8 = [0; 4];
            for folded in text.chars().flat_map(char::to_lowercase) {
                folded.encode_utf8(&mut utf8).bytes().for_each(&mut feed);
            }
        }
        // No text contains this byte, so ("ab", "c") and ("a", "bc") differ.
        feed(0xff);
        Self(hash)
    }

    /// Half of it, in which everything is mixed.
    fn short(self) -> u32 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        u32::try_from(mixed >> 32).unwrap_or_default()
    }
}

/// Secrets by the hash of a field's name and value, so that neither is stored twice. In one list,
/// sorted: eight bytes for each value, and what a table of hashes would need on top is saved.
#[derive(Debug, Default)]
struct FieldIndex(Box<[u64]>);

impl FieldIndex {
    /// The hash in the upper half, the secret in the lower.
    fn entry(hash: Hash, slot: SecretSlot) -> u64 {
        u64::from(hash.short()) << 32 | u64::from(slot.0)
    }

    fn new(mut entries: Vec<u64>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        Self(entries.into())
    }

    fn candidates(&self, hash: Hash) -> impl ExactSizeIterator<Item = SecretSlot> {
        let first = u64::from(hash.short()) << 32;
        let from = self.0.partition_point(|&entry| entry < first);
        let rest = &self.0[from..];
        let count = rest.partition_point(|&entry| entry >> 32 == first >> 32);
        rest[..count].iter().map(|&entry| {
            SecretSlot(u32::try_from(entry & u64::from(u32::MAX)).unwrap_or_default())
        })
    }
}

/// Secrets by folder: one list, and where each folder's part of it begins. The root comes first.
#[derive(Debug, Default)]
struct FolderIndex {
    slots: Box<[SecretSlot]>,
    starts: Box<[usize]>,
}

impl FolderIndex {
    fn new(secrets: &[SecretRecord], folders: usize) -> Self {
        let mut starts = vec![0; folders + 2];
        for secret in secrets {
            starts[Self::place(secret.folder) + 1] += 1;
        }
        for place in 0..=folders {
            starts[place + 1] += starts[place];
        }
        let mut next = starts.clone();
        let mut slots = vec![SecretSlot(0); secrets.len()];
        for (slot, secret) in (0..).map(SecretSlot).zip(secrets) {
            let at = &mut next[Self::place(secret.folder)];
            slots[*at] = slot;
            *at += 1;
        }
        Self {
            slots: slots.into(),
            starts: starts.into(),
        }
    }

    fn place(folder: Option<FolderSlot>) -> usize {
        folder.map_or(0, |slot| slot.0 as usize + 1)
    }

    fn lying_in(&self, folder: Option<FolderSlot>) -> &[SecretSlot] {
        let place = Self::place(folder);
        match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(&from), Some(&to)) => &self.slots[from..to],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(values: &[(&str, &str, u32)]) -> FieldIndex {
        let entry = |&(field, value, slot)| {
            FieldIndex::entry(Hash::start(field).with(value), SecretSlot(slot))
        };
        FieldIndex::new(values.iter().map(entry).collect())
    }

    fn found(index: &FieldIndex, field: &str, value: &str) -> Vec<u32> {
        let slots = index.candidates(Hash::start(field).with(value));
        slots.map(|slot| slot.0).collect()
    }

    #[test]
    fn a_value_is_found_in_any_case_and_only_in_its_field() {
        let index = index(&[
            ("Machine", "SRV-Ä1", 1),
            ("machine", "srv-ä1", 4),
            ("Machine", "SRV-Ä1", 4),
            ("Domain", "srv-ä1", 9),
        ]);
        assert_eq!(found(&index, "MACHINE", "srv-Ä1"), [1, 4]);
        assert_eq!(found(&index, "Domain", "SRV-ä1"), [9]);
        assert!(found(&index, "Machine", "srv-ä").is_empty());
    }

    #[test]
    fn the_border_between_field_and_value_counts() {
        let hash = |field, value| Hash::start(field).with(value);
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        assert_ne!(hash("", "x"), hash("x", ""));
    }
}
