//! A hundred thousand accounts, found through an index.

use mock_password_safe::lab::BulkEntry;
use mock_password_safe::{Lab, MockPasswordSafe};

use crate::client::{User, started};

#[tokio::test]
async fn a_hundred_thousand_accounts_are_searched_without_walking_them() {
    let mut lab = Lab::acme().unwrap();
    lab.bulk = Some(BulkEntry {
        systems: 1000,
        accounts_per_system: 100,
        smart_group: Some("Servers".into()),
    });
    let mock = started(lab).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let found = joe
        .get("ManagedAccounts?systemName=bulk-00777&accountName=account-042")
        .await;
    assert_eq!(found.json()["AccountName"], "account-042");
    assert_eq!(
        joe.get("ManagedAccounts?systemName=bulk-01000")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        100
    );
    assert_eq!(
        joe.get("ManagedAccounts")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1000,
        "the default limit"
    );
    // Times of one run against each other, the best of several: the page of a thousand rows walks
    // and writes, a name is looked up.
    let page = fastest(&mock, &joe, "ManagedAccounts").await;
    for path in [
        "ManagedAccounts?systemName=bulk-00777&accountName=account-042",
        "ManagedAccounts?systemName=no-such-system",
    ] {
        let named = fastest(&mock, &joe, path).await;
        assert!(named * 2 < page, "{path}: {named} µs, a page {page} µs");
    }
}

/// The least time of five such calls, microseconds.
async fn fastest(mock: &MockPasswordSafe, user: &User<'_>, path: &str) -> u64 {
    for _ in 0..5 {
        user.get(path).await;
    }
    let calls = mock.journal().calls_of("GET ManagedAccounts");
    let last = calls.entries().iter().rev().take(5);
    last.map(|entry| entry.elapsed_us).min().unwrap()
}
