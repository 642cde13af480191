//! What a caller sees: objects, arrays, pages, filters, links. psafe:§2.1–2.3.

use serde_json::Value;

use crate::client::{Got, User, acme, acme_with};

fn names(got: &Got) -> Vec<String> {
    let rows = got.json();
    let rows = rows
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {got:?}"));
    rows.iter()
        .map(|row| {
            format!(
                "{}/{}",
                row["SystemName"].as_str().unwrap(),
                row["AccountName"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn a_requestor_sees_what_roles_flags_and_dedication_allow() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, r"ACME\jane.admin").await;
    let all = names(&joe.get("ManagedAccounts").await);
    assert!(
        all.contains(&"FS01/administrator".to_owned()),
        "dedicated to him: {all:?}"
    );
    assert!(
        !all.contains(&"web01/hidden".to_owned()),
        "not enabled for the API: {all:?}"
    );
    let hers = names(&jane.get("ManagedAccounts").await);
    assert!(
        !hers.contains(&"FS01/administrator".to_owned()),
        "dedicated to somebody else"
    );
    let approver = User::sign_in(&mock, "global.approver").await;
    assert_eq!(
        approver.get("ManagedAccounts").await.pair(),
        (200, "[]"),
        "approvers request nothing"
    );
}

#[tokio::test]
async fn filters_narrow_and_types_choose_the_kind() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    for (query, expected) in [
        (
            "systemName=web01",
            vec![
                "web01/administrator",
                "web01/svc-web",
                "web01/da-jane",
                "web01/svc-backup",
            ],
        ),
        (
            "SYSTEMNAME=WEB01&type=system",
            vec!["web01/administrator", "web01/svc-web"],
        ),
        ("systemName=web01.acme.example", vec![]),
        ("systemName=nowhere", vec![]),
        ("systemID=5", vec!["lin01/root"]),
        ("ipAddress=10.20.0.2&type=system", vec!["sw01/netadmin"]),
        (
            "ipAddress=10.20.0.31&type=domainlinked",
            vec!["FS01/da-jane", "FS01/svc-backup"],
        ),
        (
            "systemName=web01&type=domainlinked",
            vec!["web01/da-jane", "web01/svc-backup"],
        ),
        ("type=database", vec!["sql01/sa"]),
        (
            "type=application&applicationDisplayName=ERP%20Client",
            vec!["ts01/erp-operator"],
        ),
        (
            "systemName=ts01&type=application",
            vec!["ts01/erp-operator"],
        ),
        (
            "workgroupName=Head%20Office&systemName=db01",
            vec!["db01/administrator", "db01/da-jane"],
        ),
        ("systemName=web01&ipAddress=10.20.0.12&type=system", vec![]),
        ("type=recent", vec![]),
        (
            "limit=2&offset=1",
            vec!["web01/svc-web", "db01/administrator"],
        ),
        ("limit=0", vec![]),
    ] {
        let got = joe.get(&format!("ManagedAccounts?{query}")).await;
        assert_eq!(names(&got), expected, "{query}");
    }
    let app = joe.get("ManagedAccounts?type=application").await.json();
    assert_eq!(app[0]["ApplicationDisplayName"], "ERP Client");
    joe.ask("lin01", "root", "").await;
    let elsewhere = joe
        .get("ManagedAccounts?type=recent&systemName=web01")
        .await;
    assert_eq!(elsewhere.pair(), (200, "[]"));
    assert_eq!(
        names(&joe.get("ManagedAccounts?type=recent").await),
        ["lin01/root"]
    );
}

#[tokio::test]
async fn both_names_give_one_object_or_a_404() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let one = joe
        .get("ManagedAccounts?systemName=web01&accountName=SVC-WEB&limit=1000&offset=0")
        .await;
    assert_eq!(one.json()["AccountName"], "svc-web");
    let missing = joe
        .get("ManagedAccounts?systemName=web01&accountName=hidden")
        .await;
    assert_eq!(missing.pair(), (404, "\"Managed Account not found\""));
    assert_eq!(
        joe.get("ManagedAccounts?accountName=root").await.json()[0]["SystemName"],
        "lin01"
    );
    let directory = joe
        .get(r"ManagedAccounts?accountName=ACME%5Cda-jane")
        .await
        .json();
    assert_eq!(
        directory["DomainName"], "ACME",
        "a directory account alone is one object"
    );
    assert_eq!(
        names(&joe.get("ManagedAccounts?accountName=da-jane").await).len(),
        0,
        "needs its domain"
    );
    let linked = joe
        .get(r"ManagedAccounts?systemName=web01&accountName=ACME%5Cda-jane&type=domainlinked")
        .await;
    assert_eq!(linked.json()["SystemName"], "web01");

    let mock = acme_with(|settings| settings.directory_account_alone_is_object = false).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    assert!(
        joe.get(r"ManagedAccounts?accountName=ACME%5Cda-jane")
            .await
            .json()
            .is_array()
    );
}

#[tokio::test]
async fn a_linked_row_names_the_system_to_pass_on() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let row = joe
        .get("ManagedAccounts?systemName=FS01&type=domainlinked")
        .await
        .json()[1]
        .clone();
    assert_eq!(
        (&row["SystemName"], &row["AccountName"]),
        (&"FS01".into(), &"svc-backup".into())
    );
    let ids = (
        row["SystemId"].as_i64().unwrap(),
        row["AccountId"].as_i64().unwrap(),
    );
    assert_eq!(joe.ask_ids(ids.0, ids.1, "").await.status, 201);
    assert_eq!(
        joe.ask_ids(5, ids.1, "").await.pair(),
        (403, "4031"),
        "not linked to lin01"
    );

    let one = joe
        .get(r"ManagedAccounts?systemName=web01&accountName=ACME%5Csvc-backup")
        .await;
    assert_eq!(
        one.json()["SystemName"],
        "web01",
        "found without a type too"
    );

    let mock = acme_with(|settings| settings.untyped_list_has_linked = false).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    assert_eq!(
        names(&joe.get("ManagedAccounts?systemName=dc01").await).len(),
        0
    );

    let mock = acme_with(|settings| settings.linked_row_names_directory = true).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let row = joe
        .get("ManagedAccounts?systemName=FS01&type=domainlinked")
        .await
        .json()[0]
        .clone();
    assert_eq!(row["SystemName"], "acme.example");
}

