//! The sessions that are kept: forgotten by order, and counted.

use std::sync::{Arc, Once};

use ecm::plugin::Plugin;
use ecm::token_cache::{Counts, TokenCache};

use super::vault::{Call, HandClock, Vault, dead_session, plugin_with, session, soon, well};

/// How many calls a list costs after somebody ordered the session of `forget` to be forgotten.
async fn check(
    tokens: TokenCache,
    forget: impl Fn(Option<&str>),
    orders: &[(Option<Option<&str>>, usize)],
) {
    let vault = Vault::start(well).await;
    let plugin = plugin_with(vault.settings(), &tokens, Arc::new(HandClock::default()));
    for (order, calls) in orders {
        if let Some(user) = order {
            forget(*user);
        }
        soon(plugin.find_credentials(&session())).await.unwrap();
        assert_eq!(vault.take_calls().len(), *calls, "{order:?}");
    }
}

const ORDERS: &[(Option<Option<&str>>, usize)] = &[
    (None, 3),
    (None, 2),
    (Some(Some("somebody.else")), 2),
    (Some(Some("acme\\JOE.USER")), 3),
    (Some(Some("joe.user")), 3),
    (Some(None), 3),
    (None, 2),
];

#[tokio::test]
async fn a_forgotten_session_is_opened_anew() {
    let tokens = TokenCache::in_memory();
    let forget = |user: Option<&str>| {
        tokens.clear(user).unwrap();
    };
    check(tokens.clone(), forget, ORDERS).await;
}

#[tokio::test]
async fn another_process_can_order_a_session_to_be_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = TokenCache::in_memory_beside(directory.path());
    let forget = |user: Option<&str>| {
        TokenCache::clear_directory(directory.path(), None, user).unwrap();
    };
    check(tokens, forget, ORDERS).await;
}

#[tokio::test]
async fn a_session_that_is_forgotten_while_it_is_opened_is_not_kept() {
    let tokens = TokenCache::in_memory();
    let (ordered, once) = (tokens.clone(), Once::new());
    let vault = Vault::start(move |call: &Call| {
        if call.endpoint == "Auth/SignAppin" {
            once.call_once(|| drop(ordered.clear(None)));
        }
        well(call)
    })
    .await;
    let plugin = plugin_with(vault.settings(), &tokens, Arc::new(HandClock::default()));
    for calls in [3, 3, 2] {
        soon(plugin.find_credentials(&session())).await.unwrap();
        assert_eq!(vault.take_calls().len(), calls);
    }
}

#[tokio::test]
async fn sessions_are_counted_with_the_tokens() {
    let tokens = TokenCache::in_memory();
    let vault = Vault::start(|call: &Call| match (call.endpoint.as_str(), call.nth) {
        ("Auth/SignAppin", 0) => dead_session(),
        _ => well(call),
    })
    .await;
    let plugin = plugin_with(vault.settings(), &tokens, Arc::new(HandClock::default()));
    assert!(soon(plugin.find_credentials(&session())).await.is_err());
    for _ in 0..3 {
        soon(plugin.find_credentials(&session())).await.unwrap();
    }
    let expected = Counts {
        hits: 2,
        misses: 2,
        user_log_ons: 1,
        failed_user_log_ons: 1,
        ..Counts::default()
    };
    assert_eq!(tokens.counts(), expected);
}
