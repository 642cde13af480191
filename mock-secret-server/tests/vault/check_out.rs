//! soap:§3.7.

use mock_secret_server::settings::FreeCheckIn;
use mock_secret_server::state::{
    Answer, CheckOutRule, Command, Contents, GetCheckOutStatusResult, Operate, OperateError,
    Operated, RefusalKind, SecretText,
};

use crate::fixture::{Bench, account, bench_with, contents, response, value};

const RULE: CheckOutRule = CheckOutRule {
    minutes: Some(10),
    change_password: false,
};
const ROTATING: CheckOutRule = CheckOutRule {
    minutes: Some(10),
    change_password: true,
};

fn with(rule: CheckOutRule) -> Contents {
    contents().with_secret(account("taken", "m").check_out(rule).id(8))
}

fn status(bench: &mut Bench, token: &Option<SecretText>) -> GetCheckOutStatusResult {
    let command = Command::GetCheckOutStatus {
        token: token.clone(),
        secret_id: 8,
    };
    match bench.call(command).unwrap() {
        Answer::GetCheckOutStatus(status) => *status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn getting_checks_out_to_one_and_everybody_else_is_told_who() {
    let mut bench = Bench::of(with(RULE));
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    let secret = bench.get(&alice, 8, Vec::new()).unwrap();
    assert_eq!(
        (secret.is_checked_out, secret.check_out_minutes_remaining),
        (Some(true), Some(10))
    );
    let refusal = bench.get(&bob, 8, Vec::new()).unwrap_err();
    assert_eq!(
        refusal.text,
        "The requested Secret is currently checked out to Alice A."
    );
    assert_eq!(refusal.kind, RefusalKind::CheckedOut);
    assert!(
        bench.get(&alice, 8, Vec::new()).is_ok(),
        "the holder reads on"
    );
    assert!(bench.check_in(&alice, 8).is_ok());
    assert!(bench.get(&bob, 8, Vec::new()).is_ok());
}

#[test]
fn with_impersonation_the_user_is_the_holder() {
    let mut bench = Bench::of(with(RULE));
    let acting = bench.impersonated("alice");
    bench.get(&acting, 8, Vec::new()).unwrap();
    let now = bench.now;
    let held = bench.vault.check_outs(now);
    assert_eq!(
        (held.len(), &*held[0].holder, held[0].secret_id),
        (1, "alice", 8)
    );
    let own = bench.token("alice");
    assert!(
        bench.check_in(&own, 8).is_ok(),
        "it is alice's, by whichever token"
    );
}

#[test]
fn the_interval_is_the_secrets_or_the_global_one_and_ends_by_itself() {
    for (minutes, seconds) in [(Some(10), 600), (None, 1800)] {
        let mut contents = with(CheckOutRule {
            minutes,
            change_password: false,
        });
        contents.settings.token_lifetime_minutes = 0;
        let mut bench = Bench::of(contents);
        let (alice, bob) = (bench.token("alice"), bench.token("bob"));
        bench.get(&alice, 8, Vec::new()).unwrap();
        bench.wait(seconds - 1);
        assert_eq!(status(&mut bench, &alice).check_out_minutes_remaining, 1);
        assert!(bench.get(&bob, 8, Vec::new()).is_err());
        bench.wait(1);
        assert!(!status(&mut bench, &alice).is_checked_out);
        assert!(bench.get(&bob, 8, Vec::new()).is_ok());
    }
}

#[test]
fn the_status_never_checks_out_and_shows_no_item() {
    let mut bench = Bench::of(with(RULE));
    let token = bench.token("alice");
    let free = status(&mut bench, &token);
    assert_eq!(
        (
            free.is_checked_out,
            free.check_out_minutes_remaining,
            free.check_out_user_id
        ),
        (false, 0, 0)
    );
    assert!(free.secret.items.is_none());
    assert_eq!(
        free.secret.secret_settings.unwrap().check_out_enabled,
        Some(true)
    );
    assert!(!status(&mut bench, &token).is_checked_out);
    bench.get(&token, 8, Vec::new()).unwrap();
    let taken = status(&mut bench, &token);
    assert_eq!(
        (taken.is_checked_out, taken.check_out_minutes_remaining),
        (true, 10)
    );
    assert_eq!(
        taken.check_out_user_display_name.as_deref(),
        Some("Alice A")
    );
}

#[test]
fn checking_in_is_the_holders_or_by_force() {
    let mut bench = Bench::of(with(RULE).with_secret(account("mine", "m").id(9)));
    bench.vault.settings_mut().token_lifetime_minutes = 0;
    let (alice, bob, eve) = (bench.token("alice"), bench.token("bob"), bench.token("eve"));
    bench.get(&bob, 8, Vec::new()).unwrap();
    let refusal = bench.check_in(&alice, 8).unwrap_err();
    assert!(
        refusal.text.contains("currently checked out"),
        "{}",
        refusal.text
    );
    assert_eq!(bench.check_in(&eve, 8).unwrap_err().text, "Access Denied");
    assert!(bench.check_in(&bob, 8).is_ok());
    bench.get(&alice, 8, Vec::new()).unwrap();
    assert!(
        bench.check_in(&bob, 8).is_ok(),
        "an administrator has Force Check In"
    );
    assert!(!status(&mut bench, &alice).is_checked_out);
}

#[test]
fn checking_in_a_free_secret_succeeds_or_not_by_setting() {
    for (setting, fine) in [(FreeCheckIn::Succeed, true), (FreeCheckIn::Refuse, false)] {
        let mut bench = bench_with(|settings| settings.check_in_of_free_secret = setting);
        let token = bench.token("alice");
        assert_eq!(bench.check_in(&token, 7).is_ok(), fine);
        assert!(bench.check_in(&token, 99).is_err());
    }
}

#[test]
fn check_in_rotates_the_password_where_it_is_to() {
    for (rule, rotates) in [(RULE, false), (ROTATING, true)] {
        let mut bench = Bench::of(with(rule));
        let token = bench.token("alice");
        let before = value(&bench.get(&token, 8, Vec::new()).unwrap(), "Password").to_owned();
        assert_eq!(before, "hunter2");
        bench.check_in(&token, 8).unwrap();
        let after = bench.get(&token, 8, Vec::new()).unwrap();
        assert_eq!(value(&after, "Password") != before, rotates);
    }
}

#[test]
fn an_automatic_check_in_rotates_as_well() {
    let mut bench = Bench::of(with(ROTATING));
    let token = bench.token("alice");
    bench.get(&token, 8, Vec::new()).unwrap();
    bench.wait(600);
    let after = bench.get(&token, 8, Vec::new()).unwrap();
    assert_ne!(value(&after, "Password"), "hunter2");
    let actions: Vec<_> = bench
        .vault
        .accesses()
        .iter()
        .map(|row| row.action.to_string())
        .collect();
    assert_eq!(
        actions,
        [
            "CHECKOUT",
            "WEBSERVICE VIEW",
            "AUTOMATIC CHECKIN",
            "CHECKOUT",
            "WEBSERVICE VIEW"
        ]
    );
}

#[test]
fn nobody_reads_a_secret_whose_password_is_being_changed() {
    let mut contents = with(ROTATING);
    contents.settings.password_change_s = 30;
    let mut bench = Bench::of(contents);
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    bench.get(&alice, 8, Vec::new()).unwrap();
    bench.check_in(&alice, 8).unwrap();
    for token in [&alice, &bob] {
        let refusal = bench.get(token, 8, Vec::new()).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::PasswordChangePending);
    }
    bench.wait(30);
    assert_ne!(
        value(&bench.get(&bob, 8, Vec::new()).unwrap(), "Password"),
        "hunter2"
    );
}

#[test]
fn a_comment_goes_with_the_check_out() {
    let secret = account("both", "m").check_out(RULE).comment().id(8);
    let mut bench = Bench::of(contents().with_secret(secret));
    let token = bench.token("alice");
    assert_eq!(
        bench.get(&token, 8, Vec::new()).unwrap_err().kind,
        RefusalKind::CommentRequired
    );
    assert!(
        !status(&mut bench, &token).is_checked_out,
        "a refusal checks nothing out"
    );
    bench
        .get(&token, 8, vec![response("COMMENT", "why", None)])
        .unwrap();
    bench.wait(400);
    assert!(
        bench.get(&token, 8, Vec::new()).is_ok(),
        "the holder has said why"
    );
    bench.check_in(&token, 8).unwrap();
    assert_eq!(
        bench.get(&token, 8, Vec::new()).unwrap_err().kind,
        RefusalKind::CommentRequired
    );
}

#[test]
fn a_check_out_ends_with_the_approval_behind_it() {
    let secret = account("both", "m")
        .check_out(CheckOutRule {
            minutes: Some(120),
            change_password: false,
        })
        .approval(&["bob"])
        .id(8);
    let mut bench = Bench::of(contents().with_secret(secret));
    let token = bench.token("alice");
    let user = "alice".to_owned();
    let act = Operate::FileAccessRequest {
        secret_id: 8,
        user,
        reason: String::new(),
    };
    let Operated::Filed(id) = bench.operate(act) else {
        panic!("not filed")
    };
    let approve = Command::ApproveSecretAccessRequest {
        approval_id: Some(id),
        hours: Some("1".into()),
        user_override: false,
    };
    bench.call(approve).unwrap();
    assert_eq!(
        bench
            .get(&token, 8, Vec::new())
            .unwrap()
            .check_out_minutes_remaining,
        Some(60)
    );
}

#[test]
fn owners_switch_check_out_on_and_off_even_while_it_is_out() {
    let mut bench = Bench::of(contents());
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    let set = |token: &Option<SecretText>, set_check_out, check_out_interval| {
        Command::SetCheckOutEnabled {
            token: token.clone(),
            secret_id: 7,
            set_check_out,
            set_password_change_on_check_in: false,
            check_out_interval,
        }
    };
    assert_eq!(bench.refused(set(&alice, true, None)).text, "Access Denied");
    for bad in [0, -5] {
        assert_eq!(
            bench.refused(set(&bob, true, Some(bad))).kind,
            RefusalKind::BadValue
        );
    }
    bench.call(set(&bob, true, Some(45))).unwrap();
    let secret = bench.get(&alice, 7, Vec::new()).unwrap();
    assert_eq!(secret.check_out_minutes_remaining, Some(45));
    // Proxies without a null for numbers send 0.
    for interval in [None, Some(0)] {
        bench.call(set(&bob, true, Some(45))).unwrap();
        bench.call(set(&bob, false, interval)).unwrap();
        assert!(bench.get(&bob, 7, Vec::new()).is_ok());
    }
}

#[test]
fn a_launched_session_is_checked_in_by_its_key_once() {
    let mut bench = Bench::of(with(RULE));
    let now = bench.now;
    let launch = |user: &str| Operate::Launch {
        secret_id: 8,
        user: user.into(),
    };
    let Operated::Launched(key) = bench.operate(launch("alice")) else {
        panic!("no key")
    };
    assert_eq!(
        bench.vault.operate(launch("bob"), now).unwrap_err(),
        OperateError::Held(8)
    );
    let by_key = |key: &SecretText| Command::CheckInByKey {
        session_key: Some(key.clone()),
    };
    assert!(bench.call(by_key(&key)).is_ok());
    assert!(bench.vault.check_outs(now).is_empty());
    assert_eq!(bench.refused(by_key(&key)).kind, RefusalKind::NotFound);
    assert_eq!(
        bench
            .refused(Command::CheckInByKey { session_key: None })
            .kind,
        RefusalKind::NotFound
    );
}

#[test]
fn a_check_in_ends_the_sessions_of_its_secret() {
    let mut bench = Bench::of(with(RULE));
    let launch = Operate::Launch {
        secret_id: 8,
        user: "alice".into(),
    };
    let Operated::Launched(key) = bench.operate(launch) else {
        panic!("no key")
    };
    let token = bench.token("alice");
    bench.check_in(&token, 8).unwrap();
    let by_key = Command::CheckInByKey {
        session_key: Some(key),
    };
    assert_eq!(bench.refused(by_key).kind, RefusalKind::NotFound);
}

#[test]
fn expiring_a_secret_rotates_it_where_it_rotates_by_itself() {
    for rotates in [false, true] {
        let mut secret = account("expiring", "m").id(8);
        secret.rules.auto_change = rotates;
        let mut bench = Bench::of(contents().with_secret(secret));
        let (alice, bob) = (bench.token("alice"), bench.token("bob"));
        let expire = |token: &Option<SecretText>| Command::ExpireSecret {
            token: token.clone(),
            secret_id: 8,
        };
        assert_eq!(bench.refused(expire(&alice)).text, "Access Denied");
        bench.call(expire(&bob)).unwrap();
        let after = bench.get(&bob, 8, Vec::new()).unwrap();
        assert_eq!(value(&after, "Password") != "hunter2", rotates);
    }
}

#[test]
fn unlimited_administration_reads_past_a_check_out_and_leaves_it() {
    for mode in [false, true] {
        let mut contents = with(RULE);
        contents.settings.unlimited_administration = mode;
        let mut bench = Bench::of(contents);
        let (alice, bob) = (bench.token("alice"), bench.token("bob"));
        bench.get(&alice, 8, Vec::new()).unwrap();
        assert_eq!(bench.get(&bob, 8, Vec::new()).is_ok(), mode);
        let now = bench.now;
        assert_eq!(&*bench.vault.check_outs(now)[0].holder, "alice");
        bench.check_in(&alice, 8).unwrap();
        assert!(bench.get(&bob, 8, Vec::new()).is_ok());
        assert_eq!(bench.vault.check_outs(now).is_empty(), mode);
    }
}

#[test]
fn the_ssh_proxy_refuses_before_it_checks_out() {
    let mut bench = Bench::of(with(RULE));
    let token = bench.token("alice");
    let call = Command::GetSSHLoginCredentials {
        token: token.clone(),
        secret_id: 8,
    };
    assert_eq!(bench.refused(call).kind, RefusalKind::BadValue);
    assert!(!status(&mut bench, &token).is_checked_out);
}

#[test]
fn a_launch_is_audited_and_only_for_those_who_see_the_secret() {
    let mut bench = Bench::of(with(RULE));
    let launch = |user: &str| Operate::Launch {
        secret_id: 8,
        user: user.into(),
    };
    let error = bench.vault.operate(launch("eve"), bench.now).unwrap_err();
    assert_eq!(error, OperateError::NotVisible(8, "eve".into()));
    bench.operate(launch("alice"));
    let told: Vec<_> = bench.vault.accesses();
    let told: Vec<_> = told.iter().map(|one| (&*one.action, &*one.user)).collect();
    assert_eq!(told, [("CHECKOUT", "alice"), ("LAUNCHER", "alice")]);
}