#[tokio::test]
async fn bad_queries_say_what_is_wrong() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    for query in [
        "type=nonsense",
        "ipAddress=10.20.0.2",
        "ipAddress=x&type=system",
        "limit=-1",
        "limit=x",
        "systemID=99999999999",
        "applicationDisplayName=x",
    ] {
        let got = joe.get(&format!("ManagedAccounts?{query}")).await;
        assert_eq!(got.status, 400, "{query}");
        assert!(got.json().is_string(), "{query}: {got:?}");
    }
}

#[tokio::test]
async fn managed_systems_are_an_array_or_a_page_for_those_who_may() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let admin = User::sign_in(&mock, "admin").await;
    assert_eq!(joe.get("ManagedSystems").await.pair(), (403, ""));
    assert_eq!(
        joe.get("ManagedSystems/1/LinkedAccounts").await.pair(),
        (403, "")
    );
    assert_eq!(
        admin
            .get("ManagedSystems")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        9
    );
    let page = admin.get("ManagedSystems?limit=2&offset=8").await.json();
    assert_eq!(page["TotalCount"], 9);
    assert_eq!(page["Data"].as_array().unwrap().len(), 1);
    assert_eq!(page["Data"][0]["EntityTypeID"], 3);
    assert_eq!(admin.get("ManagedSystems/8").await.json()["DatabaseID"], 8);
    assert_eq!(admin.get("ManagedSystems/99").await.status, 404);
    let linked = admin.get("ManagedSystems/1/LinkedAccounts").await.json();
    assert_eq!(
        linked[0]["ManagedSystemID"], 9,
        "the directory's managed system"
    );
    assert_eq!(
        admin
            .get("ManagedSystems/1/ManagedAccounts?name=svc-web")
            .await
            .json()["ManagedAccountID"],
        2
    );
    let platforms = joe.get("Platforms").await.json();
    let sessions: Vec<_> = platforms
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["DefaultSessionType"])
        .collect();
    assert_eq!(sessions[..2], [&Value::from("RDP"), &Value::from("SSH")]);
}

