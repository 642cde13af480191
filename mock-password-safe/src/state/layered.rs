//! Things by their ids: those that a vault started with, shared with what it is reset to, and over
//! them whatever has changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What has an id.
pub(crate) trait Identified: Clone {
    /// The id.
    type Id: Ord + Copy + std::fmt::Debug;
    /// The id, which never changes.
    fn id(&self) -> Self::Id;
}

#[derive(Clone, Debug)]
pub(crate) struct Layered<T: Identified> {
    /// In the order of their ids.
    base: Arc<Vec<T>>,
    /// None is removed. What was neither there at the start nor is there now has no entry.
    over: BTreeMap<T::Id, Option<T>>,
    len: usize,
    last_id: Option<T::Id>,
}

impl<T: Identified> Default for Layered<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T: Identified> Layered<T> {
    /// Those to start with, in the order of their ids.
    pub(crate) fn new(mut base: Vec<T>) -> Self {
        base.shrink_to_fit();
        Self {
            len: base.len(),
            last_id: base.last().map(T::id),
            base: Arc::new(base),
            over: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many more there are than at the start.
    pub(crate) fn added(&self) -> usize {
        self.len.saturating_sub(self.base.len())
    }

    fn in_base(&self, id: T::Id) -> Option<&T> {
        let place = self.base.binary_search_by_key(&id, T::id).ok()?;
        self.base.get(place)
    }

    pub(crate) fn get(&self, id: &T::Id) -> Option<&T> {
        #[cfg(test)]
        visits::count();
        match self.over.get(id) {
            Some(changed) => changed.as_ref(),
            None => self.in_base(*id),
        }
    }

    pub(crate) fn contains_key(&self, id: &T::Id) -> bool {
        self.get(id).is_some()
    }

    /// Whether it is there as at the start.
    fn is_unchanged(&self, id: T::Id) -> bool {
        !self.over.contains_key(&id)
    }

    pub(crate) fn get_mut(&mut self, id: &T::Id) -> Option<&mut T> {
        if self.is_unchanged(*id) {
            let own = self.in_base(*id)?.clone();
            self.over.insert(*id, Some(own));
        }
        self.over.get_mut(id)?.as_mut()
    }

    /// Adds one, or puts it in the place of the one with its id.
    pub(crate) fn insert(&mut self, thing: T) {
        let id = thing.id();
        if !self.contains_key(&id) {
            self.len += 1;
        }
        self.last_id = self.last_id.max(Some(id));
        self.over.insert(id, Some(thing));
    }

    pub(crate) fn remove(&mut self, id: &T::Id) -> Option<T> {
        let removed = self.get(id).cloned()?;
        self.len -= 1;
        match self.in_base(*id) {
            Some(_) => self.over.insert(*id, None),
            None => self.over.remove(id),
        };
        Some(removed)
    }

    /// All of them in the order of their ids.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        let mut base = self.base.iter().peekable();
        let mut over = self.over.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                #[cfg(test)]
                visits::count();
                let Some((id, _)) = over.peek() else {
                    return base.next();
                };
                if let Some(first) = base.next_if(|one| one.id() < **id) {
                    return Some(first);
                }
                // What lies over it counts, if anything.
                base.next_if(|one| one.id() == **id);
                if let Some((_, Some(changed))) = over.next() {
                    return Some(changed);
                }
            }
        })
    }

    /// The highest id that there ever was, of what is removed too: a database gives no identity
    /// twice (assumed).
    pub(crate) fn last_id(&self) -> Option<T::Id> {
        self.last_id
    }
}

/// How often a test looked at a thing.
#[cfg(test)]
pub(crate) mod visits {
    use std::cell::Cell;

    thread_local! {
        static VISITS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        VISITS.set(VISITS.get() + 1);
    }

    /// How often `act` on this thread looks at systems and accounts.
    pub(crate) fn during<T>(act: impl FnOnce() -> T) -> (T, usize) {
        let before = VISITS.get();
        let done = act();
        (done, VISITS.get() - before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Identified for (u8, u8) {
        type Id = u8;

        fn id(&self) -> u8 {
            self.0
        }
    }

    proptest! {
        #[test]
        fn layers_are_one_map(
            base in prop::collection::btree_map(0..12_u8, any::<u8>(), 0..8),
            acts in prop::collection::vec((0..3, 0..12_u8, any::<u8>()), 0..12),
        ) {
            let start: Vec<_> = base.clone().into_iter().collect();
            let mut layered = Layered::new(start.clone());
            let origin = layered.clone();
            let mut last = base.keys().next_back().copied();
            let mut model = base;
            for (act, id, value) in acts {
                match act {
                    0 => {
                        layered.insert((id, value));
                        model.insert(id, value);
                        last = last.max(Some(id));
                    }
                    1 => {
                        let removed = layered.remove(&id).map(|(_, value)| value);
                        prop_assert_eq!(removed, model.remove(&id));
                    }
                    _ => {
                        let changed = layered.get_mut(&id).map(|one| one.1 = value);
                        prop_assert_eq!(changed, model.get_mut(&id).map(|one| *one = value));
                    }
                }
                prop_assert_eq!(layered.get(&id).map(|one| one.1), model.get(&id).copied());
                prop_assert_eq!(layered.len(), model.len());
                prop_assert_eq!(layered.added(), model.len().saturating_sub(start.len()));
                prop_assert_eq!(layered.last_id(), last);
                let kept = |id: &u8| model.contains_key(id) || origin.contains_key(id);
                prop_assert!(layered.over.keys().all(kept), "removed and kept");
                let all: Vec<_> = layered.values().copied().collect();
                prop_assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
            }
            let untouched: Vec<_> = origin.values().copied().collect();
            prop_assert_eq!(untouched, start);
        }
    }
}
