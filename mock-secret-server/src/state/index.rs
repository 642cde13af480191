//! Which secrets hold an exact value in a named field: what makes a search of 100,000 secrets a
//! look-up.
//!
//! The key is a hash of the folded field name and value, so that neither is stored twice; the
//! search compares the candidates' real values afterwards, and a collision costs time only.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::model::SecretSlot;

/// An index of field values.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    slots: HashMap<u64, Slots, BuildHasherDefault<Verbatim>>,
}

/// Most values stand in one secret only.
#[derive(Debug)]
enum Slots {
    One(SecretSlot),
    Many(Vec<SecretSlot>),
}

impl FieldIndex {
    pub(super) fn with_capacity(values: usize) -> Self {
        Self {
            slots: HashMap::with_capacity_and_hasher(values, BuildHasherDefault::default()),
        }
    }

    /// Notes that `slot` holds `value` in `field`. Slots of one value must come in order.
    pub(super) fn insert(&mut self, field: &str, value: &str, slot: SecretSlot) {
        let held = self
            .slots
            .entry(key(field, value))
            .or_insert(Slots::One(slot));
        match held {
            Slots::One(first) if *first == slot => {}
            Slots::One(first) => *held = Slots::Many(vec![*first, slot]),
            Slots::Many(all) if all.last() == Some(&slot) => {}
            Slots::Many(all) => all.push(slot),
        }
    }

    /// The secrets that may hold `value` in `field`, in order.
    pub(super) fn candidates(&self, field: &str, value: &str) -> &[SecretSlot] {
        match self.slots.get(&key(field, value)) {
            None => &[],
            Some(Slots::One(slot)) => std::slice::from_ref(slot),
            Some(Slots::Many(all)) => all,
        }
    }

    /// Gives back what growing reserved.
    pub(super) fn shrink(&mut self) {
        for slots in self.slots.values_mut() {
            if let Slots::Many(all) = slots {
                all.shrink_to_fit();
            }
        }
    }
}

/// FNV-1a over the lower-cased characters, finished by a multiplication so that the upper bits,
/// by which the map compares, depend on everything.
pub(super) fn key(field: &str, value: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in [field, value] {
        if part.is_ascii() {
            part.bytes()
                .for_each(|byte| feed(byte.to_ascii_lowercase()));
        } else {
            let mut utf8 = [0; 4];
            for folded in part.chars().flat_map(char::to_lowercase) {
                folded.encode_utf8(&mut utf8).bytes().for_each(&mut feed);
            }
        }
        // No text contains this byte, so ("ab", "c") and ("a", "bc") differ.
        feed(0xff);
    }
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default)]
pub(super) struct Verbatim(u64);

impl Hasher for Verbatim {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_any_case_and_only_in_its_field() {
        let mut index = FieldIndex::default();
        index.insert("Machine", "SRV-Ä1", SecretSlot(1));
        index.insert("machine", "srv-ä1", SecretSlot(4));
        index.insert("Machine", "SRV-Ä1", SecretSlot(4));
        index.insert("Domain", "srv-ä1", SecretSlot(9));
        assert_eq!(
            index.candidates("MACHINE", "srv-Ä1"),
            [SecretSlot(1), SecretSlot(4)]
        );
        assert_eq!(index.candidates("Domain", "SRV-ä1"), [SecretSlot(9)]);
        assert!(index.candidates("Machine", "srv-ä").is_empty());
    }

    #[test]
    fn the_border_between_field_and_value_counts() {
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_ne!(key("", "x"), key("x", ""));
    }
}
