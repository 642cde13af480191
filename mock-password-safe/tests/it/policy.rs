//! Approval, reasons, tickets, durations, roles. psafe:§3, §4.2.

use mock_password_safe::Lab;
use mock_password_safe::lab::ScheduleEntry;

use crate::client::{User, acme, acme_with, started};

const LINKED: &str = "ManagedAccounts?systemName=web01&type=domainlinked";

async fn ask_domain_admin(user: &User<'_>) -> String {
    let row = user.get(LINKED).await.json()[0].clone();
    let ids = (
        row["SystemId"].as_i64().unwrap(),
        row["AccountId"].as_i64().unwrap(),
    );
    let got = user.ask_ids(ids.0, ids.1, "").await;
    assert_eq!(got.status, 201, "{got:?}");
    got.body
}

#[tokio::test]
async fn a_global_approver_lets_a_pending_release_through() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let id = ask_domain_admin(&joe).await;
    assert_eq!(
        joe.get(&format!("Credentials/{id}")).await.pair(),
        (403, "4034")
    );
    let mine = joe.get("Requests?status=pending").await.json();
    assert_eq!(
        (&mine[0]["Status"], &mine[0]["SystemID"]),
        (&"Pending".into(), &1.into())
    );
    assert_eq!(joe.get("Requests?status=active").await.body, "[]");

    let approver = User::sign_in(&mock, "global.approver").await;
    let queue = approver
        .get("Requests?queue=app&status=pending")
        .await
        .json();
    assert_eq!(queue[0]["RequestorName"], "joe.user");
    assert_eq!(
        approver
            .put(&format!("Requests/{id}/Approve"), r#"{"Reason":"ECM"}"#)
            .await
            .pair(),
        (204, "")
    );
    assert_eq!(
        approver
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        204,
        "again"
    );
    assert_eq!(joe.get(&format!("Credentials/{id}")).await.status, 200);
    assert_eq!(
        joe.get("Requests?status=active&queue=req").await.json()[0]["Status"],
        "Active"
    );
    assert_eq!(
        approver
            .get("Requests?queue=app&status=active")
            .await
            .json()[0]["RequestID"]
            .to_string(),
        id
    );
}

#[tokio::test]
async fn a_denial_is_final() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let approver = User::sign_in(&mock, "global.approver").await;
    let id = ask_domain_admin(&joe).await;
    assert_eq!(
        approver
            .put(&format!("Requests/{id}/Deny"), "{}")
            .await
            .status,
        204
    );
    assert_eq!(
        approver
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        404
    );
    assert_eq!(joe.get(&format!("Credentials/{id}")).await.status, 404);

    let mock = acme_with(|settings| settings.denied_credential_is_forbidden = true).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let approver = User::sign_in(&mock, "global.approver").await;
    let id = ask_domain_admin(&joe).await;
    approver.put(&format!("Requests/{id}/Deny"), "{}").await;
    assert_eq!(
        joe.get(&format!("Credentials/{id}")).await.pair(),
        (403, "4031")
    );
}

#[tokio::test]
async fn two_approvers_means_two_people() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let (first, second) = (
        User::sign_in(&mock, "global.approver").await,
        User::sign_in(&mock, "second.approver").await,
    );
    for (more, text) in [
        ("", "reason"),
        (r#","Reason":"  ""#, "reason"),
        (r#","Reason":"r""#, "ticket"),
    ] {
        let got = joe.ask("db01", "administrator", more).await;
        assert_eq!(got.status, 400, "{more}");
        assert!(got.body.contains(text), "{got:?}");
    }
    let words = r#","Reason":"r","TicketNumber":"INC-1""#;
    let id = joe.ask("db01", "administrator", words).await.body;
    assert_eq!(
        first
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        204
    );
    assert_eq!(
        first
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        204,
        "counts once"
    );
    assert_eq!(
        joe.get(&format!("Credentials/{id}")).await.pair(),
        (403, "4034")
    );
    assert_eq!(
        second
            .put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .status,
        204
    );
    assert_eq!(joe.get(&format!("Credentials/{id}")).await.status, 200);
}

#[tokio::test]
async fn roles_decide_which_number_explains_the_refusal() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let approver = User::sign_in(&mock, "global.approver").await;
    let id = ask_domain_admin(&joe).await;
    assert_eq!(
        joe.put(&format!("Requests/{id}/Approve"), "{}")
            .await
            .pair(),
        (403, "4033")
    );
    assert_eq!(joe.get("Requests?queue=app").await.pair(), (403, "4033"));
    assert_eq!(
        approver.ask_ids(1, 2, "").await.pair(),
        (403, "4032"),
        "only an approver"
    );
    assert_eq!(
        joe.ask_ids(1, 3, "").await.pair(),
        (403, "4031"),
        "not enabled for the API"
    );
    assert_eq!(
        joe.ask_ids(2, 2, "").await.pair(),
        (403, "4031"),
        "not an account of this system"
    );
    assert_eq!(joe.ask_ids(1, 999, "").await.pair(), (403, "4031"));
}