#[tokio::test]
async fn accounts_are_added_changed_linked_and_removed() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let joe = User::sign_in(&mock, "joe.user").await;
    assert_eq!(
        joe.post(
            "ManagedSystems/3/ManagedAccounts",
            "{\"AccountName\":\"x\"}"
        )
        .await
        .pair(),
        (403, "")
    );
    let body =
        r#"{"AccountName":"fresh","Password":"pw","ApiEnabled":true,"MaxReleaseDuration":10}"#;
    let added = admin
        .post("ManagedSystems/3/ManagedAccounts?version=3.5", body)
        .await;
    assert_eq!(added.status, 201);
    let id = added.json()["ManagedAccountID"].as_i64().unwrap();
    assert!(!added.body.contains("\"pw\""), "no password in the model");
    assert_eq!(
        admin
            .post("ManagedSystems/3/ManagedAccounts", body)
            .await
            .status,
        400,
        "twice"
    );
    let changed = admin
        .put(
            &format!("ManagedAccounts/{id}"),
            r#"{"Description":"d","MaxConcurrentRequests":7}"#,
        )
        .await;
    assert_eq!(
        (changed.status, &changed.json()["MaxConcurrentRequests"]),
        (200, &7.into())
    );
    assert_eq!(
        admin
            .post(&format!("ManagedSystems/1/LinkedAccounts/{id}"), "")
            .await
            .status,
        400,
        "not a directory's"
    );
    let directory =
        admin.get("ManagedSystems/9/ManagedAccounts").await.json()[0]["ManagedAccountID"].clone();
    assert_eq!(
        admin
            .post(&format!("ManagedSystems/8/LinkedAccounts/{directory}"), "")
            .await
            .status,
        201
    );
    assert_eq!(
        admin
            .delete(&format!("ManagedSystems/8/LinkedAccounts/{directory}"))
            .await
            .status,
        200
    );
    assert_eq!(
        admin.delete(&format!("ManagedAccounts/{id}")).await.pair(),
        (200, "")
    );
    assert_eq!(
        admin.get(&format!("ManagedAccounts/{id}")).await.status,
        404
    );
}

#[tokio::test]
async fn users_are_found_by_every_form_of_name() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    for name in ["joe.user", "JOE.USER"] {
        assert_eq!(
            admin.get(&format!("Users?username={name}")).await.json()["UserID"],
            1
        );
    }
    for name in ["ACME%5Cjane.admin", "jane.admin@acme.example"] {
        let user = admin.get(&format!("Users?username={name}")).await.json();
        assert_eq!(
            (&user["UserName"], &user["UserType"]),
            (&"jane.admin".into(), &"ActiveDirectory".into())
        );
    }
    assert_eq!(
        admin.get("Users?username=jane.admin").await.status,
        404,
        "a bare name is a local user"
    );
    let everybody = admin.get("Users").await.json().as_array().unwrap().len();
    let inactive_too = admin
        .get("Users?includeInactive=true")
        .await
        .json()
        .as_array()
        .unwrap()
        .len();
    assert_eq!(inactive_too, everybody + 1);
    assert_eq!(
        admin.get("UserGroups?name=approvers").await.json()["Name"],
        "Approvers"
    );
    assert_eq!(
        admin.get("Configuration/Version").await.pair(),
        (200, r#"{"Version":"24.3.0"}"#)
    );
}

#[tokio::test]
async fn systems_of_a_functional_account_are_narrowed_like_any_other_list() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let agent = r#"{"PlatformID":1,"AccountName":"agent"}"#;
    assert_eq!(admin.post("FunctionalAccounts", agent).await.status, 201);
    for id in [1, 5, 8] {
        let path = format!("ManagedSystems/{id}");
        let changed = admin.put(&path, r#"{"FunctionalAccountID":1}"#).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let list = "FunctionalAccounts/1/ManagedSystems";
    for (query, expected) in [
        ("", vec!["web01", "lin01", "sql01"]),
        ("?type=1", vec!["web01", "lin01"]),
        ("?type=2", vec!["sql01"]),
        ("?name=LIN01", vec!["lin01"]),
        ("?name=lin01&type=2", vec![]),
    ] {
        let rows = admin.get(&format!("{list}{query}")).await.json();
        let rows = rows.as_array().unwrap().iter();
        let found: Vec<_> = rows
            .map(|row| row["SystemName"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    let page = admin.get(&format!("{list}?limit=1&type=1")).await.json();
    assert_eq!(page["TotalCount"], 2);
}

#[tokio::test]
async fn aliases_are_listed_by_state_and_name() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    for (query, count) in [
        ("", 1),
        ("?state=", 1),
        ("?state=0,+1", 1),
        ("?state=0", 0),
        ("?STATE=2&name=web-admin", 0),
        ("?name=WEB-ADMIN", 1),
        ("?name=other", 0),
    ] {
        let rows = joe.get(&format!("Aliases{query}")).await.json();
        assert_eq!(rows.as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(
        joe.get("Aliases?state=mapped").await.pair(),
        (400, "\"state is not a list of integers\"")
    );

    // What it stood for is gone.
    let admin = User::sign_in(&mock, "admin").await;
    assert_eq!(admin.delete("ManagedAccounts/2").await.status, 200);
    assert_eq!(joe.get("Aliases").await.pair(), (200, "[]"));
    let row = &joe.get("Aliases?state=0").await.json()[0];
    assert_eq!(row["AliasState"], 0);
    assert!(row["SystemId"].is_null() && row["AccountId"].is_null());
    assert_eq!(row["MappedAccounts"], serde_json::json!([]));
    assert_eq!(
        joe.post("Aliases/1/Requests", "{}").await.pair(),
        (403, "4031")
    );
}
