//! Orders to forget tokens, so that another process can give one to an ECM that keeps its tokens in
//! memory, and so that a log-on that was under way does not bring a token back.
//!
//! In a state directory the orders stand in a small file, oldest first, one a line: its number, and
//! the user if it was not for all. An ECM that has missed orders which the file no longer has
//! forgets everything.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::file::Stamp;
use super::{CacheError, CachedToken, TokenKey, failed};
use crate::error::shortened;
use crate::small_file;

const FILE_NAME: &str = "tokens.cleared";

/// How many orders are kept.
const ORDERS_MAX: usize = 256;

/// Longest file that this wrote; what is longer is damaged.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Longest name of a user in an order; no vault has longer ones.
const USER_CHARS_MAX: usize = 512;

/// As much of it stands in a log line.
const USER_CHARS_LOGGED_MAX: usize = 200;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    number: u64,
    /// Everybody's tokens when there is none.
    user: Option<String>,
}

impl Order {
    /// Whether `token`, which is kept under `key`, is to be forgotten.
    pub(super) fn is_for(&self, key: &TokenKey, token: &CachedToken) -> bool {
        let user = self.user.as_deref();
        user.is_none_or(|user| key.is_of(user, token))
    }

    /// Whether it is about the vault user `user`.
    pub(super) fn is_about(&self, key: &TokenKey) -> bool {
        self.user.as_deref().is_none_or(|user| key.is_for(user))
    }

    /// Tells whoever reads the log of the ECM that heeded it.
    pub(super) fn log(&self) {
        let whose = match &self.user {
            Some(user) => shortened(user, USER_CHARS_LOGGED_MAX),
            None => "everybody".to_owned(),
        };
        tracing::info!(whose, "tokens forgotten by order of ecm clear-token-cache");
    }
}

/// The orders that this process has seen.
#[derive(Debug, Default)]
pub(super) struct Orders {
    last: u64,
    recent: VecDeque<Order>,
    stamp: Option<Stamp>,
}

impl Orders {
    /// Those of `directory` so far, which are no longer to be carried out by whoever starts now.
    pub(super) fn of(directory: &Path) -> Self {
        let mut orders = Self::default();
        orders.take_over(directory);
        orders
    }

    /// The number of the last order.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether a token of `key` that was asked for after order `began` is to be forgotten.
    pub(super) fn hit_since(&self, began: u64, key: &TokenKey, token: &CachedToken) -> bool {
        let orders = self.since(began);
        orders.iter().any(|order| order.is_for(key, token))
    }

    /// What `directory` has that is new; `None` if nothing is.
    pub(super) fn news(&mut self, directory: &Path) -> Option<Vec<Order>> {
        let stamp = Stamp::of(&path(directory));
        if stamp == self.stamp {
            return None;
        }
        let before = self.last;
        self.take_over(directory);
        Some(self.since(before))
    }

    /// The orders after number `before`: one to forget everything where some of them are lost.
    pub(super) fn since(&self, before: u64) -> Vec<Order> {
        let oldest = self.recent.front();
        let missed = oldest.is_some_and(|oldest| oldest.number > before + 1);
        if missed || self.last < before {
            return vec![Order {
                number: self.last,
                user: None,
            }];
        }
        let new = self.recent.iter().filter(|order| order.number > before);
        new.cloned().collect()
    }

    /// Adds an order of this process.
    pub(super) fn add(&mut self, user: Option<&str>) -> Order {
        let order = Order {
            number: self.last + 1,
            user: user.map(|user| {
                let line = user.trim().replace(['\r', '\n'], " ");
                line.chars().take(USER_CHARS_MAX).collect()
            }),
        };
        self.last = order.number;
        if self.recent.len() == ORDERS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(order.clone());
        order
    }

