//! An index from names, addresses and other ids to ids, eight bytes for each entry.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Numbers that many ids may hang on: a name by its hash, which other names may share, or the id of
/// something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// What there was at the start, for ids that have not changed since. Key above, id below.
    base: Arc<Vec<u64>>,
    over: BTreeSet<u64>,
}

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
            over: BTreeSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, key: Key, id: i32) {
        self.over.insert(entry(key, id));
    }

    pub(crate) fn remove(&mut self, key: Key, id: i32) {
        self.over.remove(&entry(key, id));
    }

    /// How many ids are under a key. `changed` are those of which what there was at the start counts
    /// no more; without them they count as they were and as they are.
    pub(crate) fn count(&self, key: Key, changed: impl Iterator<Item = i32>) -> usize {
        let (first, last) = ends(key);
        let from = self.base.partition_point(|&entry| entry < first);
        let base = &self.base[from..];
        let base = &base[..base.partition_point(|&entry| entry <= last)];
        let is_old = |id: &i32| base.binary_search(&entry(key, *id)).is_ok();
        base.len() - changed.filter(is_old).count() + self.over.range(first..=last).count()
    }

    /// The ids under a key, in order. `is_unchanged` says of an id whether what there was of it at
    /// the start still counts.
    pub(crate) fn under<'a>(
        &'a self,
        key: Key,
        is_unchanged: impl Fn(i32) -> bool + 'a,
    ) -> impl Iterator<Item = i32> + 'a {
        let (first, last) = ends(key);
        let from = self.base.partition_point(|&entry| entry < first);
        let base = self.base[from..].iter();
        let base = base.take_while(move |&&entry| entry <= last);
        let mut base = base
            .copied()
            .map(id)
            .filter(move |&id| is_unchanged(id))
            .peekable();
        let mut over = self.over.range(first..=last).copied().map(id).peekable();
        std::iter::from_fn(move || match (base.peek(), over.peek()) {
            (Some(one), Some(other)) if one > other => over.next(),
            (Some(_), _) => base.next(),
            (None, _) => over.next(),
        })
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
    fn ids_come_in_order_and_what_has_changed_counts_no_more() {
        let key = Key::of_name("Ärger");
        assert_eq!(key, Key::of_name("äRGER"));
        let start = [(key, 7), (key, 1), (Key::of_name("other"), 2), (key, 4)];
        let mut index = Index::new(|tell| start.into_iter().for_each(|(key, id)| tell(key, id)));
        index.insert(key, 3);
        index.insert(key, 9);
        index.insert(key, 5);
        index.remove(key, 5);
        let under: Vec<i32> = index.under(key, |id| id != 4).collect();
        assert_eq!(under, [1, 3, 7, 9]);
        assert_eq!(index.count(key, [4, 3].into_iter()), 4);
        assert_eq!(index.count(key, std::iter::empty()), 5);
        assert_eq!(index.under(Key::of_id(3), |_| true).count(), 0);
    }
}
