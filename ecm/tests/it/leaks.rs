//! No planted secret reaches a log line, an error or the debug form of anything, whatever the
//! vault answers.

use std::cell::RefCell;
use std::io::Write;

use ecm::plugin::Plugin;

use crate::vault::{CANARY, Vault, ok, plugin_with, refused, session, soon, well};

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what this thread logs. A subscriber for the thread alone would race with other tests: the
/// first thread to reach a log line decides for all whether anybody listens.
struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_or_told_in_any_error() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(|| Captured)
        .init();

    let vault = Vault::start(|call| match (call.operation.as_str(), call.nth) {
        ("SearchSecretsByFieldValue", 1) => refused("expired token"),
        ("GetTokenIsValid", _) => refused("no"),
        ("GetSecret", 1) => ok("<Secret><Id>not a number</Id></Secret>"),
        _ => well(call),
    })
    .await;
    let place = tempfile::tempdir().unwrap();
    let key = ecm::token_cache::KeySource::File(place.path().join("key"));
    let tokens = ecm::token_cache::TokenCache::open(&place.path().join("cache"), &key).unwrap();
    let plugin = plugin_with(vault.settings(), tokens.clone());
    let mut shown = format!("{plugin:?} {tokens:?}");
    for _ in 0..2 {
        let lookup = soon(plugin.explain_find(&session())).await;
        let package = soon(plugin.get_credential(&session(), "7")).await;
        let released = soon(plugin.release_credential(&session(), "7", 0)).await;
        let health = soon(plugin.health()).await;
        shown.push_str(&format!("{lookup:?} {package:?} {released:?} {health:?}"));
    }

    // The test's runtime has one thread, so every task of the plugin logged here.
    let logged = String::from_utf8(LOGGED.take()).unwrap();
    assert!(
        logged.contains("vault answered"),
        "the log is captured: {logged}"
    );
    for step in [
        "user in   joe.user (local) [",
        "acting for the vault user",
        "search in Machine = srv01 [",
    ] {
        assert!(logged.contains(step), "{step}: {logged}");
    }
    assert!(!logged.contains(CANARY), "{logged}");
    assert!(!shown.contains(CANARY), "{shown}");
}
