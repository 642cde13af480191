//! The call lists of real clients, from sign-in to check-in. psafe:§5.

use std::time::Duration;

use mock_password_safe::Lab;

use crate::client::{User, acme, acme_with, call, ps_auth, started};

#[tokio::test]
async fn the_vendor_librarys_calls_fetch_a_password() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let row = joe
        .get("managedaccounts?systemname=web01&accountname=svc-web&limit=1000&offset=0")
        .await;
    assert!(row.body.starts_with(r#"{"PlatformID":1,"SystemId":1,"SystemName":"web01","InstanceName":"","DomainName":null,"AccountId":2,"AccountName":"svc-web","UserPrincipalName":"","ApplicationID":null,"#), "{row:?}");
    assert!(
        !row.body.contains('\n') && !row.body.contains("\": "),
        "compact, on one line"
    );
    let body = r#"{"SystemID": 1, "AccountID": 2, "DurationMinutes": 5, "Reason": "Secrets Safe Integration", "ConflictOption": "reuse"}"#;
    assert_eq!(joe.post("Requests", body).await.pair(), (201, "101"));
    assert_eq!(
        joe.post("Requests", body).await.pair(),
        (200, "101"),
        "reused"
    );
    let password = mock.account_password("web01", "svc-web").unwrap();
    let credential = joe.get("Credentials/101").await;
    assert_eq!(credential.status, 200);
    assert_eq!(credential.json(), password.expose());
    assert_eq!(
        joe.put("Requests/101/checkin", "{}").await.pair(),
        (204, "")
    );
    assert_eq!(joe.get("Credentials/101").await.status, 404, "given back");
    assert_eq!(
        joe.put("Requests/101/Checkin", "{}").await.status,
        404,
        "twice"
    );
    assert_eq!(joe.post("Auth/Signout", "").await.pair(), (200, ""));
}

#[tokio::test]
async fn bodies_of_every_dialect_ask_for_the_same() {
    let form = "Content-Type: application/x-www-form-urlencoded".to_owned();
    let json = "Content-Type: application/json".to_owned();
    for (content_type, body) in [
        (
            &json,
            "{'SystemId': 1, 'AccountId': 2, 'DurationMinutes': 1, 'ConflictOption': 'reuse'}",
        ),
        (
            &json,
            r#"{"ConflictOption":"reuse","systemid":"1","ACCOUNTID":"2","DurationMinutes":"1"}"#,
        ),
        (
            &form,
            "SystemID=1&AccountID=2&DurationMinutes=1&ConflictOption=reuse",
        ),
    ] {
        let mock = acme().await;
        let joe = User::sign_in(&mock, "joe.user").await;
        let headers = [joe.headers()[0].clone(), content_type.clone()];
        let got = call(
            &mock,
            "POST",
            "/BeyondTrust/api/public/v3/requests",
            &headers,
            body,
        )
        .await;
        assert_eq!(got.pair(), (201, "101"), "{body}");
    }
}

#[tokio::test]
async fn a_conflict_is_a_number_and_the_options_resolve_it() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, r"ACME\jane.admin").await;
    assert_eq!(
        joe.ask("web01", "administrator", "").await.pair(),
        (201, "101")
    );
    assert_eq!(
        joe.ask("web01", "administrator", "").await.pair(),
        (409, "4091")
    );
    assert_eq!(
        joe.ask("web01", "administrator", r#","ConflictOption":"reuse""#)
            .await
            .pair(),
        (200, "101")
    );
    assert_eq!(
        joe.ask("web01", "administrator", r#","ConflictOption":"renew""#)
            .await
            .pair(),
        (201, "102")
    );
    assert_eq!(joe.get("Credentials/101").await.status, 404, "renewed");
    assert_eq!(joe.get("Credentials/102").await.status, 200);
    for option in [
        "",
        r#","ConflictOption":"reuse""#,
        r#","ConflictOption":"renew""#,
    ] {
        assert_eq!(
            jane.ask("web01", "administrator", option).await.pair(),
            (409, "4091"),
            "{option}"
        );
    }
    assert_eq!(jane.ask("lin01", "root", "").await.status, 201);
    assert_eq!(
        joe.ask("lin01", "root", "").await.status,
        201,
        "two at a time"
    );
    assert_eq!(
        joe.ask("lin01", "root", r#","AccessType":"SSH""#)
            .await
            .status,
        201,
        "another kind"
    );
}

#[tokio::test]
async fn only_the_owner_reads_and_gives_back() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, r"ACME\jane.admin").await;
    assert_eq!(joe.ask("web01", "svc-web", "").await.pair(), (201, "101"));
    assert_eq!(jane.get("Credentials/101").await.pair(), (403, "4031"));
    assert_eq!(
        jane.put("Requests/101/Checkin", "{}").await.pair(),
        (403, "4031")
    );
    assert_eq!(joe.get("Credentials/999").await.status, 404);
    assert_eq!(joe.get("Credentials/abc").await.status, 400);
    assert_eq!(joe.get("Credentials/99999999999").await.status, 400);
}

