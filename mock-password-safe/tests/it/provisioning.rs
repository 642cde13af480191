//! What is added and removed while others hold on to it.

use crate::client::{User, acme};

#[tokio::test]
async fn what_is_added_never_has_the_id_of_what_was_removed() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let alias = joe.get("Aliases").await.json()[0].clone();
    assert_eq!(alias["AccountId"], 2);
    assert_eq!(joe.ask("web01", "svc-web", "").await.status, 201);
    let last = admin.get("ManagedAccounts?limit=1000").await.json();
    let ids = last.as_array().unwrap().iter();
    let last = ids.map(|row| row["AccountId"].as_i64().unwrap()).max();

    // All but the first account.
    for system in 2..=9 {
        let path = format!("ManagedSystems/{system}");
        assert_eq!(admin.delete(&path).await.status, 200);
    }
    for account in 2..=3 {
        let path = format!("ManagedAccounts/{account}");
        assert_eq!(admin.delete(&path).await.status, 200);
    }
    let accounts = "ManagedSystems/1/ManagedAccounts";
    let stranger = r#"{"AccountName":"stranger","ApiEnabled":true}"#;
    let mut ids = vec![last.unwrap()];
    for _ in 0..4 {
        let added = admin.post(accounts, stranger).await.json();
        ids.push(added["ManagedAccountID"].as_i64().unwrap());
        let alias = joe.get("Aliases?state=0,1").await.json()[0].clone();
        assert_eq!(alias["AliasState"], 0, "mapped to a stranger: {alias}");
        let recent = joe.get("ManagedAccounts?type=recent").await;
        assert_eq!(recent.pair(), (200, "[]"));
        let path = format!("{accounts}/stranger");
        assert_eq!(admin.delete(&path).await.status, 200);
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");

    // The last two systems were no assets: of them nothing is left.
    let asset = r#"{"AssetName":"new"}"#;
    let added = admin.post("Workgroups/2/Assets", asset).await.json();
    assert_eq!(added["AssetID"], 10);
    let agent = r#"{"PlatformID":1,"AccountName":"agent"}"#;
    for id in 1..4 {
        let added = admin.post("FunctionalAccounts", agent).await.json();
        assert_eq!(added["FunctionalAccountID"], id);
        let path = format!("FunctionalAccounts/{id}");
        assert_eq!(admin.delete(&path).await.status, 200);
    }
}
