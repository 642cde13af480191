//! soap:§3.3.

use mock_secret_server::settings::LiveTokens;
use mock_secret_server::state::{
    Answer, Command, MailKind, NewUser, Operate, OperateError, Operated, RefusalKind, SecretText,
    Trust,
};

use crate::fixture::{Bench, bench, bench_with, contents, impersonate};

fn pair(user: &str) -> (String, String) {
    ("svc".to_owned(), user.to_owned())
}

fn approve(bench: &mut Bench, user: &str) {
    let (caller, user) = pair(user);
    bench.operate(Operate::ApproveImpersonation { caller, user });
}

fn deny(bench: &mut Bench, user: &str) {
    let (caller, user) = pair(user);
    bench.operate(Operate::DenyImpersonation { caller, user });
}

fn revoke(bench: &mut Bench, user: &str) -> Operated {
    let (caller, user) = pair(user);
    bench.operate(Operate::RevokeImpersonation { caller, user })
}

fn user_of(bench: &mut Bench, token: Option<SecretText>) -> String {
    match bench.call(Command::WhoAmI { token }).unwrap() {
        Answer::UserInfo(info) => info.known_as.unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_call_asks_the_user_by_mail_and_gives_the_address_to_answer_at() {
    let mut bench = bench();
    let token = bench.token("svc");
    let refusal = bench.refused(impersonate(&token, "Carol", Some("acme")));
    assert_eq!(refusal.kind, RefusalKind::TrustPending);
    assert!(
        refusal.text.contains("pending approval"),
        "{}",
        refusal.text
    );
    let url = refusal.authorize_url.unwrap();
    let mails: Vec<_> = bench.vault.mailbox().cloned().collect();
    assert_eq!(mails.len(), 1);
    assert_eq!(&*mails[0].to, "carol@acme.example");
    assert_eq!(&*mails[0].user, "acme.example\\carol");
    assert_eq!(mails[0].link, url);
    let MailKind::TrustRequest { request_id } = &mails[0].kind else {
        panic!("{mails:?}")
    };
    assert_eq!(
        url,
        format!("/ManageApplications.aspx?requestId={request_id}")
    );
    assert_eq!(bench.trust("acme.example\\carol"), Trust::Pending);
}

#[test]
fn while_pending_the_address_stays_and_mail_waits_for_the_interval() {
    let mut bench = bench_with(|settings| settings.trust_mail_interval_minutes = 10);
    let token = bench.token("svc");
    let first = bench.refused(impersonate(&token, "alice", None));
    bench.wait(599);
    let second = bench.refused(impersonate(&token, "alice", None));
    assert_eq!(first.authorize_url, second.authorize_url);
    assert_eq!(bench.vault.mailbox().count(), 1);
    bench.wait(1);
    bench.refused(impersonate(&token, "alice", None));
    assert_eq!(bench.vault.mailbox().count(), 2);
}

#[test]
fn an_approval_gives_tokens_in_the_users_context_for_good() {
    let mut bench = bench();
    let token = bench.token("svc");
    bench.refused(impersonate(&token, "alice", None));
    approve(&mut bench, "alice");
    for _ in 0..2 {
        let token = bench.token("svc");
        let Answer::Impersonate(result) = bench.call(impersonate(&token, "alice", None)).unwrap()
        else {
            panic!("no impersonation");
        };
        assert_eq!(result.authorize_url, None);
        assert_eq!(user_of(&mut bench, result.token), "alice");
        assert_eq!(
            user_of(&mut bench, token),
            "svc",
            "the caller keeps its own token"
        );
        bench.wait(90 * 86_400);
    }
}

#[test]
fn pending_may_leave_errors_empty_by_setting() {
    let mut bench = bench_with(|settings| settings.trust_pending_errors_empty = true);
    let token = bench.token("svc");
    let Answer::Impersonate(result) = bench.call(impersonate(&token, "alice", None)).unwrap()
    else {
        panic!("no impersonation");
    };
    assert!(result.token.is_none() && result.authorize_url.is_some());
}

#[test]
fn a_denial_stands_or_is_asked_again_by_setting() {
    for (asks_again, kind) in [
        (false, RefusalKind::TrustDenied),
        (true, RefusalKind::TrustPending),
    ] {
        let mut bench = bench_with(|settings| settings.trust_denied_asks_again = asks_again);
        let token = bench.token("svc");
        bench.refused(impersonate(&token, "alice", None));
        deny(&mut bench, "alice");
        let refusal = bench.refused(impersonate(&token, "alice", None));
        assert_eq!(refusal.kind, kind);
        if !asks_again {
            assert!(refusal.text.contains("denied") && refusal.authorize_url.is_none());
        }
    }
}

#[test]
fn revocation_asks_anew_and_ends_live_tokens_by_setting() {
    for (setting, alive) in [(LiveTokens::Keep, true), (LiveTokens::End, false)] {
        let mut bench = bench_with(|settings| settings.live_tokens_on_revoke = setting);
        let acting = bench.impersonated("alice");
        let own = bench.token("alice");
        let Operated::Ended(ended) = revoke(&mut bench, "alice") else {
            panic!("not ended")
        };
        assert_eq!(ended, usize::from(!alive));
        assert_eq!(
            bench.call(Command::WhoAmI { token: acting }).is_ok(),
            alive,
            "{setting:?}"
        );
        assert!(
            bench.call(Command::WhoAmI { token: own }).is_ok(),
            "alice's own token lives"
        );
        let token = bench.token("svc");
        let again = bench.refused(impersonate(&token, "alice", None));
        assert_eq!(again.kind, RefusalKind::TrustPending);
    }
}

#[test]
fn one_users_approval_is_no_other_users_and_no_other_accounts() {
    let second = NewUser::local("svc2").password("pw").role("API");
    let mut bench = Bench::of(contents().with_user(second));
    let token = bench.token("svc");
    bench.refused(impersonate(&token, "alice", None));
    approve(&mut bench, "alice");
    assert_eq!(
        bench.refused(impersonate(&token, "bob", None)).kind,
        RefusalKind::TrustPending
    );
    let other = bench.token("svc2");
    assert_eq!(
        bench.refused(impersonate(&other, "alice", None)).kind,
        RefusalKind::TrustPending
    );
}

#[test]
fn without_the_role_permission_nobody_is_asked() {
    let mut bench = bench();
    for user in ["alice", "bob"] {
        let token = bench.token(user);
        let refusal = bench.refused(impersonate(&token, "eve", None));
        assert_eq!(
            (refusal.text.as_ref(), refusal.kind),
            ("Access Denied", RefusalKind::AccessDenied)
        );
    }
    assert_eq!(bench.vault.mailbox().count(), 0);
}

#[test]
fn an_unknown_or_disabled_target_reads_the_same_and_asks_nobody() {
    let mut bench = bench();
    bench.operate(Operate::SetUserEnabled {
        user: "eve".into(),
        enabled: false,
    });
    let token = bench.token("svc");
    let cases = [
        ("nobody", None, RefusalKind::UnknownTarget),
        ("alice", Some("ACME"), RefusalKind::UnknownTarget),
        ("carol", None, RefusalKind::UnknownTarget),
        ("eve", None, RefusalKind::DisabledUser),
    ];
    for (user, domain, kind) in cases {
        let refusal = bench.refused(impersonate(&token, user, domain));
        assert_eq!(
            (refusal.text.as_ref(), refusal.kind),
            ("User not found.", kind),
            "{user}"
        );
    }
    assert_eq!(bench.vault.mailbox().count(), 0);
}

#[test]
fn a_user_without_an_address_is_asked_without_mail() {
    let mut bench = Bench::of(contents().with_user(NewUser::local("dora")));
    let token = bench.token("svc");
    assert!(
        bench
            .refused(impersonate(&token, "dora", None))
            .authorize_url
            .is_some()
    );
    assert_eq!(bench.vault.mailbox().count(), 0);
    assert_eq!(bench.trust("dora"), Trust::Pending);
}

#[test]
fn an_answer_at_the_wrong_time_says_where_the_trust_stands() {
    let mut bench = bench();
    let (caller, user) = pair("alice");
    let now = bench.now;
    let error = bench
        .vault
        .operate(Operate::DenyImpersonation { caller, user }, now)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "deny the trust of `alice` in `svc`: it is none, not pending"
    );
    let (caller, user) = pair("zoe");
    let error = bench
        .vault
        .operate(Operate::ApproveImpersonation { caller, user }, now)
        .unwrap_err();
    assert_eq!(error, OperateError::NoUser("zoe".into()));
}

#[test]
fn access_by_impersonation_stands_in_the_audit_with_both_names() {
    let mut bench = bench();
    let token = bench.impersonated("alice");
    bench.get(&token, 7, Vec::new()).unwrap();
    let accesses = bench.vault.accesses();
    let view = accesses
        .iter()
        .find(|row| &*row.action == "WEBSERVICE VIEW")
        .unwrap();
    assert_eq!(&*view.user, "alice");
    assert_eq!(view.impersonated_by.as_deref(), Some("svc"));
}

#[test]
fn on_the_wire_the_audit_names_who_acted_beside_what_they_said() {
    let commented = crate::fixture::account("commented", "m").comment().id(8);
    for (form, alone, with_comment) in [
        (
            "Impersonated by {}",
            Some("Impersonated by ECM Service"),
            "Impersonated by ECM Service. disk full",
        ),
        ("", None, "disk full"),
    ] {
        let mut contents = contents().with_secret(commented.clone());
        contents.settings.impersonation_audit_note = form.into();
        let mut bench = Bench::of(contents);
        let token = bench.impersonated("alice");
        bench.get(&token, 7, Vec::new()).unwrap();
        let comment = crate::fixture::response("COMMENT", "disk full", None);
        bench.get(&token, 8, vec![comment]).unwrap();
        for (secret_id, expected) in [(7, alone), (8, Some(with_comment))] {
            let token = token.clone();
            let audit = Command::GetSecretAudit { token, secret_id };
            let Answer::GetSecretAudit(rows) = bench.call(audit).unwrap() else {
                panic!("no audit")
            };
            assert_eq!(rows[0].notes.as_deref(), expected, "{form:?}");
        }
    }
}
