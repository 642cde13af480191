//! Tokens, kept per vault and user until they expire or are refused (documented ecm:§5.1): in
//! memory, and encrypted on disk where a directory is given.
//!
//! Concurrent look-ups that miss share one load. The load runs as a task of its own, so a caller
//! that is dropped does not stall the others. Another process may clear the tokens at any time,
//! those in memory too: the stamps of the file and of the orders are compared on every use.

mod clears;
mod companion;
mod counts;
mod file;
mod key;
mod refusals;
mod token;
mod unwritten;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jiff::Timestamp;

use self::clears::{Order, Orders};
use self::counts::Counters;
use self::file::{CacheFile, Stamp};
use self::refusals::Refusals;
use self::unwritten::{Change, Writers};
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::secret::Secret;

pub(crate) use self::companion::Companion;
pub use self::counts::Counts;
pub use self::key::KeySource;
pub use self::token::{CachedToken, TokenKey, issued_not_before};

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The key is missing, too short, or readable by others.
    #[error("failed to use the token cache's key {path}: {reason}", path = path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it, and the cure.
        reason: String,
    },
    /// A file of the cache cannot be read or written.
    #[error("failed to use the token cache {path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// Most tokens that are kept; beyond it the oldest goes.
const TOKENS_MAX: usize = 10_000;

/// The cache. Clones share it.
#[derive(Debug, Clone)]
pub struct TokenCache {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    flights: Mutex<HashMap<TokenKey, Flight>>,
    refusals: Mutex<Refusals>,
    /// First and longest pause after a refused log-on.
    pauses: OnceLock<(Duration, Duration)>,
    counts: Counters,
    writers: Writers,
    /// Where orders to forget tokens arrive, if anywhere.
    directory: Option<PathBuf>,
    file: Option<CacheFile>,
}

#[derive(Debug, Default)]
struct Held {
    tokens: BTreeMap<TokenKey, CachedToken>,
    /// The state of the file that `tokens` was read from or written to.
    stamp: Option<Stamp>,
    /// What was changed since: one change of a key, oldest first.
    unwritten: Vec<Change>,
    /// Whether a task is going to write it.
    is_write_due: bool,
    orders: Orders,
}

/// What an order to forget tokens did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// How many tokens were in the file; `None` if they could not be counted.
    pub on_disk: Option<usize>,
}

type Flight = Shared<BoxFuture<'static, Result<CachedToken, PluginError>>>;