#[tokio::test]
async fn bodies_that_make_no_sense_say_why() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let long = format!(
        r#"{{"SystemID":1,"AccountID":2,"DurationMinutes":1,"Reason":"{}"}}"#,
        "x".repeat(1001)
    );
    for body in [
        "",
        "[]",
        "{",
        "{\"SystemID\":1}",
        r#"{"SystemID":1,"AccountID":2}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":0}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":525601}"#,
        r#"{"SystemID":"x","AccountID":2,"DurationMinutes":1}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":1,"AccessType":"Telnet"}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":1,"AccessType":"App"}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":1,"ConflictOption":"maybe"}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":1,"AccessPolicyScheduleID":99}"#,
        r#"{"SystemID":1,"AccountID":2,"DurationMinutes":1,"TicketSystemID":99}"#,
        long.as_str(),
    ] {
        let got = joe.post("Requests", body).await;
        assert_eq!(got.status, 400, "{body}");
        assert!(
            got.json().as_str().is_some_and(|text| !text.is_empty()),
            "{got:?}"
        );
    }
    let long = joe
        .ask(
            "db01",
            "administrator",
            r#","Reason":"r","TicketNumber":"1","DurationMinutes":241"#,
        )
        .await;
    assert_eq!(long.status, 400, "longer than the account's maximum");
}

#[tokio::test]
async fn a_client_can_ask_beforehand_whether_approval_is_needed() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let approvers =
        |got: serde_json::Value| got[0]["Schedules"][0]["AccessTypes"][0]["MinApprovers"].clone();
    let test = |system: i64, account: i64| {
        format!(r#"{{"SystemId":{system},"AccountId":{account},"DurationMinutes":5}}"#)
    };
    let auto = joe.post("AccessPolicies/Test", &test(1, 2)).await;
    assert_eq!((auto.status, approvers(auto.json())), (200, 0.into()));
    let (system, account) = joe.ids("db01", "administrator").await;
    let two = joe
        .post("AccessPolicies/Test", &test(system, account))
        .await;
    assert_eq!(approvers(two.json()), 2);
    assert_eq!(
        joe.post("AccessPolicies/Test", &test(1, 3)).await.pair(),
        (403, "4031")
    );
    assert_eq!(joe.get("AccessPolicies").await.pair(), (403, ""));
}

