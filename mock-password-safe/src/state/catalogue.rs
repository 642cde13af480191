//! Things by their ids, and by whatever else they are looked for: layers with an index for each way
//! to find them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::index::{Index, Key};
use super::layered::{Identified, Layered};

/// What is found by more than its id.
pub(crate) trait Indexed: Identified {
    /// A way to find it. Its number is its place in `WAYS`.
    type By: Copy + Into<usize> + 'static;
    /// Every way.
    const WAYS: &'static [Self::By];

    /// An id as a number, which is not negative.
    fn number(id: Self::Id) -> i32;

    /// The id of a number.
    fn numbered(number: i32) -> Self::Id;

    /// Tells the keys that it is found under this way.
    fn keys(&self, by: Self::By, tell: &mut dyn FnMut(Key));
}

#[derive(Clone, Debug)]
pub(crate) struct Catalogue<T: Indexed> {
    things: Layered<T>,
    /// One for each way.
    indexes: Vec<Index>,
}

impl<T: Indexed> Default for Catalogue<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T: Indexed> Catalogue<T> {
    /// Those to start with, in the order of their ids.
    pub(crate) fn new(start: Vec<T>) -> Self {
        let index = |by: &T::By| {
            Index::new(|tell| {
                for thing in &start {
                    thing.keys(*by, &mut |key| tell(key, T::number(thing.id())));
                }
            })
        };
        Self {
            indexes: T::WAYS.iter().map(index).collect(),
            things: Layered::new(start),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// How many more there are than at the start.
    pub(crate) fn added(&self) -> usize {
        self.things.added()
    }

    pub(crate) fn get(&self, id: &T::Id) -> Option<&T> {
        self.things.get(id)
    }

    pub(crate) fn contains_key(&self, id: &T::Id) -> bool {
        self.things.contains_key(id)
    }

    /// All of them in the order of their ids.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.things.values()
    }

    pub(crate) fn last_id(&self) -> Option<T::Id> {
        self.things.last_id()
    }

    /// Adds one, or puts it in the place of the one with its id.
    pub(crate) fn put(&mut self, thing: T) {
        self.forget_keys(&thing.id());
        for by in T::WAYS {
            let index = &mut self.indexes[(*by).into()];
            thing.keys(*by, &mut |key| index.insert(key, T::number(thing.id())));
        }
        self.things.insert(thing);
    }

    /// One of them, to change what it is not found by.
    pub(crate) fn get_mut(&mut self, id: &T::Id) -> Option<&mut T> {
        self.things.get_mut(id)
    }

    pub(crate) fn remove(&mut self, id: &T::Id) -> Option<T> {
        self.forget_keys(id);
        self.things.remove(id)
    }

    fn forget_keys(&mut self, id: &T::Id) {
        let Some(old) = self.things.get(id) else {
            return;
        };
        for by in T::WAYS {
            let index = &mut self.indexes[(*by).into()];
            old.keys(*by, &mut |key| index.remove(key, T::number(*id)));
        }
    }

    /// The ids under a key, in order. Two names may have one key.
    pub(crate) fn ids_under(&self, by: T::By, key: Key) -> impl Iterator<Item = T::Id> {
        self.indexes[by.into()].under(key).map(T::numbered)
    }

    /// What is under a key, in the order of the ids. Two names may have one key.
    pub(crate) fn under(&self, by: T::By, key: Key) -> impl Iterator<Item = &T> {
        self.ids_under(by, key).filter_map(|id| self.get(&id))
    }

    /// How many are under a key, of which it looks at none. Two names may have one key.
    pub(crate) fn count(&self, by: T::By, key: Key) -> usize {
        self.indexes[by.into()].count(key)
    }

    /// The ids under any of these keys, in order, each once.
    pub(crate) fn ids_under_any(
        &self,
        by: T::By,
        keys: impl Iterator<Item = Key>,
    ) -> impl Iterator<Item = T::Id> {
        let mut all: Vec<_> = keys.map(|key| self.ids_under(by, key)).collect();
        let heads = all.iter_mut().enumerate();
        let heads = heads.filter_map(|(place, ids)| Some(Reverse((ids.next()?, place))));
        let mut heads: BinaryHeap<_> = heads.collect();
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                let mut head = heads.peek_mut()?;
                let Reverse((id, place)) = *head;
                match all[place].next() {
                    Some(next) => *head = Reverse((next, place)),
                    None => drop(PeekMut::pop(head)),
                }
                if last.replace(id) != Some(id) {
                    return Some(id);
                }
            }
        })
    }
}