impl TokenCache {
    /// A cache that lives and dies with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(None, None)
    }

    /// The same, and it heeds the orders to forget tokens that are left in `directory`.
    #[must_use]
    pub fn in_memory_beside(directory: &Path) -> Self {
        Self::new(Some(directory), None)
    }

    /// A cache in `directory`, which is made if needed. A file that cannot be decrypted is set
    /// aside and the cache starts empty.
    ///
    /// # Errors
    /// The key or the directory cannot be used.
    pub fn open(directory: &Path, key: &KeySource) -> Result<Self, CacheError> {
        let file = CacheFile::open(directory, key)?;
        Ok(Self::new(Some(directory), Some(file)))
    }

    fn new(directory: Option<&Path>, file: Option<CacheFile>) -> Self {
        let orders = directory.map(Orders::of).unwrap_or_default();
        let held = Held {
            orders,
            ..Held::default()
        };
        Self {
            inner: Arc::new(Inner {
                held: Mutex::new(held),
                directory: directory.map(Path::to_owned),
                file,
                ..Inner::default()
            }),
        }
    }

    /// Makes no attempt to log the API account on for `first` after the vault refused one, and for
    /// growing pauses up to `longest` after further ones. Without this every request tries.
    #[must_use]
    pub fn pausing_after_refusals(self, first: Duration, longest: Duration) -> Self {
        let _ = self.inner.pauses.set((first, longest));
        self
    }

    /// What the cache was used for so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.counts.read()
    }

    /// The token of `key`, unless it was issued before `not_before`.
    #[must_use]
    pub fn get(&self, key: &TokenKey, not_before: Option<Timestamp>) -> Option<CachedToken> {
        let mut held = lock(&self.inner.held);
        self.inner.refresh(&mut held);
        held.token(key, not_before)
    }

    /// The token of `key`, or what `load` gives; callers that miss at the same time share one
    /// load.
    ///
    /// # Errors
    /// The load's error, for every caller that shared it.
    pub async fn get_or_load<F>(
        &self,
        key: &TokenKey,
        not_before: Option<Timestamp>,
        load: impl FnOnce() -> F,
    ) -> Result<CachedToken, PluginError>
    where
        F: Future<Output = Result<CachedToken, PluginError>> + Send + 'static,
    {
        if let Some(token) = self.get(key, not_before) {
            self.inner.counts.hit();
            return Ok(token);
        }
        self.inner.counts.missed();
        let flight = {
            let mut flights = lock(&self.inner.flights);
            if let Some(flight) = flights.get(key) {
                flight.clone()
            } else {
                // A flight may have landed since the look above.
                let landed = lock(&self.inner.held).token(key, not_before);
                if let Some(token) = landed {
                    return Ok(token);
                }
                let refusal = lock(&self.inner.refusals).of(key);
                if let Some(refusal) = refusal {
                    self.inner.counts.withheld();
                    return Err(refusal);
                }
                let flight = self.take_off(key.clone(), load());
                flights.insert(key.clone(), flight.clone());
                flight
            }
        };
        flight.await
    }

    fn take_off<F>(&self, key: TokenKey, load: F) -> Flight
    where
        F: Future<Output = Result<CachedToken, PluginError>> + Send + 'static,
    {
        let cache = self.clone();
        let began = lock(&self.inner.held).orders.last();
        let task = tokio::spawn(async move {
            // Made first, so that the flight is over even if the load panics.
            let landing = Landing {
                cache: &cache,
                key: &key,
            };
            let loaded = load.await;
            cache.inner.note(&key, &loaded);
            if let Ok(token) = &loaded {
                cache.note(Change::Keep {
                    key: key.clone(),
                    token: token.clone(),
                    began,
                });
            }
            drop(landing);
            loaded
        });
        async move { task.await.unwrap_or_else(|_| Err(load_lost())) }
            .boxed()
            .shared()
    }

    /// Drops the token of `key` if it is still `refused`: somebody else may have replaced it.
    ///
    /// # Panics
    /// Outside a runtime, where there is a file to be written.
    pub fn forget(&self, key: &TokenKey, refused: &Secret) {
        self.note(Change::Forget {
            key: key.clone(),
            refused: refused.clone(),
        });
    }

    /// Drops every token, or those of one user (`joe.user` in any domain, or `ACME\joe.user`; the
    /// API account is one), and tells how many. Other processes that use the same directory do likewise.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn clear(&self, user: Option<&str>) -> Result<usize, CacheError> {
        let inner = &self.inner;
        if let Some(directory) = &inner.directory {
            let _lock = file::lock_directory(directory)?;
            let mut held = lock(&inner.held);
            inner.refresh(&mut held);
            held.orders.add(user);
            held.orders.write(directory)?;
        } else {
            lock(&inner.held).orders.add(user);
        }
        lock(&inner.refusals).forget();
        let mut dropped = 0;
        inner.write_through(|held| {
            let before = held.tokens.len();
            held.tokens
                .retain(|key, token| user.is_some_and(|user| !key.is_of(user, token)));
            dropped = before - held.tokens.len();
        })?;
        Ok(dropped)
    }

    /// The same from outside: orders whoever uses `directory` to forget tokens, and takes them out
    /// of the file there. Makes neither a directory nor a key.
    ///
    /// # Errors
    /// A file cannot be read or written, or one user's tokens cannot be told from the others'
    /// without the key.
    pub fn clear_directory(
        directory: &Path,
        key: Option<&KeySource>,
        user: Option<&str>,
    ) -> Result<Cleared, CacheError> {
        let none = Cleared {
            on_disk: key.map(|_| 0),
        };
        if !directory.is_dir() {
            return Ok(none);
        }
        {
            let _lock = file::lock_directory(directory)?;
            let mut orders = Orders::of(directory);
            orders.add(user);
            orders.write(directory)?;
        }
        let cleared = match key.map(|key| CacheFile::existing(directory, key)) {
            Some(Ok(file)) => Self::new(Some(directory), Some(file))
                .clear(user)
                .map(|count| Cleared {
                    on_disk: Some(count),
                }),
            // Nobody can use such a file: one without a key, or with a key that is lost.
            None => Ok(none),
            Some(Err(_)) if !file::has_tokens(directory) => Ok(none),
            Some(Err(_)) if user.is_none() => Ok(Cleared { on_disk: None }),
            Some(Err(error)) => Err(error),
        }?;
        let _lock = file::lock_directory(directory)?;
        file::sweep(directory, user.is_none())?;
        Ok(cleared)
    }

    /// Changes memory at once, and the file a moment later.
    fn note(&self, change: Change) {
        {
            let mut held = lock(&self.inner.held);
            let is_news = change.apply(&mut held);
            if !is_news || self.inner.file.is_none() {
                return;
            }
            held.keep_unwritten(change);
            if std::mem::replace(&mut held.is_write_due, true) {
                return;
            }
        }
        self.inner.writers.later(write(Arc::clone(&self.inner)));
    }

    /// Waits until everything that is to be on disk is there; what could not be written is tried
    /// once more.
    pub async fn written(&self) {
        self.inner.writers.done().await;
        let is_left = !lock(&self.inner.held).unwritten.is_empty();
        if is_left {
            write(Arc::clone(&self.inner)).await;
        }
    }
}

