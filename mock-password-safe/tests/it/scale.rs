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
    let of_accounts = "GET ManagedAccounts";
    let page = fastest(&mock, &joe, of_accounts, "ManagedAccounts").await;
    for path in [
        "ManagedAccounts?systemName=bulk-00777&accountName=account-042",
        "ManagedAccounts?systemName=no-such-system",
    ] {
        let named = fastest(&mock, &joe, of_accounts, path).await;
        assert!(named * 2 < page, "{path}: {named} µs, a page {page} µs");
    }
}

#[tokio::test]
async fn functional_accounts_count_their_systems_without_walking_all_that_changed() {
    let mut lab = Lab::acme().unwrap();
    lab.bulk = Some(BulkEntry {
        systems: 3000,
        accounts_per_system: 1,
        smart_group: None,
    });
    let mock = started(lab).await;
    let admin = User::sign_in(&mock, "admin").await;
    let agent = r#"{"PlatformID":2,"AccountName":"agent"}"#;
    for _ in 0..1000 {
        assert_eq!(admin.post("FunctionalAccounts", agent).await.status, 201);
    }
    let (list, path) = ("GET FunctionalAccounts", "FunctionalAccounts");
    let before = fastest(&mock, &admin, list, path).await;
    for id in 10..3010 {
        let path = format!("ManagedSystems/{id}");
        let body = format!(r#"{{"FunctionalAccountID":{}}}"#, 1 + id % 2);
        assert_eq!(admin.put(&path, &body).await.status, 200);
    }
    let after = fastest(&mock, &admin, list, path).await;
    let rows = admin.get(path).await.json();
    let count = |row: usize| rows[row]["SystemReferenceCount"].as_i64().unwrap();
    assert_eq!([count(0), count(1), count(2)], [1500, 1500, 0]);
    assert!(after < before * 4, "{after} µs, {before} µs before");
}

/// The least time of five such calls of an operation, microseconds.
async fn fastest(mock: &MockPasswordSafe, user: &User<'_>, operation: &str, path: &str) -> u64 {
    for _ in 0..5 {
        user.get(path).await;
    }
    let calls = mock.journal().calls_of(operation);
    let last = calls.entries().iter().rev().take(5);
    last.map(|entry| entry.elapsed_us).min().unwrap()
}
