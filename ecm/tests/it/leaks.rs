//! No planted secret reaches a log line, an error or the debug form of anything, whatever the
//! vault answers.

use std::io::Write;
use std::sync::{Arc, Mutex};

use ecm::plugin::Plugin;
use tracing_subscriber::fmt::MakeWriter;

use crate::vault::{CANARY, Vault, ok, plugin_with, refused, session, soon, well};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_or_told_in_any_error() {
    let log = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // The test's runtime has one thread, so every task of the plugin logs here.
    let guard = tracing::subscriber::set_default(subscriber);

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
    drop(guard);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("vault answered"),
        "the log is captured: {logged}"
    );
    assert!(!logged.contains(CANARY), "{logged}");
    assert!(!shown.contains(CANARY), "{shown}");
}