/// Writes what is unwritten. A file that cannot be written costs a log-on after the next start and
/// nothing else, so it is only logged.
async fn write(inner: Arc<Inner>) {
    match tokio::task::spawn_blocking(move || inner.write_through(|_| {})).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("{error}; tokens are kept in memory only"),
        Err(_) => tracing::warn!("failed to write the token cache: the writer was lost"),
    }
}

impl Held {
    fn token(&self, key: &TokenKey, not_before: Option<Timestamp>) -> Option<CachedToken> {
        let found = self.tokens.get(key)?;
        not_before
            .is_none_or(|limit| found.issued_at >= limit)
            .then(|| found.clone())
    }

    fn keep_unwritten(&mut self, change: Change) {
        self.unwritten.retain(|known| known.key() != change.key());
        self.unwritten.push(change);
    }
}

impl Inner {
    /// Carries out the orders of other processes and reads the file again if one changed it.
    fn refresh(&self, held: &mut Held) {
        if let Some(directory) = &self.directory
            && let Some(orders) = held.orders.news(directory)
        {
            let is_hit = |key: &TokenKey, token: &CachedToken| {
                orders.iter().any(|order| order.is_for(key, token))
            };
            held.tokens.retain(|key, token| !is_hit(key, token));
            orders.iter().for_each(Order::log);
            if !orders.is_empty() {
                lock(&self.refusals).forget();
            }
        }
        let Some(file) = &self.file else { return };
        let stamp = file.stamp();
        if held.stamp != stamp {
            held.stamp = stamp;
            let Some(tokens) = file.read() else { return };
            held.tokens = tokens;
            let unwritten = std::mem::take(&mut held.unwritten);
            for change in &unwritten {
                change.apply_again(held);
            }
            held.unwritten = unwritten;
        }
    }

    /// Changes memory and file. What is unwritten goes along, and stays unwritten where that fails.
    fn write_through(&self, apply: impl FnOnce(&mut Held)) -> Result<(), CacheError> {
        let Some(file) = &self.file else {
            let mut held = lock(&self.held);
            self.refresh(&mut held);
            apply(&mut held);
            return Ok(());
        };
        let between_processes = file.lock();
        let (tokens, taken) = {
            let mut held = lock(&self.held);
            self.refresh(&mut held);
            apply(&mut held);
            held.is_write_due = false;
            (held.tokens.clone(), std::mem::take(&mut held.unwritten))
        };
        let written = between_processes.and_then(|_guard| {
            // Nobody who wants a token waits for this.
            let fresh = file.write_beside(&tokens)?;
            let mut held = lock(&self.held);
            file.replace_by(&fresh)?;
            held.stamp = file.stamp();
            Ok(())
        });
        if written.is_err() {
            let mut held = lock(&self.held);
            let since = std::mem::replace(&mut held.unwritten, taken);
            for change in since {
                held.keep_unwritten(change);
            }
        }
        written
    }

    /// Takes note of how a load ended; only the API account can be locked by log-ons.
    fn note(&self, key: &TokenKey, loaded: &Result<CachedToken, PluginError>) {
        self.counts.loaded(key.is_of_api_account(), loaded.is_ok());
        if let Some(pauses) = self.pauses.get()
            && key.is_of_api_account()
        {
            lock(&self.refusals).note(key, loaded, *pauses);
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> CacheError {
    CacheError::File {
        path: path.to_owned(),
        reason: format!("{error}; see that the ECM may write there and the disk has room"),
    }
}

/// Ends a flight when it is dropped.
struct Landing<'a> {
    cache: &'a TokenCache,
    key: &'a TokenKey,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        lock(&self.cache.inner.flights).remove(self.key);
    }
}

fn drop_oldest(tokens: &mut BTreeMap<TokenKey, CachedToken>) {
    while tokens.len() > TOKENS_MAX {
        let oldest = tokens.iter().min_by_key(|(_, token)| token.issued_at);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        tokens.remove(&key);
    }
}

fn load_lost() -> PluginError {
    PluginError::new(
        ErrorKind::Unexpected,
        Hop::Ecm,
        "the log-on to the vault ended without a result",
        "try again and report the panic in ECM.log",
        Owner::Maintainer,
    )
}

/// A poisoned lock only means that a panic happened elsewhere; the map is whole after every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
