//! An index from names, addresses and other ids to ids, eight bytes for each entry.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Numbers that many ids may hang on: a name by its hash, which other names may share, or the id of
/// something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u32);

impl Key {
    /// The key of a name, the same in any case.
    pub(crate) fn of_name(name: &str) -> Self {
        let mut hash = Fnv::new();
        if name.is_ascii() {
            name.bytes()
                .for_each(|byte| hash.feed(byte.to_ascii_lowercase()));
        } else {
            name.to_lowercase().bytes().for_each(|byte| hash.feed(byte));
        }
        hash.key()
    }

    pub(crate) fn of_address(address: IpAddr) -> Self {
        let mut hash = Fnv::new();
        match address {
            IpAddr::V4(address) => address.octets().iter().for_each(|&byte| hash.feed(byte)),
            IpAddr::V6(address) => address.octets().iter().for_each(|&byte| hash.feed(byte)),
        }
        hash.key()
    }

    pub(crate) const fn of_id(id: i32) -> Self {
        Self(id.cast_unsigned())
    }
}

/// FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn feed(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    fn key(&self) -> Key {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Key(u32::try_from(mixed >> 32).unwrap_or_default())
    }
}

/// Ids by key, in order. Ids are not negative.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// What there was at the start. Key above, id below.
    base: Arc<Vec<u64>>,
    /// What there is beside it.
    added: Ids,
    /// What of it there is no more.
    gone: Ids,
}

/// Ids by key, where no key has none.
type Ids = BTreeMap<Key, BTreeSet<i32>>;

impl Index {
    /// An index of what `fill` tells.
    pub(crate) fn new(fill: impl FnOnce(&mut dyn FnMut(Key, i32))) -> Self {
        let mut base = Vec::new();
        fill(&mut |key, id| base.push(entry(key, id)));
        base.sort_unstable();
        base.dedup();
        base.shrink_to_fit();
        Self {
            base: Arc::new(base),
            added: Ids::new(),
            gone: Ids::new(),
        }
    }

    pub(crate) fn insert(&mut self, key: Key, id: i32) {
        if self.was_at_start(key, id) {
            take(&mut self.gone, key, id);
        } else {
            self.added.entry(key).or_default().insert(id);
        }
    }

    pub(crate) fn remove(&mut self, key: Key, id: i32) {
        if self.was_at_start(key, id) {
            self.gone.entry(key).or_default().insert(id);
        } else {
            take(&mut self.added, key, id);
        }
    }

    fn was_at_start(&self, key: Key, id: i32) -> bool {
        self.base.binary_search(&entry(key, id)).is_ok()
    }

    /// How many ids are under a key. It looks at none of them.
    pub(crate) fn count(&self, key: Key) -> usize {
        let (first, last) = ends(key);
        let from = self.base.partition_point(|&entry| entry < first);
        let base = self.base[from..].partition_point(|&entry| entry <= last);
        let count = |ids: &Ids| ids.get(&key).map_or(0, BTreeSet::len);
        base - count(&self.gone) + count(&self.added)
    }

    /// The ids under a key, in order.
    pub(crate) fn under(&self, key: Key) -> impl Iterator<Item = i32> {
        let (first, last) = ends(key);
        let gone = self.gone.get(&key);
        let from = self.base.partition_point(|&entry| entry < first);
        let base = self.base[from..].iter();
        let base = base.take_while(move |&&entry| entry <= last);
        let mut base = base
            .copied()
            .map(id)
            .filter(move |id| gone.is_none_or(|gone| !gone.contains(id)))
            .peekable();
        let added = self.added.get(&key).into_iter().flatten();
        let mut added = added.copied().peekable();
        std::iter::from_fn(move || match (base.peek(), added.peek()) {
            (Some(one), Some(other)) if one > other => added.next(),
            (Some(_), _) => base.next(),
            (None, _) => added.next(),
        })
    }
}

fn take(from: &mut Ids, key: Key, id: i32) {
    if let Some(ids) = from.get_mut(&key) {
        ids.remove(&id);
        if ids.is_empty() {
            from.remove(&key);
        }
    }
}

/// The first and the last entry that a key may have.
fn ends(key: Key) -> (u64, u64) {
    let first = entry(key, 0);
    (first, first | u64::from(u32::MAX))
}

fn entry(key: Key, id: i32) -> u64 {
    u64::from(key.0) << 32 | u64::from(id.cast_unsigned())
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is the id")]
fn id(entry: u64) -> i32 {
    (entry as u32).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_order_and_what_is_removed_counts_no_more() {
        let key = Key::of_name("Ärger");
        assert_eq!(key, Key::of_name("äRGER"));
        let start = [(key, 7), (key, 1), (Key::of_name("other"), 2), (key, 4)];
        let mut index = Index::new(|tell| start.into_iter().for_each(|(key, id)| tell(key, id)));
        index.insert(key, 3);
        index.insert(key, 9);
        index.insert(key, 5);
        index.remove(key, 5);
        index.remove(key, 4);
        let under: Vec<i32> = index.under(key).collect();
        assert_eq!(under, [1, 3, 7, 9]);
        assert_eq!(index.count(key), 4);
        assert_eq!(index.under(Key::of_id(3)).count(), 0);

        // What is again as it was costs nothing.
        index.insert(key, 4);
        index.remove(key, 3);
        index.remove(key, 9);
        assert_eq!(index.count(key), 3);
        assert!(index.added.is_empty() && index.gone.is_empty(), "{index:?}");
    }
}
