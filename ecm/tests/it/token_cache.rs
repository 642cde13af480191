//! The token cache: on disk, shared, cleared from outside, and never readable.

mod command;
mod disk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ecm::error::{ErrorKind, Hop, Owner, PluginError};
use ecm::plugin::Plugin;
use ecm::secret::Secret;
use ecm::token_cache::{CachedToken, KeySource, TokenCache, TokenKey, issued_not_before};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::vault::{CANARY, Vault, plugin_with, session, session_of, soon, well};

struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    fn key(&self) -> KeySource {
        KeySource::File(self.root.path().join("key"))
    }

    fn open(&self) -> TokenCache {
        TokenCache::open(&self.directory(), &self.key()).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.directory().join("tokens")
    }
}

fn key(users: &[&str]) -> TokenKey {
    TokenKey {
        vault: "https://vault".into(),
        users: users.iter().map(|user| (*user).into()).collect(),
    }
}

fn token(text: &str) -> CachedToken {
    let issued_at = Timestamp::from_second(1_000_000).unwrap();
    CachedToken {
        token: Secret::from(text),
        user: "joe".into(),
        issued_at,
    }
}

/// A token that is not on disk at once.
async fn take(cache: &TokenCache, key: &TokenKey, text: &str) {
    let fresh = token(text);
    cache
        .get_or_load(key, None, || async { Ok(fresh) })
        .await
        .unwrap();
}

async fn put(cache: &TokenCache, key: &TokenKey, text: &str) {
    take(cache, key, text).await;
    cache.written().await;
}

fn held(cache: &TokenCache, key: &TokenKey) -> Option<String> {
    cache
        .get(key, None)
        .map(|found| found.token.expose().to_owned())
}

#[tokio::test]
async fn tokens_survive_a_restart_and_cannot_be_read_from_the_file() {
    let place = Place::new();
    put(&place.open(), &key(&["ACME\\joe"]), CANARY).await;

    let content = fs::read(place.file()).unwrap();
    let contains = |part: &str| {
        content
            .windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    assert!(!contains(CANARY) && !contains("joe") && !contains("vault"));
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(place.file()), mode(place.root.path().join("key"))),
        (0o600, 0o600)
    );

    assert_eq!(
        held(&place.open(), &key(&["ACME\\joe"])).as_deref(),
        Some(CANARY)
    );
    assert_eq!(held(&place.open(), &key(&["ACME\\sue"])), None);
}

#[tokio::test]
async fn a_cache_that_is_corrupt_or_of_another_key_is_set_aside_and_rebuilt() {
    let place = Place::new();
    put(&place.open(), &key(&["joe"]), "t").await;
    let good = fs::read(place.file()).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for broken in [&flipped[..], &good[..20], b"", b"something else"] {
        fs::write(place.file(), broken).unwrap();
        let cache = place.open();
        assert_eq!(held(&cache, &key(&["joe"])), None);
        assert_eq!(
            fs::read(place.directory().join("tokens.set-aside")).unwrap(),
            broken
        );
        put(&cache, &key(&["joe"]), "new").await;
        assert_eq!(held(&place.open(), &key(&["joe"])).as_deref(), Some("new"));
    }
    let other = KeySource::File(place.root.path().join("other-key"));
    let foreign = TokenCache::open(&place.directory(), &other).unwrap();
    assert_eq!(held(&foreign, &key(&["joe"])), None);
}