    /// Leaves the orders in `directory`, whose lock the caller holds.
    pub(super) fn write(&mut self, directory: &Path) -> Result<(), CacheError> {
        let text: String = self.recent.iter().map(line).collect();
        let (fresh, path) = (directory.join("tokens.cleared.new"), path(directory));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(text.as_bytes())?;
            std::fs::rename(&fresh, &path)
        };
        write().map_err(|error| failed(&path, &error))?;
        self.stamp = Stamp::of(&path);
        Ok(())
    }

    fn take_over(&mut self, directory: &Path) {
        let path = path(directory);
        self.stamp = Stamp::of(&path);
        self.recent = read(&path).into();
        self.last = self.recent.back().map_or(0, |order| order.number);
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

fn line(order: &Order) -> String {
    match &order.user {
        Some(user) => format!("{} {user}\n", order.number),
        None => format!("{}\n", order.number),
    }
}

/// The orders of a file; none if it is missing or damaged.
fn read(path: &Path) -> Vec<Order> {
    let bytes = small_file::read_own(path, FILE_BYTES_MAX).unwrap_or_default();
    let Ok(text) = String::from_utf8(bytes) else {
        return Vec::new();
    };
    let order = |line: &str| {
        let (number, user) = match line.split_once(' ') {
            Some((number, user)) => (number, Some(user.to_owned())),
            None => (line, None),
        };
        let number = number.parse().ok()?;
        Some(Order { number, user })
    };
    text.lines().filter_map(order).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::TokenCache;
    use super::*;
    use crate::log::tests::logged;

    fn token() -> CachedToken {
        CachedToken {
            token: "t".into(),
            user: "svc".into(),
            issued_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn key(user: &str) -> TokenKey {
        TokenKey {
            vault: "v".into(),
            users: vec![user.into()],
        }
    }

    #[test]
    fn news_are_told_once_and_whoever_missed_some_forgets_everything() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Orders::of(directory.path());
        let mut service = Orders::of(directory.path());
        assert_eq!(service.news(directory.path()), None);
        command.add(Some("ACME\\joe"));
        command.write(directory.path()).unwrap();
        let news = service.news(directory.path()).unwrap();
        assert!(
            news[0].is_for(&key("acme\\JOE"), &token()) && !news[0].is_for(&key("sue"), &token())
        );
        assert_eq!(service.news(directory.path()), None);

        for _ in 0..=ORDERS_MAX {
            command.add(Some("sue"));
        }
        command.write(directory.path()).unwrap();
        let news = service.news(directory.path()).unwrap();
        assert!(news.iter().any(|order| order.is_for(&key("joe"), &token())));
        // The same for a file that was taken away.
        std::fs::remove_file(path(directory.path())).unwrap();
        let news = service.news(directory.path()).unwrap();
        assert!(news[0].is_for(&key("joe"), &token()));
    }

    #[test]
    fn an_order_that_is_heeded_is_told_in_the_log_once() {
        let directory = tempfile::tempdir().unwrap();
        let service = TokenCache::in_memory_beside(directory.path());
        for (user, line) in [
            (Some("ACME\\joe"), "whose=\"ACME\\\\joe\"\n"),
            (None, "whose=\"everybody\"\n"),
        ] {
            TokenCache::clear_directory(directory.path(), None, user).unwrap();
            let heeded = || logged(|| assert_eq!(service.get(&key("joe"), None), None));
            let said = heeded();
            let words = "INFO Ecm.TokenCache.Clears - tokens forgotten by order of \
                         ecm clear-token-cache ";
            assert!(said.ends_with(&format!("{words}{line}")), "{said}");
            assert_eq!(heeded(), "");
        }
    }

    #[test]
    fn what_is_under_way_is_hit_by_later_orders_only() {
        let mut orders = Orders::default();
        orders.add(Some("joe"));
        let began = orders.last();
        assert!(!orders.hit_since(began, &key("joe"), &token()));
        orders.add(Some("sue"));
        assert!(!orders.hit_since(began, &key("joe"), &token()));
        assert!(orders.hit_since(began, &key("sue"), &token()));
        orders.add(None);
        assert!(orders.hit_since(began, &key("joe"), &token()));
    }
}
