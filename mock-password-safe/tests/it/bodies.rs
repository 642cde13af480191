//! What is wrong with a body, a word or a number is told, and nothing happens.

use std::time::Duration;

use crate::client::{User, acme, acme_with};

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_everywhere() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let before = mock.account_password("web01", "administrator").unwrap();
    for path in [
        "ManagedSystems/1/ManagedAccounts/Credentials/Change",
        "ManagedAccounts/1/Credentials/Change",
        "ManagedAccounts/1/Credentials/Test",
        "ManagedSystems/8/LinkedAccounts/10",
        "ManagedAccounts/1/Sessions/Lock",
        "Users/1/Quarantine",
        "Users/1/Requests/Terminate",
    ] {
        for body in ["{garbage", "[1]", "7"] {
            assert_eq!(admin.post(path, body).await.status, 400, "{path} {body}");
        }
    }
    for body in [
        r#"{"UpdateSystem":7}"#,
        r#"{"Queue":"perhaps"}"#,
        r#"{"Password":{}}"#,
    ] {
        let got = admin
            .post("ManagedAccounts/1/Credentials/Change", body)
            .await;
        assert_eq!(got.status, 400, "{body}");
    }
    let after = mock.account_password("web01", "administrator").unwrap();
    assert!(after.matches(before.expose()), "nothing was rotated");
    assert_eq!(admin.get("Users/1").await.json()["IsQuarantined"], false);
}

#[tokio::test]
async fn a_list_of_access_types_is_short_and_names_each_once() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let set = |types: &str| {
        format!(r#"{{"AccessTypes":[{types}],"SystemID":1,"AccountID":2,"DurationMinutes":5}}"#)
    };
    let many = vec!["\"View\""; 60_000].join(",");
    for (types, said) in [
        (
            many.as_str(),
            "AccessTypes must hold at most 4 values, each once",
        ),
        ("", "AccessTypes is empty"),
        ("\"View\",\"view\"", "AccessTypes names view twice"),
        (
            "\"View\",\"Telnet\"",
            "AccessTypes must hold View, RDP, SSH or App",
        ),
        ("1", "AccessTypes is not a list of strings"),
    ] {
        let got = joe.post("RequestSets", &set(types)).await;
        assert_eq!(got.pair(), (400, format!("\"{said}\"").as_str()));
    }
    assert_eq!(joe.get("Requests").await.body, "[]", "nothing was filed");
}