#[tokio::test]
async fn another_process_may_clear_all_or_one_user_while_this_one_runs() {
    let place = Place::new();
    let (service, command) = (place.open(), place.open());
    let (joe, sue) = (key(&["ACME\\Joe", "joe"]), key(&["ACME\\sue"]));
    put(&service, &joe, "j").await;
    put(&service, &sue, "s").await;
    put(&service, &key(&[]), "api").await;

    assert_eq!(command.clear(Some("acme\\JOE")).unwrap(), 1);
    assert_eq!(
        (held(&service, &joe), held(&service, &sue).as_deref()),
        (None, Some("s"))
    );
    assert_eq!(command.clear(Some("sue")).unwrap(), 1);
    assert_eq!(held(&service, &sue), None);
    assert_eq!(held(&service, &key(&[])).as_deref(), Some("api"));
    assert_eq!(command.clear(None).unwrap(), 1);
    assert_eq!(held(&service, &key(&[])), None);

    // The service does not bring back what was cleared when it writes next.
    put(&service, &sue, "s2").await;
    assert_eq!(held(&command, &joe), None);
}

#[tokio::test]
async fn the_api_account_is_known_by_its_name_too() {
    for name in ["svc-ECM", "corp\\svc-ecm"] {
        let place = Place::new();
        let (service, command) = (place.open(), place.open());
        let (api, joe) = (key(&[]), key(&["ACME\\joe"]));
        let account = CachedToken {
            user: "CORP\\svc-ecm".into(),
            ..token("api")
        };
        put(&service, &joe, "j").await;
        let load = service.get_or_load(&api, None, || async { Ok(account) });
        load.await.unwrap();
        service.written().await;
        assert_eq!(command.clear(Some("svc")).unwrap(), 0);
        assert_eq!(held(&service, &api).as_deref(), Some("api"));
        assert_eq!(command.clear(Some(name)).unwrap(), 1);
        assert_eq!(held(&service, &api), None, "{name}");
        assert_eq!(held(&service, &joe).as_deref(), Some("j"));
    }
}

#[test]
fn a_key_that_others_may_read_or_that_is_missing_is_refused_with_the_cure() {
    let place = Place::new();
    let path = place.root.path().join("key");
    fs::write(&path, [7; 32]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = TokenCache::open(&place.directory(), &place.key())
        .unwrap_err()
        .to_string();
    assert!(error.contains("chmod 600"), "{error}");

    fs::write(&path, "short").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = TokenCache::open(&place.directory(), &place.key())
        .unwrap_err()
        .to_string();
    assert!(error.contains("fewer than 32 bytes"), "{error}");

    let credentials = KeySource::CredentialsDirectory(place.root.path().into());
    assert!(TokenCache::open(&place.directory(), &credentials).is_err());
    fs::write(place.root.path().join("token-cache-key"), [7; 32]).unwrap();
    assert!(TokenCache::open(&place.directory(), &credentials).is_ok());
}

#[tokio::test]
async fn concurrent_misses_share_one_load_and_one_error() {
    let cache = TokenCache::in_memory();
    let loads = Arc::new(AtomicUsize::new(0));
    let failing = |loads: Arc<AtomicUsize>| async move {
        tokio::task::yield_now().await;
        loads.fetch_add(1, Ordering::SeqCst);
        let next = "try again";
        Err(PluginError::new(
            ErrorKind::Timeout,
            Hop::Http,
            "late",
            next,
            Owner::Maintainer,
        ))
    };
    let joe = key(&["joe"]);
    let all = (0..50).map(|_| cache.get_or_load(&joe, None, || failing(Arc::clone(&loads))));
    let answers = futures_util::future::join_all(all).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_err_and(|e| e.message == "late"))
    );
    assert_eq!(loads.load(Ordering::SeqCst), 1);

    // An error is not kept.
    put(&cache, &joe, "t").await;
    assert_eq!(held(&cache, &joe).as_deref(), Some("t"));
}

#[tokio::test]
async fn a_load_that_panics_is_an_error_for_its_callers_and_for_nobody_else() {
    let cache = TokenCache::in_memory();
    let joe = key(&["joe"]);
    let panicking = || async { panic!("on purpose") };
    let error = soon(cache.get_or_load(&joe, None, panicking))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    soon(put(&cache, &joe, "t")).await;
    assert_eq!(held(&cache, &joe).as_deref(), Some("t"));
}