#[tokio::test]
async fn a_release_ends_by_itself_and_the_password_rotates_when_flagged() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    joe.ask("web01", "administrator", "").await;
    joe.ask("web01", "svc-web", "").await;
    let before = mock.account_password("web01", "administrator").unwrap();
    let kept = mock.account_password("web01", "svc-web").unwrap();
    for _ in 0..4 {
        mock.clock().advance(Duration::from_secs(15 * 60));
        joe.get("ManagedAccounts?limit=1").await;
    }
    assert_eq!(joe.get("Credentials/101").await.status, 404);
    let after = mock.account_password("web01", "administrator").unwrap();
    assert!(!after.matches(before.expose()), "flagged");
    assert!(
        mock.account_password("web01", "svc-web")
            .unwrap()
            .matches(kept.expose()),
        "not flagged"
    );
}

#[tokio::test]
async fn rotation_can_be_declined_only_where_the_policy_lets_it() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let before = mock.account_password("web01", "administrator").unwrap();
    let id = joe
        .ask("web01", "administrator", r#","RotateOnCheckin":false"#)
        .await
        .body;
    joe.put(&format!("Requests/{id}/Checkin"), "{}").await;
    let after = mock.account_password("web01", "administrator").unwrap();
    assert!(
        !after.matches(before.expose()),
        "the policy does not allow the override"
    );

    let approver = User::sign_in(&mock, "global.approver").await;
    let path = "ManagedAccounts?systemName=web01&type=domainlinked";
    let row = &joe.get(path).await.json()[0];
    let (system, account) = (
        row["SystemId"].as_i64().unwrap(),
        row["AccountId"].as_i64().unwrap(),
    );
    let before = mock
        .account_password("acme.example", r"ACME\da-jane")
        .unwrap();
    let id = joe
        .ask_ids(system, account, r#","RotateOnCheckin":false"#)
        .await
        .body;
    assert_eq!(
        approver
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        204
    );
    joe.put(&format!("Requests/{id}/Checkin"), "{}").await;
    let kept = mock
        .account_password("acme.example", r"ACME\da-jane")
        .unwrap();
    assert!(kept.matches(before.expose()), "declined");

    let id = joe
        .ask_ids(system, account, r#","RotateOnCheckin":false"#)
        .await
        .body;
    approver.put(&format!("Requests/{id}/Approve"), "{}").await;
    assert_eq!(
        joe.put(&format!("Requests/{id}/RotateOnCheckin"), "{}")
            .await
            .status,
        204
    );
    joe.put(&format!("Requests/{id}/Checkin"), "{}").await;
    let rotated = mock
        .account_password("acme.example", r"ACME\da-jane")
        .unwrap();
    assert!(!rotated.matches(before.expose()), "turned back on");
}

#[tokio::test]
async fn keys_and_passphrases_are_their_own_kinds() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let id = joe.ask("lin01", "root", "").await.body;
    let key = joe.get(&format!("Credentials/{id}?type=dsskey")).await;
    assert!(key.body.contains(r"KEY-----\r\n"), "line ends are escaped");
    assert!(
        key.json()
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\r\n")
    );
    assert_eq!(
        joe.get(&format!("Credentials/{id}?type=passphrase"))
            .await
            .status,
        200
    );
    assert_eq!(
        joe.get(&format!("credentials/{id}?TYPE=Password"))
            .await
            .status,
        200
    );
    assert_eq!(
        joe.get(&format!("Credentials/{id}?type=totp")).await.status,
        400
    );
    joe.ask("web01", "svc-web", "").await;
    assert_eq!(joe.get("Credentials/102?type=dsskey").await.status, 404);
}

#[tokio::test]
async fn isa_gives_the_credential_at_once() {
    let mock = acme().await;
    let fighter = User::sign_in(&mock, "fire.fighter").await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let body = r#"{"SystemID":1,"AccountID":2,"DurationMinutes":5,"Reason":"fire"}"#;
    let got = fighter.post("isarequests?type=password", body).await;
    assert_eq!(got.status, 201);
    assert_eq!(
        got.json(),
        mock.account_password("web01", "svc-web").unwrap().expose()
    );
    assert_eq!(joe.post("ISARequests", body).await.pair(), (403, "4031"));
    assert_eq!(
        fighter.post("Requests", body).await.pair(),
        (403, "4031"),
        "ISA is not a requestor"
    );
}

#[tokio::test]
async fn the_password_travels_with_quotes_and_letters_of_every_kind() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let odd = "q\"b\\s/n\u{e9}\u{1F511}\r\n<&>'";
    let body = format!("{{\"Password\":{}}}", serde_json::json!(odd));
    assert_eq!(
        admin
            .put("ManagedAccounts/2/Credentials", &body)
            .await
            .pair(),
        (204, "")
    );
    joe.ask("web01", "svc-web", "").await;
    assert_eq!(joe.get("Credentials/101").await.json(), odd);
}

