//! A hundred thousand accounts, found through an index.

use mock_password_safe::Lab;
use mock_password_safe::lab::BulkEntry;

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
    for path in [
        "ManagedAccounts?systemName=bulk-00777&accountName=account-042",
        "ManagedAccounts?systemName=bulk-01000",
        "ManagedAccounts?systemName=no-such-system",
    ] {
        joe.get(path).await;
    }
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
    // The median of real times, generous for a busy machine: a walk over all accounts in a debug
    // build takes several times as long.
    let mut times: Vec<u64> = mock
        .journal()
        .calls_of("GET ManagedAccounts")
        .entries()
        .iter()
        .take(4)
        .map(|entry| entry.elapsed_us)
        .collect();
    times.sort_unstable();
    assert!(times[1] < 20_000, "{times:?} µs");
}