#[tokio::test]
async fn only_the_refused_token_is_forgotten() {
    let cache = TokenCache::in_memory();
    let joe = key(&["joe"]);
    put(&cache, &joe, "new").await;
    cache.forget(&joe, &"old".into());
    assert_eq!(held(&cache, &joe).as_deref(), Some("new"));
    cache.forget(&joe, &"new".into());
    assert_eq!(held(&cache, &joe), None);
}

#[tokio::test]
async fn a_token_older_than_its_lifetime_is_not_used() {
    let cache = TokenCache::in_memory();
    let joe = key(&["joe"]);
    put(&cache, &joe, "t").await;
    let at = |offset: i64| Timestamp::from_second(1_000_000 + offset).unwrap();
    let limit = |offset| issued_not_before(at(offset), Some(Duration::from_secs(60)));
    assert!(cache.get(&joe, limit(60)).is_some());
    assert!(cache.get(&joe, limit(61)).is_none());
    assert_eq!(issued_not_before(at(0), None), None);
}

#[tokio::test]
async fn a_restarted_plugin_needs_no_new_log_on() {
    let place = Place::new();
    let vault = Vault::start(well).await;
    for _ in 0..2 {
        let tokens = place.open();
        let plugin = plugin_with(vault.settings(), tokens.clone());
        soon(plugin.find_credentials(&session())).await.unwrap();
        soon(tokens.written()).await;
    }
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (1, 1)
    );

    // Another user has a token of their own; the API account's is shared.
    let plugin = plugin_with(vault.settings(), place.open());
    soon(plugin.find_credentials(&session_of("sue", "srv01")))
        .await
        .unwrap();
    assert_eq!(
        (vault.count("Authenticate"), vault.count("ImpersonateUser")),
        (1, 2)
    );
}

fn refusal(kind: ErrorKind) -> PluginError {
    let hop = Hop::Vault("Authenticate");
    PluginError::new(kind, hop, "no", "wait", Owner::EcmAdministrator)
}

#[tokio::test]
async fn a_cache_in_memory_heeds_the_orders_of_another_process() {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    let service = TokenCache::in_memory_beside(&place.directory());
    let (joe, sue) = (key(&["ACME\\joe"]), key(&["ACME\\sue"]));
    put(&service, &joe, "j").await;
    put(&service, &sue, "s").await;
    let clear = |user| TokenCache::clear_directory(&place.directory(), None, user).unwrap();
    clear(Some("joe"));
    assert_eq!(
        (held(&service, &joe), held(&service, &sue).as_deref()),
        (None, Some("s"))
    );
    clear(None);
    assert_eq!(held(&service, &sue), None);
    // An order is carried out once.
    put(&service, &joe, "j2").await;
    assert_eq!(held(&service, &joe).as_deref(), Some("j2"));
}

