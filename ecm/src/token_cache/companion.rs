//! Sessions of a vault, which are kept in memory beside the tokens: counted with them, and forgotten
//! by the same orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::clears::Order;
use super::{Inner, TokenCache, TokenKey, lock};

/// What keeps sessions shares this with a token cache.
#[derive(Debug)]
pub(crate) struct Companion {
    cache: Arc<Inner>,
    /// The number of the last order that was heeded.
    heeded: AtomicU64,
}

/// Orders that are to be heeded.
pub(crate) struct News(Vec<Order>);

impl Companion {
    pub(crate) fn of(cache: &TokenCache) -> Self {
        let cache = Arc::clone(&cache.inner);
        let heeded = lock(&cache.held).orders.last().into();
        Self { cache, heeded }
    }

    /// The orders since the last time; `None` if there are none.
    pub(crate) fn news(&self) -> Option<News> {
        let mut held = lock(&self.cache.held);
        self.cache.refresh(&mut held);
        let heeded = self.heeded.swap(held.orders.last(), Relaxed);
        let orders = held.orders.since(heeded);
        (!orders.is_empty()).then_some(News(orders))
    }

    pub(crate) fn looked_up(&self, found: bool) {
        match found {
            true => self.cache.counts.hit(),
            false => self.cache.counts.missed(),
        }
    }

    /// A vault user was signed in, or was not.
    pub(crate) fn signed_in(&self, succeeded: bool) {
        self.cache.counts.loaded(false, succeeded);
    }
}

impl News {
    /// Whether one of them is about the vault user `user`.
    pub(crate) fn are_about(&self, user: &str) -> bool {
        let key = key(user);
        self.0.iter().any(|order| order.is_about(&key))
    }
}

fn key(user: &str) -> TokenKey {
    TokenKey {
        vault: String::new(),
        users: vec![user.to_owned()],
    }
}