#[tokio::test]
async fn a_set_is_filed_whole_or_not_at_all_and_keeps_its_id() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let set = |types: &str| {
        format!(r#"{{"AccessTypes":[{types}],"SystemID":1,"AccountID":2,"DurationMinutes":5}}"#)
    };
    // App wants an application, which the second order lacks.
    let got = joe.post("RequestSets", &set("\"View\",\"App\"")).await;
    assert_eq!(got.status, 400);
    assert_eq!(joe.get("RequestSets").await.body, "[]");
    let made = joe
        .post("RequestSets", &set("\"View\",\"RDP\""))
        .await
        .json();
    joe.ask("lin01", "root", "").await;
    for _ in 0..2 {
        let sets = joe.get("RequestSets").await.json();
        let sizes: Vec<_> = sets
            .as_array()
            .unwrap()
            .iter()
            .map(|set| set["Requests"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [2, 1]);
        assert_eq!(sets[0]["RequestSetID"], made["RequestSetID"]);
        assert_eq!(sets[0]["Requests"], made["Requests"]);
    }
}

#[tokio::test]
async fn words_lengths_and_numbers_out_of_bounds_are_refused() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let admin = User::sign_in(&mock, "admin").await;
    let long = "x".repeat(300);
    for query in [
        format!("ManagedAccounts?systemName={long}"),
        format!("ManagedAccounts?accountName={long}"),
        "Requests?status=some".into(),
        "ISARequests?type=all".into(),
    ] {
        assert_eq!(joe.get(&query).await.status / 100, 4, "{query:.40}");
    }
    let reason = "r".repeat(1001);
    for body in [
        format!(r#"{{"SystemID":1,"AccountID":2,"Reason":"{reason}"}}"#),
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":525601}"#.into(),
        r#"{"SystemID":1,"AccountID":2,"AccessType":"Telnet"}"#.into(),
    ] {
        assert_eq!(
            admin.post("ISARequests", &body).await.status,
            400,
            "{body:.60}"
        );
    }
    for body in [
        r#"{"ReleaseDuration":90,"MaxReleaseDuration":60}"#,
        r#"{"MaxConcurrentRequests":1000}"#,
        r#"{"AccountName":"svc-web"}"#,
        r#"{"ApiEnabled":"perhaps"}"#,
    ] {
        assert_eq!(
            admin.put("ManagedAccounts/1", body).await.status,
            400,
            "{body}"
        );
    }
    let app = joe
        .ask(
            "ts01",
            "erp-operator",
            r#","AccessType":"App","ApplicationID":99"#,
        )
        .await;
    assert_eq!(
        app.pair(),
        (400, "\"ApplicationID is not valid for this account\"")
    );
    let app = joe
        .ask(
            "ts01",
            "erp-operator",
            r#","AccessType":"App","ApplicationID":1"#,
        )
        .await;
    assert_eq!(app.status, 201);
}

#[tokio::test]
async fn an_expired_release_has_ended_for_whoever_looks_next() {
    let mock = acme().await;
    let hour = Duration::from_secs(61 * 60);
    // Sessions die of idleness meanwhile, so everybody signs in again.
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask("web01", "administrator", "").await;
    let expires = joe.get("Requests").await.json()[0]["ExpiresDate"].clone();
    mock.clock().advance(hour);
    let joe = User::sign_in(&mock, "joe.user").await;
    let path = "ManagedAccounts?systemName=web01&accountName=administrator";
    let row = joe.get(path).await.json();
    assert!(expires.is_string());
    assert_eq!(
        row["LastChangeDate"], expires,
        "a read meets the rotation, which was when the release ended"
    );
    // A password that is set after the end stays.
    assert_eq!(joe.ask("web01", "administrator", "").await.status, 201);
    mock.clock().advance(hour);
    let admin = User::sign_in(&mock, "admin").await;
    let set = r#"{"Password":"by hand"}"#;
    let stored = admin.put("ManagedAccounts/1/Credentials", set).await;
    assert_eq!(stored.status, 204);
    admin.get("Requests").await;
    let now = mock.account_password("web01", "administrator").unwrap();
    assert!(now.matches("by hand"), "no late rotation");
}

#[tokio::test]
async fn a_renewal_that_is_refused_leaves_the_caller_s_release() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, "jane.admin@acme.example").await;
    assert_eq!(joe.ask("lin01", "root", "").await.pair(), (201, "101"));
    assert_eq!(jane.ask("lin01", "root", "").await.status, 201);
    // Two at a time were allowed; now it is one, and Jane has it.
    let admin = User::sign_in(&mock, "admin").await;
    let (_, account) = joe.ids("lin01", "root").await;
    let one = r#"{"MaxConcurrentRequests":1}"#;
    let changed = admin.put(&format!("ManagedAccounts/{account}"), one).await;
    assert_eq!(changed.status, 200);
    let renewed = joe
        .ask("lin01", "root", r#","ConflictOption":"renew""#)
        .await;
    assert_eq!(renewed.pair(), (409, "4091"));
    let credential = joe.get("Credentials/101").await;
    assert_eq!(credential.status, 200, "still there");
}

#[tokio::test]
async fn whether_renewal_rotates_is_a_setting() {
    for rotates in [false, true] {
        let mock = acme_with(|settings| settings.renew_rotates = rotates).await;
        let joe = User::sign_in(&mock, "joe.user").await;
        joe.ask("web01", "administrator", "").await;
        let before = mock.account_password("web01", "administrator").unwrap();
        let renewed = joe
            .ask("web01", "administrator", r#","ConflictOption":"renew""#)
            .await;
        assert_eq!(renewed.pair(), (201, "102"));
        let after = mock.account_password("web01", "administrator").unwrap();
        assert_eq!(!after.matches(before.expose()), rotates);
    }
}
