//! One credential: round trips, kinds, approval, conflicts, dead sessions.

use ecm::error::ErrorKind;
use ecm::plugin::{CredentialProof, JumpItemType, Plugin};

use super::vault::{
    CANARY, Call, ROOT, Reply, Vault, dead_session, json, plugin, session, session_of, signed_in,
    soon, well,
};

#[tokio::test]
async fn a_cold_fetch_costs_three_round_trips_and_a_warm_one_costs_two() {
    let vault = Vault::start(well).await;
    let plugin = vault.plugin();
    vault.expect_round_trips(&[1, 1, 1]);
    let package = soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    assert_eq!((package.username.as_str(), package.domain), ("root", None));
    assert_eq!(
        package.proof,
        CredentialProof::UsernamePassword {
            password: CANARY.into()
        }
    );
    let cold = [
        "POST Auth/SignAppin",
        "POST Requests",
        "GET Credentials/124",
    ];
    assert_eq!(vault.take_names(), cold);

    vault.expect_round_trips(&[1, 1]);
    soon(plugin.get_credential(&session(), ROOT)).await.unwrap();
    assert_eq!(
        vault.take_names(),
        ["POST Requests", "GET Credentials/124"],
        "and no check-in"
    );
}

#[tokio::test]
async fn a_shell_session_reads_all_that_proves_the_account_in_one_round_trip() {
    let vault = Vault::start(well).await;
    for item_type in [JumpItemType::ShellJump, JumpItemType::ExternalShell] {
        vault.take_calls();
        let plugin = vault.plugin();
        vault.expect_round_trips(&[1, 1, 3]);
        let session = session_of("ACME\\joe.user", item_type, "srv1");
        let package = soon(plugin.get_credential(&session, ROOT)).await.unwrap();
        assert_eq!(
            package.proof.kind_name(),
            "username_password",
            "there is no key"
        );
        assert_eq!(vault.take_calls().len(), 5);
    }
}

#[tokio::test]
async fn a_key_makes_an_ssh_key_with_or_without_passphrase_and_password() {
    for (password, passphrase) in [(true, true), (true, false), (false, true), (false, false)] {
        let vault = Vault::start(move |call: &Call| {
            let part = call
                .parameter("type")
                .filter(|_| call.endpoint == "Credentials/124");
            match (call.endpoint.as_str(), part) {
                (_, Some("dsskey")) => json(200, "\"KEY\\r\\n\""),
                (_, Some("passphrase")) if passphrase => json(200, "\"PHRASE\""),
                (_, Some("passphrase")) => json(200, "\"\""),
                ("Credentials/124", None) if !password => json(404, "\"no password\""),
                _ => well(call),
            }
        })
        .await;
        let session = session_of("joe", JumpItemType::ShellJump, "srv1");
        let package = soon(vault.plugin().get_credential(&session, ROOT))
            .await
            .unwrap();
        let expected = CredentialProof::SshKey {
            private_key: "KEY\r\n".into(),
            passphrase: passphrase.then(|| "PHRASE".into()),
            certificate: None,
            password: password.then(|| CANARY.into()),
        };
        assert_eq!(package.proof, expected);
    }
}

#[tokio::test]
async fn the_release_lasts_as_long_as_set_but_no_longer_than_the_account_allows() {
    let vault = Vault::start(well).await;
    for (set, allowed, asked) in [(360, "525600", 360), (360, "60", 60), (30, "", 30)] {
        let mut file = vault.settings();
        file.release_duration_min = set;
        let id = format!("ps1:5:10::{allowed}::root");
        soon(plugin(file).get_credential(&session(), &id))
            .await
            .unwrap();
        let calls = vault.take_calls();
        let expected = format!("\"DurationMinutes\":{asked},");
        assert!(calls[1].body.contains(&expected), "{}", calls[1].body);
    }
}