#[tokio::test]
async fn aliases_sets_sessions_and_terminations_have_state() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let admin = User::sign_in(&mock, "admin").await;
    assert_eq!(joe.get("Aliases").await.json()[0]["AliasName"], "web-admin");
    assert_eq!(
        joe.post("Aliases/1/Requests", r#"{"DurationMinutes":5}"#)
            .await
            .pair(),
        (201, "101")
    );
    let secret = joe.get("Aliases/1/Credentials/101").await.json();
    assert_eq!(
        secret["Password"],
        mock.account_password("web01", "svc-web").unwrap().expose()
    );

    let ticket = joe
        .post("Requests/101/Sessions", r#"{"SessionType":"SSH"}"#)
        .await;
    assert_eq!(ticket.status, 201);
    assert!(
        ticket.json()["Command"]
            .as_str()
            .unwrap()
            .starts_with("ssh -p ")
    );
    let file = joe
        .post("Requests/101/Sessions", r#"{"SessionType":"rdpfile"}"#)
        .await;
    assert_eq!(
        (file.status, file.header("content-type")),
        (200, Some("application/octet-stream"))
    );
    assert_eq!(admin.post("Sessions/1/Lock", "").await.pair(), (204, ""));
    assert_eq!(joe.get("Sessions/1").await.json()["Status"], 5);
    assert_eq!(joe.post("Sessions", "{}").await.status, 405);

    let sets = r#"{"AccessTypes":["View","SSH"],"SystemID":5,"AccountID":6,"DurationMinutes":5}"#;
    let (system, account) = joe.ids("lin01", "root").await;
    let sets = sets.replace(
        ":5,\"AccountID\":6",
        &format!(":{system},\"AccountID\":{account}"),
    );
    let set = joe.post("RequestSets", &sets).await;
    assert_eq!(
        (set.status, set.json()["Requests"].as_array().unwrap().len()),
        (201, 2)
    );
    assert_eq!(
        joe.post("Users/1/Requests/Terminate", "{}").await.pair(),
        (403, "")
    );
    assert_eq!(
        admin
            .post("Users/1/Requests/Terminate", r#"{"Reason":"left"}"#)
            .await
            .pair(),
        (204, "")
    );
    assert_eq!(joe.get("Requests").await.body, "[]");
}

#[tokio::test]
async fn what_is_known_but_not_simulated_says_so() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let got = joe.get("SmartRules/1/ManagedAccounts").await;
    assert_eq!(got.status, 405);
    assert!(got.json().as_str().unwrap().contains("not simulated"));
}

#[tokio::test]
async fn too_few_approvers_and_a_closed_window_are_refused() {
    let schedule = |change: fn(&mut ScheduleEntry)| {
        let mut lab = Lab::acme().unwrap();
        let mut schedule = ScheduleEntry::default();
        change(&mut schedule);
        lab.policies[0].schedules = vec![schedule];
        lab
    };
    // The clock stands at nine on a Monday.
    for (lab, expected) in [
        (schedule(|schedule| schedule.approvers = 3), (201, "101")),
        (schedule(|schedule| schedule.approvers = 4), (403, "4035")),
        (
            schedule(|schedule| schedule.from = Some("09:00".into())),
            (201, "101"),
        ),
        (
            schedule(|schedule| schedule.from = Some("09:01".into())),
            (403, "4031"),
        ),
        (
            schedule(|schedule| schedule.days = vec!["tue".into()]),
            (403, "4031"),
        ),
        (
            schedule(|schedule| schedule.access = vec!["RDP".into()]),
            (403, "4031"),
        ),
    ] {
        let mock = started(lab).await;
        let joe = User::sign_in(&mock, "joe.user").await;
        assert_eq!(joe.ask_ids(5, 6, "").await.pair(), expected);
    }
}

#[tokio::test]
async fn a_schedule_bounds_an_access_type_and_says_who_approves_and_records() {
    let mut lab = Lab::acme().unwrap();
    let schedule = ScheduleEntry {
        concurrent_max: 1,
        record: Some(vec!["SSH".into()]),
        approvers_by_access: [("RDP".to_owned(), 2)].into(),
        ..Default::default()
    };
    lab.policies[0].schedules = vec![schedule];
    let mock = started(lab).await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, "jane.admin@acme.example").await;
    // The account takes any number at a time, the policy one of a kind.
    assert_eq!(joe.ask("web01", "svc-web", "").await.status, 201);
    let other = jane
        .ask("web01", "svc-web", r#","ConflictOption":"reuse""#)
        .await;
    assert_eq!(other.pair(), (409, "4091"));
    assert_eq!(
        jane.ask("web01", "svc-web", r#","AccessType":"SSH""#)
            .await
            .status,
        201
    );
    let test = r#"{"SystemId":1,"AccountId":2,"DurationMinutes":5}"#;
    let told = joe.post("AccessPolicies/Test", test).await.json();
    let types = told[0]["Schedules"][0]["AccessTypes"].as_array().unwrap();
    let facts: Vec<_> = types
        .iter()
        .map(|row| {
            (
                row["AccessType"].as_str().unwrap(),
                row["RecordSession"] == true,
                row["MinApprovers"].as_i64().unwrap(),
                row["MaxConcurrent"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("View", false, 0, 1),
            ("RDP", false, 2, 1),
            ("SSH", true, 0, 1),
            ("App", false, 0, 1)
        ]
    );
}

#[tokio::test]
async fn queues_and_sessions_are_for_those_who_have_the_role() {
    let mock = acme().await;
    let approver = User::sign_in(&mock, "global.approver").await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let jane = User::sign_in(&mock, "jane.admin@acme.example").await;
    let fighter = User::sign_in(&mock, "fire.fighter").await;
    assert_eq!(
        approver.get("Requests?queue=req").await.pair(),
        (403, "4033")
    );
    assert_eq!(joe.get("Requests?queue=app").await.pair(), (403, "4033"));
    joe.ask("web01", "svc-web", "").await;
    joe.post("Requests/101/Sessions", r#"{"SessionType":"RDP"}"#)
        .await;
    assert_eq!(jane.get("Sessions").await.body, "[]", "somebody else's");
    assert_eq!(jane.get("Sessions/1").await.status, 404);
    assert_eq!(
        jane.post("Sessions/1/Terminate", "").await.pair(),
        (403, "4031")
    );
    assert_eq!(
        fighter.get("Sessions/1").await.status,
        200,
        "ISA on the account"
    );
    assert_eq!(
        fighter.post("Sessions/1/Terminate", "").await.pair(),
        (204, "")
    );
    assert_eq!(joe.get("Sessions/1").await.json()["Status"], 7);
}

#[tokio::test]
async fn a_ticket_names_a_system_that_there_is() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let ticket = r#","TicketNumber":"INC-1","Reason":"r","TicketSystemID":"#;
    let wrong = joe
        .ask("db01", "administrator", &format!("{ticket}7"))
        .await;
    assert_eq!(
        wrong.pair(),
        (400, "\"TicketSystemID is not valid for this request\"")
    );
    assert_eq!(
        joe.ask("db01", "administrator", &format!("{ticket}1"))
            .await
            .status,
        201
    );
}
