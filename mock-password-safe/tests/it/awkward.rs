//! Everything that is legal and awkward at once.

use crate::client::{User, acme_with};

#[tokio::test]
async fn the_awkward_profile_says_the_same_in_other_words() {
    let mock = acme_with(|settings| settings.awkward = true).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let got = joe.get("ManagedAccounts?systemName=web01").await;
    assert!(got.body.is_ascii() && got.body.contains("SimNewerMember"));
    let rows = got.json();
    assert_eq!(rows[0]["AccountName"], "administrator");
    assert_eq!(
        rows[0]["InstanceName"],
        serde_json::Value::Null,
        "null for empty text"
    );
    joe.ask("web01", "svc-web", "").await;
    let password = mock.account_password("web01", "svc-web").unwrap();
    assert_eq!(joe.get("Credentials/101").await.json(), password.expose());
    assert_eq!(
        joe.ask_ids(1, 3, "").await.pair(),
        (403, "4031"),
        "numbers stay bare"
    );
}