#[tokio::test]
async fn an_id_of_another_vault_is_refused_before_anything_is_sent() {
    let vault = Vault::start(well).await;
    for id in ["", "42", "ps1:5:10"] {
        let error = soon(vault.plugin().get_credential(&session(), id))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
    assert_eq!(vault.take_calls().len(), 0);
}

/// A policy that wants `approvals` of them.
fn approved_after(approvals: usize) -> impl Fn(&Call) -> Reply + Send + Sync {
    let given = std::sync::atomic::AtomicUsize::new(0);
    move |call: &Call| {
        let so_far = given.load(std::sync::atomic::Ordering::SeqCst);
        match call.name().as_str() {
            "GET Credentials/124" if so_far < approvals => json(403, "4034"),
            "PUT Requests/124/Approve" => {
                given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                json(204, "")
            }
            _ => well(call),
        }
    }
}

#[tokio::test]
async fn the_global_approver_approves_in_a_session_of_their_own() {
    let vault = Vault::start(approved_after(1)).await;
    let mut file = vault.settings();
    file.global_approver = Some("pbapprover".into());
    soon(plugin(file).get_credential(&session(), ROOT))
        .await
        .unwrap();
    let calls = vault.take_calls();
    let whole: Vec<_> = calls
        .iter()
        .map(|call| {
            let cookie = call
                .header("cookie")
                .and_then(|cookie| cookie.rsplit('-').next());
            format!(
                "{} {} {}",
                call.run_as(),
                cookie.unwrap_or("none"),
                call.name()
            )
        })
        .collect();
    assert_eq!(
        whole,
        [
            "ACME\\joe.user none POST Auth/SignAppin",
            "ACME\\joe.user 0 POST Requests",
            "ACME\\joe.user 0 GET Credentials/124",
            "pbapprover none POST Auth/SignAppin",
            "pbapprover 1 PUT Requests/124/Approve",
            "ACME\\joe.user 0 GET Credentials/124",
        ]
    );
}

#[tokio::test]
async fn without_enough_approval_it_is_pending_and_the_request_is_owed() {
    for (approver, approvals) in [(None, 1), (Some("pbapprover"), 2)] {
        let vault = Vault::start(approved_after(approvals)).await;
        let mut file = vault.settings();
        file.global_approver = approver.map(str::to_owned);
        let plugin = plugin(file);
        let error = soon(plugin.get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::PendingApproval, "{error:?}");
        vault.take_calls();
        soon(plugin.release_credential(&session(), ROOT, 0))
            .await
            .unwrap();
        assert_eq!(
            vault.take_names(),
            ["PUT Requests/124/Checkin"],
            "the request does not wait any longer than its session"
        );
    }
}

#[tokio::test]
async fn an_approver_who_may_not_approve_or_sign_in_is_named() {
    for (status, body, on, kind) in [
        (
            403,
            "4033",
            "PUT Requests/124/Approve",
            ErrorKind::Permission,
        ),
        (
            401,
            "\"no\"",
            "POST Auth/SignAppin",
            ErrorKind::Authentication,
        ),
    ] {
        let approved = approved_after(1);
        let vault = Vault::start(move |call: &Call| {
            if call.run_as() == "pbapprover" && call.name() == on {
                json(status, body)
            } else {
                approved(call)
            }
        })
        .await;
        let mut file = vault.settings();
        file.global_approver = Some("pbapprover".into());
        let error = soon(plugin(file).get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(
            error.message.contains("Global Approver") && error.message.contains("pbapprover"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_approval_by_somebody_faster_counts() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("GET Credentials/124", 0) => json(403, " \"4034\" "),
        ("PUT Requests/124/Approve", _) => json(403, "4031"),
        _ => well(call),
    })
    .await;
    let mut file = vault.settings();
    file.global_approver = Some("pbapprover".into());
    assert!(
        soon(plugin(file).get_credential(&session(), ROOT))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_session_that_dies_between_request_and_credential_is_replaced_once() {
    let vault = Vault::start(|call: &Call| {
        let first = call
            .header("cookie")
            .is_some_and(|cookie| cookie.ends_with("-0"));
        match call.name().as_str() {
            "GET Credentials/124" if first => dead_session(),
            _ => well(call),
        }
    })
    .await;
    assert!(
        soon(vault.plugin().get_credential(&session(), ROOT))
            .await
            .is_ok()
    );
    assert_eq!(
        vault.take_names(),
        [
            "POST Auth/SignAppin",
            "POST Requests",
            "GET Credentials/124",
            "POST Auth/SignAppin",
            "GET Credentials/124",
        ],
        "and the request is not made twice"
    );
}

#[tokio::test]
async fn a_session_is_replaced_once_in_a_request_and_not_once_in_a_call() {
    let vault = Vault::start(|call: &Call| {
        let session = call
            .header("cookie")
            .and_then(|cookie| cookie.rsplit('-').next());
        match (call.name().as_str(), session) {
            ("POST Requests", Some("0")) | ("GET Credentials/124", Some("1")) => dead_session(),
            _ => well(call),
        }
    })
    .await;
    let error = soon(vault.plugin().get_credential(&session(), ROOT))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Authentication);
    let sign_ins = vault
        .take_names()
        .iter()
        .filter(|name| name.contains("SignAppin"))
        .count();
    assert_eq!(sign_ins, 2);
}

#[tokio::test]
async fn a_vault_that_drops_every_session_is_not_asked_for_ever() {
    let vault = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Auth/SignAppin" => signed_in(call),
        _ => dead_session(),
    })
    .await;
    let error = soon(vault.plugin().find_credentials(&session()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Authentication);
    let sign_ins = vault
        .take_names()
        .iter()
        .filter(|name| name.contains("SignAppin"))
        .count();
    assert_eq!(sign_ins, 2);
}

fn request_row(id: i32, account_id: i32, access: &str, reason: &str) -> String {
    format!(
        r#"{{"RequestID":{id},"SystemID":5,"AccountID":{account_id},"Status":"Active","AccessType":"{access}","Reason":"{reason}"}}"#
    )
}

#[tokio::test]
async fn a_conflict_with_the_users_own_request_uses_that_one() {
    let rows = [
        request_row(122, 11, "View", ""),
        request_row(123, 10, "RDP", ""),
        request_row(124, 10, "View", "made by hand"),
    ];
    let vault = Vault::start(move |call: &Call| match call.name().as_str() {
        "POST Requests" => json(409, "4091"),
        "GET Requests" => json(200, format!("[{}]", rows.join(","))),
        _ => well(call),
    })
    .await;
    let plugin = vault.plugin();
    assert!(soon(plugin.get_credential(&session(), ROOT)).await.is_ok());
    vault.take_calls();
    soon(plugin.release_credential(&session(), ROOT, 0))
        .await
        .unwrap();
    assert_eq!(
        vault.take_calls().len(),
        0,
        "a request made by hand is not checked in"
    );
}

#[tokio::test]
async fn a_conflict_that_passes_is_tried_once_more_and_one_that_stays_is_told() {
    let passing = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("POST Requests", 0) => json(409, "\"conflicting request\""),
        _ => well(call),
    })
    .await;
    assert!(
        soon(passing.plugin().get_credential(&session(), ROOT))
            .await
            .is_ok()
    );

    let staying = Vault::start(|call: &Call| match call.name().as_str() {
        "POST Requests" => json(409, "4091"),
        _ => well(call),
    })
    .await;
    let error = soon(staying.plugin().get_credential(&session(), ROOT))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(
        error.message.contains("released to somebody else"),
        "{error}"
    );
    assert_eq!(
        staying.take_names(),
        [
            "POST Auth/SignAppin",
            "POST Requests",
            "GET Requests",
            "POST Requests"
        ]
    );
}

#[tokio::test]
async fn a_reused_request_that_ran_out_is_made_anew_once() {
    let vault = Vault::start(|call: &Call| match (call.name().as_str(), call.nth) {
        ("POST Requests", 0) => json(200, "123"),
        ("GET Credentials/123", _) => json(404, "\"may have expired\""),
        _ => well(call),
    })
    .await;
    assert!(
        soon(vault.plugin().get_credential(&session(), ROOT))
            .await
            .is_ok()
    );
    assert_eq!(vault.take_calls().len(), 5);

    let denied = Vault::start(|call: &Call| match call.name().as_str() {
        "GET Credentials/124" => json(404, "\"denied\""),
        _ => well(call),
    })
    .await;
    let error = soon(denied.plugin().get_credential(&session(), ROOT))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(
        denied.take_calls().len(),
        3,
        "a new request that is gone was denied"
    );
}

#[tokio::test]
async fn every_sub_code_has_its_kind_and_its_cure() {
    for (body, part) in [
        ("4031", "Requestor role"),
        ("\"4031\"", "Requestor role"),
        ("4032", "Requestor role"),
        ("4033", "Approver role"),
        ("4035", "assign approvers"),
        ("4036", "user's roles"),
        ("", "user's roles"),
    ] {
        let vault = Vault::start(move |call: &Call| match call.name().as_str() {
            "POST Requests" => json(403, body),
            _ => well(call),
        })
        .await;
        let error = soon(vault.plugin().get_credential(&session(), ROOT))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permission, "{body}");
        assert!(
            error.next_action.contains(part),
            "{body}: {}",
            error.next_action
        );
    }
}