#[tokio::test]
async fn a_log_on_that_was_under_way_does_not_bring_a_token_back() {
    let place = Place::new();
    for on_disk in [false, true] {
        let service = match on_disk {
            true => place.open(),
            false => {
                fs::create_dir(place.directory()).unwrap();
                TokenCache::in_memory_beside(&place.directory())
            }
        };
        let joe = key(&["joe"]);
        let (arrived, go_on) = (
            Arc::new(tokio::sync::Notify::new()),
            Arc::new(tokio::sync::Notify::new()),
        );
        let load = {
            let (arrived, go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
            || async move {
                arrived.notify_one();
                go_on.notified().await;
                Ok(token("old"))
            }
        };
        let loading = service.get_or_load(&joe, None, load);
        let ordering = async {
            arrived.notified().await;
            let source = on_disk.then(|| place.key());
            TokenCache::clear_directory(&place.directory(), source.as_ref(), None).unwrap();
            go_on.notify_one();
        };
        let (loaded, ()) = soon(async { tokio::join!(loading, ordering) }).await;
        // Whoever waited for it gets it; nobody else does.
        assert_eq!(loaded.unwrap().token.expose(), "old");
        assert_eq!(held(&service, &joe), None, "on disk: {on_disk}");
        soon(service.written()).await;
    }
    assert_eq!(held(&place.open(), &key(&["joe"])), None);
}

#[tokio::test]
async fn an_order_makes_nothing_and_leaves_nothing_that_may_hold_a_token() {
    let place = Place::new();
    let clear = |source: Option<&KeySource>, user: Option<&str>| {
        TokenCache::clear_directory(&place.directory(), source, user)
    };
    let source = place.key();
    assert_eq!(clear(Some(&source), None).unwrap().on_disk, Some(0));
    assert!(!place.directory().exists() && !place.root.path().join("key").exists());

    put(&place.open(), &key(&["joe"]), "t").await;
    let aside = place.directory().join("tokens.set-aside");
    fs::write(&aside, "what was a cache once").unwrap();
    assert_eq!(clear(Some(&source), Some("joe")).unwrap().on_disk, Some(1));
    assert!(!aside.exists());

    // Without its key the file is of no use to anybody, so it may go as a whole only.
    put(&place.open(), &key(&["joe"]), "t").await;
    fs::remove_file(place.root.path().join("key")).unwrap();
    assert!(clear(Some(&source), Some("joe")).is_err());
    assert_eq!(clear(Some(&source), None).unwrap().on_disk, None);
    assert!(!place.file().exists() && !place.root.path().join("key").exists());
}

#[tokio::test]
async fn a_refused_log_on_is_answered_from_memory_until_something_changes() {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    let hour = Duration::from_secs(3600);
    let cache = TokenCache::in_memory_beside(&place.directory()).pausing_after_refusals(hour, hour);
    let loads = AtomicUsize::new(0);
    let ask = async |key: TokenKey, error: PluginError| {
        let load = || {
            loads.fetch_add(1, Ordering::SeqCst);
            async { Err(error) }
        };
        cache.get_or_load(&key, None, load).await.unwrap_err()
    };
    for _ in 0..6 {
        let error = ask(key(&[]), refusal(ErrorKind::Authentication)).await;
        assert_eq!(error.kind, ErrorKind::Authentication);
    }
    assert_eq!(loads.swap(0, Ordering::SeqCst), 1);
    let error = ask(key(&[]), refusal(ErrorKind::Authentication)).await;
    assert!(
        error.message.contains("not tried again for"),
        "{}",
        error.message
    );
    assert_eq!(cache.counts().withheld_log_ons, 6);

    // Users cannot be locked by it, and a vault that is away refuses nobody.
    for _ in 0..2 {
        ask(key(&["joe"]), refusal(ErrorKind::Authentication)).await;
    }
    assert_eq!(loads.swap(0, Ordering::SeqCst), 2);
    TokenCache::clear_directory(&place.directory(), None, Some("anybody")).unwrap();
    for _ in 0..2 {
        ask(key(&[]), refusal(ErrorKind::Timeout)).await;
    }
    assert_eq!(loads.swap(0, Ordering::SeqCst), 2);
    put(&cache, &key(&[]), "t").await;
    assert_eq!(cache.counts().log_ons, 1);
}

#[tokio::test]
async fn a_refused_log_on_is_tried_again_after_its_pause() {
    let moment = Duration::from_millis(1);
    let cache = TokenCache::in_memory().pausing_after_refusals(moment, moment);
    let refused = || async { Err(refusal(ErrorKind::Authentication)) };
    assert!(cache.get_or_load(&key(&[]), None, refused).await.is_err());
    let tried_again = async {
        loop {
            let load = || async { Ok(token("t")) };
            if cache.get_or_load(&key(&[]), None, load).await.is_ok() {
                return;
            }
        }
    };
    soon(tried_again).await;
}
