//! Two doors, the web service and the pages: what opens one opens not the other. soap:§3.1.

use std::net::IpAddr;

use mock_secret_server::settings::{IpRange, IpRestriction};
use mock_secret_server::state::{
    Answer, Command, NewRadius, NewUser, Operate, Refusal, RefusalKind, SecretText, SignIn,
    TwoFactor,
};

use crate::fixture::{Bench, contents, impersonate, log_on, person};

fn rose(two_factor: TwoFactor, challenge_answer: Option<&str>) -> Bench {
    let mut user = NewUser::local("rose").password("pw");
    user.two_factor = two_factor;
    user.radius = Some(NewRadius {
        code: "246810".into(),
        challenge_answer: challenge_answer.map(SecretText::from),
    });
    Bench::of(contents().with_user(user))
}

fn sign_in(bench: &mut Bench, user: &str, code: Option<&str>) -> Result<SecretText, Refusal> {
    let by = SignIn {
        code: code.map(SecretText::from),
        ..person(user, None, "pw")
    };
    let signed_in = bench.vault.sim_sign_in(by, bench.now, bench.from);
    signed_in.map(|(_, cookie)| cookie)
}

fn who(bench: &Bench, cookie: &SecretText) -> Option<String> {
    let user = bench
        .vault
        .sim_signed_in(cookie.expose(), bench.now, bench.from)?;
    Some(user.to_string())
}

#[test]
fn the_second_factor_is_asked_for_at_the_doors_that_the_user_chose() {
    for (two_factor, at_the_service, at_the_pages) in [
        (TwoFactor::Never, false, false),
        (TwoFactor::Web, false, true),
        (TwoFactor::WebService, true, false),
        (TwoFactor::Both, true, true),
    ] {
        let mut bench = rose(two_factor, None);
        let service = bench.call(log_on("rose", "pw", None)).err();
        let pages = sign_in(&mut bench, "rose", None).err();
        for (refusal, asked) in [(service, at_the_service), (pages, at_the_pages)] {
            let expected = asked.then_some(RefusalKind::SecondFactorRequired);
            assert_eq!(refusal.map(|one| one.kind), expected, "{two_factor:?}");
        }
        assert!(sign_in(&mut bench, "rose", Some("246810")).is_ok());
    }
}

#[test]
fn a_wrong_code_at_the_pages_counts_towards_the_lock_out() {
    let mut bench = rose(TwoFactor::Both, None);
    bench.vault.settings_mut().lock_out_attempts = 2;
    for kind in [RefusalKind::WrongRadiusCode, RefusalKind::WrongRadiusCode] {
        assert_eq!(
            sign_in(&mut bench, "rose", Some("1")).unwrap_err().kind,
            kind
        );
    }
    let locked = sign_in(&mut bench, "rose", Some("246810")).unwrap_err();
    assert_eq!(locked.kind, RefusalKind::LockedOut);
}

#[test]
fn a_challenge_at_the_pages_wants_its_answer_next() {
    let mut bench = rose(TwoFactor::Web, Some("blue"));
    let challenge = sign_in(&mut bench, "rose", Some("246810")).unwrap_err();
    assert_eq!(challenge.kind, RefusalKind::RadiusChallenge);
    assert!(sign_in(&mut bench, "rose", Some("blue")).is_ok());
}

#[test]
fn a_cookie_is_no_token_and_a_token_no_cookie() {
    let mut bench = Bench::of(contents());
    let token = bench.token("alice");
    let cookie = sign_in(&mut bench, "alice", None).unwrap();
    assert_eq!(who(&bench, &cookie).as_deref(), Some("alice"));
    assert_eq!(who(&bench, token.as_ref().unwrap()), None);
    let calls = [
        Command::WhoAmI {
            token: Some(cookie.clone()),
        },
        Command::GetTokenIsValid {
            token: Some(cookie.clone()),
        },
    ];
    let now = bench.now;
    for call in calls {
        assert_eq!(bench.vault.acting_user(&call, now), None);
        assert_eq!(bench.refused(call).kind, RefusalKind::DeadToken);
    }
    assert_eq!(bench.vault.live_tokens(now), 1, "alice's token alone");
    assert_eq!(
        who(&bench, &cookie).as_deref(),
        Some("alice"),
        "trying it at the service leaves the page as it was"
    );
}

#[test]
fn a_page_closes_to_a_disabled_user_and_after_its_time() {
    let mut bench = Bench::of(contents());
    let cookie = sign_in(&mut bench, "alice", None).unwrap();
    let set = |enabled| Operate::SetUserEnabled {
        user: "alice".into(),
        enabled,
    };
    bench.operate(set(false));
    assert_eq!(who(&bench, &cookie), None);
    bench.operate(set(true));
    assert!(who(&bench, &cookie).is_some());
    bench.wait(20 * 60);
    assert_eq!(who(&bench, &cookie), None);
}

#[test]
fn an_excluded_address_stops_a_live_token_or_only_new_ones_by_setting() {
    for (setting, stops) in [
        (IpRestriction::EveryCall, true),
        (IpRestriction::LogOn, false),
    ] {
        let mut bench = Bench::of(contents());
        bench.vault.settings_mut().ip_restriction = setting;
        let token = bench.token("alice");
        let cookie = sign_in(&mut bench, "alice", None).unwrap();
        let network = IpRange::try_from("10.0.0.0/8".to_owned()).unwrap();
        bench.vault.settings_mut().ip_allow = vec![network];
        let whoami = || Command::WhoAmI {
            token: token.clone(),
        };
        let refused = bench.call(whoami()).err().map(|refusal| refusal.kind);
        assert_eq!(refused, stops.then_some(RefusalKind::IpNotAllowed));
        assert_eq!(who(&bench, &cookie).is_none(), stops);
        assert!(bench.call(log_on("alice", "pw", None)).is_err());
        bench.from = IpAddr::from([10, 1, 2, 3]);
        assert!(bench.call(whoami()).is_ok(), "the token lives on");
    }
}

#[test]
fn with_impersonation_the_api_accounts_addresses_count() {
    let home = IpRange::try_from("10.0.0.0/8".to_owned()).unwrap();
    let away = IpRange::try_from("192.0.2.0/24".to_owned()).unwrap();
    let mut contents = contents();
    contents.users[0].ip_allow = vec![home];
    contents.users[1].ip_allow = vec![away];
    let mut bench = Bench::of(contents);
    bench.from = IpAddr::from([10, 1, 2, 3]);
    let token = bench.impersonated("alice");
    let whoami = Command::WhoAmI {
        token: token.clone(),
    };
    assert!(matches!(
        bench.call(whoami.clone()),
        Ok(Answer::UserInfo(_))
    ));
    bench.from = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(bench.refused(whoami).kind, RefusalKind::IpNotAllowed);
    let again = impersonate(&token, "alice", None);
    assert_eq!(bench.refused(again).kind, RefusalKind::IpNotAllowed);
}