#[tokio::test]
async fn assumed_answers_follow_their_settings() {
    let mock = acme_with(|settings| {
        settings.conflict_text = Some("Conflicting request exists".into());
        settings.second_checkin_is_accepted = true;
        settings.long_duration_is_clamped = true;
        settings.conflict_option_overrides_others = true;
        settings.auth_probe_answers = true;
    })
    .await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, r"ACME\jane.admin").await;
    let id = joe.ask("web01", "administrator", "").await.body;
    assert_eq!(
        joe.ask("web01", "administrator", "").await.pair(),
        (409, "\"Conflicting request exists\"")
    );
    assert_eq!(
        jane.ask("web01", "administrator", r#","ConflictOption":"reuse""#)
            .await
            .status,
        201
    );
    assert_eq!(
        joe.put(&format!("Requests/{id}/Checkin"), "").await.status,
        204
    );
    assert_eq!(
        joe.put(&format!("Requests/{id}/Checkin"), "").await.status,
        204
    );
    let probe = call(
        &mock,
        "GET",
        "Auth",
        &[ps_auth(&mock, "ECM", "runas=joe.user;")],
        "",
    )
    .await;
    assert_eq!(probe.json()["UserName"], "joe.user");
}

#[tokio::test]
async fn a_credential_is_stored_by_names_in_the_workgroup_that_has_them() {
    let mut lab = Lab::acme().unwrap();
    // The same names in two workgroups, and a system in none.
    let more = "[[password-safe.systems]]\nname = 'web01'\nplatform = 'Windows'\nworkgroup = 'Branch'\n\
                [[password-safe.systems.accounts]]\nname = 'administrator'\n";
    let more = Lab::read(std::path::Path::new("more.toml"), more).unwrap();
    lab.systems.extend(more.systems);
    let mock = started(lab).await;
    let admin = User::sign_in(&mock, "admin").await;
    let path = |group: &str, asset: &str, account: &str| {
        format!(
            "Workgroups/{group}/Assets/{asset}/ManagedSystems/ManagedAccounts/{account}/Credentials"
        )
    };
    let query = |group: &str, asset: &str, account: &str| {
        format!("Credentials?workgroupName={group}&assetName={asset}&accountName={account}")
    };
    let missing = (404, "\"Managed Account not found\"");
    let unknown = (404, "\"Workgroup not found\"");
    for (to, expected) in [
        (query("Branch", "web01", "administrator"), (204, "")),
        (path("branch", "WEB01", "administrator"), (204, "")),
        (path("3", "web01", "administrator"), (204, "")),
        (query("branch", "db01", "administrator"), missing),
        (path("Branch", "db01", "administrator"), missing),
        (
            path("Default%20Workgroup", "web01", "administrator"),
            missing,
        ),
        (query("Nowhere", "web01", "administrator"), unknown),
        (path("Nowhere", "web01", "administrator"), unknown),
        (path("Default%20Workgroup", "lin01", "root"), (204, "")),
        (query("", "lin01", "root"), (204, "")),
    ] {
        let got = admin.put(&to, r#"{"Password":"by names"}"#).await;
        assert_eq!(got.pair(), expected, "{to}");
    }
    let rows = admin.get("ManagedAccounts?accountName=administrator").await;
    let rows = rows.json();
    let changed = rows.as_array().unwrap().iter();
    let changed = changed.filter(|row| row["LastChangeDate"].is_string());
    let changed: Vec<_> = changed.map(|row| row["SystemId"].clone()).collect();
    assert_eq!(changed, [10], "the branch's, and not the head office's");
}
