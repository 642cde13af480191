//! The secrets of a vault: those that it started with, and its own copies of the ones that have
//! changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{SecretRecord, SecretSlot};

#[derive(Debug)]
pub(super) struct Secrets {
    /// In the order of their ids.
    origin: Arc<Vec<SecretRecord>>,
    changed: BTreeMap<SecretSlot, SecretRecord>,
}

impl Secrets {
    pub(super) fn new(origin: Arc<Vec<SecretRecord>>) -> Self {
        Self {
            origin,
            changed: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.origin.len()
    }

    pub(super) fn get(&self, slot: SecretSlot) -> &SecretRecord {
        let own = self.changed.get(&slot);
        own.unwrap_or_else(|| &self.origin[slot.0 as usize])
    }

    pub(super) fn get_mut(&mut self, slot: SecretSlot) -> &mut SecretRecord {
        let origin = &self.origin;
        let own = self.changed.entry(slot);
        own.or_insert_with(|| origin[slot.0 as usize].clone())
    }

    /// An id never changes.
    pub(super) fn slot_of(&self, id: i32) -> Option<SecretSlot> {
        let place = self.origin.binary_search_by_key(&id, |secret| secret.id);
        u32::try_from(place.ok()?).ok().map(SecretSlot)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = SecretSlot> + use<> {
        (0..).map(SecretSlot).take(self.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SecretRecord> {
        self.slots().map(|slot| self.get(slot))
    }

    /// Those that are not as they were at the start.
    pub(super) fn changed(&self) -> impl Iterator<Item = &SecretRecord> {
        self.changed.values()
    }
}
