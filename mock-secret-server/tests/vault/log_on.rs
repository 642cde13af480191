//! soap:§3.1 and soap:§3.2.

use mock_secret_server::settings::{IpRange, Profile, TokenLifetime, WebServices};
use mock_secret_server::state::{
    Answer, Command, NewRadius, NewUser, Operate, RefusalKind, SecretText, TwoFactor,
};

use crate::fixture::{Bench, bench, bench_with, contents, log_on};

#[test]
fn a_user_logs_on_in_any_case_and_in_each_form_of_the_domain() {
    let accepted = [
        ("alice", None),
        ("ALICE", Some("")),
        ("alice", Some("(local)")),
        ("alice", Some("(Local)")),
        ("carol", Some("acme.example")),
        ("Carol", Some("ACME.EXAMPLE")),
        ("carol", Some("acme")),
    ];
    for (user, domain) in accepted {
        let answer = bench().call(log_on(user, "pw", domain));
        assert!(
            matches!(answer, Ok(Answer::Authenticate(_))),
            "{user} {domain:?}: {answer:?}"
        );
    }
}

#[test]
fn every_failed_log_on_reads_the_same_and_the_journal_knows_why() {
    let cases = [
        (log_on("nobody", "pw", None), RefusalKind::UnknownUser),
        (log_on("alice", "PW", None), RefusalKind::WrongPassword),
        (log_on("alice", "", None), RefusalKind::WrongPassword),
        (
            log_on("alice", "pw", Some("acme.example")),
            RefusalKind::UnknownUser,
        ),
        (log_on("carol", "pw", None), RefusalKind::UnknownUser),
        (
            log_on("alice", "pw", Some("other.example")),
            RefusalKind::UnknownUser,
        ),
    ];
    for (command, kind) in cases {
        let refusal = bench().refused(command);
        assert_eq!(
            (refusal.text.as_ref(), refusal.kind),
            ("Login failed.", kind)
        );
    }
    let nothing = Command::Authenticate {
        username: None,
        password: None,
        organization: None,
        domain: None,
    };
    assert_eq!(bench().refused(nothing).text, "Login failed.");
}

#[test]
fn a_user_without_a_password_cannot_log_on_with_an_empty_one() {
    let mut bench = Bench::of(contents().with_user(NewUser::local("ghost")));
    assert_eq!(
        bench.refused(log_on("ghost", "", None)).kind,
        RefusalKind::WrongPassword
    );
    let null = Command::Authenticate {
        username: Some("ghost".into()),
        password: None,
        organization: None,
        domain: None,
    };
    assert_eq!(bench.refused(null).kind, RefusalKind::WrongPassword);
}

#[test]
fn an_organisation_is_accepted_by_its_own_edition_only() {
    let cases = [
        ("", "", true),
        ("", "acme", false),
        ("acme", "ACME", true),
        ("acme", "", true),
    ];
    for (of_the_vault, given, accepted) in cases {
        let mut bench = bench_with(|settings| settings.organization = of_the_vault.into());
        let command = Command::Authenticate {
            username: Some("alice".into()),
            password: Some("pw".into()),
            organization: Some(given.into()),
            domain: None,
        };
        assert_eq!(
            bench.call(command).is_ok(),
            accepted,
            "{of_the_vault:?} {given:?}"
        );
    }
}

#[test]
fn too_many_wrong_passwords_lock_the_account_until_time_or_an_operator_unlocks_it() {
    let mut bench = bench_with(|settings| {
        settings.lock_out_attempts = 3;
        settings.lock_out_minutes = 10;
    });
    for _ in 0..3 {
        assert_eq!(
            bench.refused(log_on("alice", "no", None)).kind,
            RefusalKind::WrongPassword
        );
    }
    let locked = bench.refused(log_on("alice", "pw", None));
    assert_eq!(
        (locked.text.as_ref(), locked.kind),
        ("Login failed.", RefusalKind::LockedOut)
    );
    assert!(
        bench.call(log_on("bob", "pw", None)).is_ok(),
        "others are not locked"
    );
    bench.wait(599);
    assert_eq!(
        bench.refused(log_on("alice", "pw", None)).kind,
        RefusalKind::LockedOut
    );
    bench.wait(1);
    assert!(bench.call(log_on("alice", "pw", None)).is_ok());

    for _ in 0..3 {
        bench.refused(log_on("alice", "no", None));
    }
    bench.operate(Operate::UnlockUser {
        user: "alice".into(),
    });
    assert!(bench.call(log_on("alice", "pw", None)).is_ok());
}

#[test]
fn a_success_starts_the_count_of_failures_anew() {
    let mut bench = bench_with(|settings| settings.lock_out_attempts = 2);
    for _ in 0..5 {
        bench.refused(log_on("alice", "no", None));
        bench.token("alice");
    }
}

#[test]
fn an_address_that_is_not_allowed_is_refused_with_its_own_text() {
    let range = |text: &str| IpRange::try_from(text.to_owned()).unwrap();
    let mut bench = bench_with(|settings| settings.ip_allow = vec![range("10.0.0.0/8")]);
    let refusal = bench.refused(log_on("alice", "pw", None));
    assert_eq!(refusal.text, "IP Address is not allowed");
    assert_eq!(refusal.kind, RefusalKind::IpNotAllowed);
    bench.from = "10.1.2.3".parse().unwrap();
    assert!(bench.call(log_on("alice", "pw", None)).is_ok());

    let mut one = NewUser::local("dora").password("pw");
    one.ip_allow = vec![range("192.0.2.0/24")];
    let mut bench = Bench::of(contents().with_user(one));
    assert_eq!(
        bench.refused(log_on("dora", "pw", None)).kind,
        RefusalKind::IpNotAllowed
    );
    assert!(
        bench.call(log_on("alice", "pw", None)).is_ok(),
        "the rule is one user's"
    );
}

#[test]
fn an_expired_local_password_stops_the_api_account_and_a_new_one_frees_it() {
    let mut old = NewUser::local("old").password("pw");
    old.password_age_days = 89;
    let mut with_old = contents().with_user(old);
    with_old.settings.local_password_expiry_days = 90;
    let mut bench = Bench::of(with_old);
    bench.token("old");
    bench.wait(86_400);
    let refusal = bench.refused(log_on("old", "pw", None));
    assert_eq!(
        (refusal.text.as_ref(), refusal.kind),
        ("Login failed.", RefusalKind::PasswordExpired)
    );
    assert!(bench.call(log_on("carol", "pw", Some("ACME"))).is_ok());
    bench.operate(Operate::SetPassword {
        user: "old".into(),
        password: "new".into(),
    });
    assert!(bench.call(log_on("old", "new", None)).is_ok());

    bench.operate(Operate::ExpirePassword {
        user: "alice".into(),
    });
    assert_eq!(
        bench.refused(log_on("alice", "pw", None)).kind,
        RefusalKind::PasswordExpired
    );
}

fn radius(user: &str, code: &str) -> Command {
    Command::AuthenticateRADIUS {
        username: Some(user.into()),
        password: Some("pw".into()),
        organization: None,
        domain: None,
        radius_password: Some(code.into()),
    }
}

fn with_radius(challenge_answer: Option<SecretText>) -> Bench {
    let mut user = NewUser::local("rita").password("pw");
    user.two_factor = TwoFactor::WebService;
    user.radius = Some(NewRadius {
        code: "123456".into(),
        challenge_answer,
    });
    Bench::of(contents().with_user(user))
}

#[test]
fn a_second_factor_makes_radius_the_only_way_in() {
    let mut bench = with_radius(None);
    let plain = bench.refused(log_on("rita", "pw", None));
    assert_eq!(plain.kind, RefusalKind::SecondFactorRequired);
    assert_eq!(plain.text, "Login failed.");
    assert_eq!(
        bench.refused(radius("rita", "000000")).kind,
        RefusalKind::WrongRadiusCode
    );
    assert!(matches!(
        bench.call(radius("rita", "123456")),
        Ok(Answer::Authenticate(_))
    ));
    assert!(
        bench.call(radius("alice", "")).is_ok(),
        "no second factor, no code"
    );
}

#[test]
fn a_radius_challenge_wants_one_more_answer() {
    let mut bench = with_radius(Some("blue".into()));
    let challenge = bench.refused(radius("rita", "123456"));
    assert_eq!(challenge.text, "RadiusUSAccessChallenge");
    assert_eq!(
        bench.refused(radius("rita", "red")).kind,
        RefusalKind::WrongRadiusCode
    );
    assert_eq!(
        bench.refused(radius("rita", "blue")).kind,
        RefusalKind::WrongRadiusCode
    );
    assert_eq!(
        bench.refused(radius("rita", "123456")).kind,
        RefusalKind::RadiusChallenge
    );
    assert!(bench.call(radius("rita", "blue")).is_ok());
}

#[test]
fn a_token_ends_with_its_lifetime_and_every_call_says_so() {
    let mut bench = bench_with(|settings| settings.token_lifetime_minutes = 5);
    let token = bench.token("alice");
    bench.wait(299);
    assert!(
        bench
            .call(Command::GetTokenIsValid {
                token: token.clone()
            })
            .is_ok()
    );
    bench.wait(1);
    let dead = [
        Command::GetTokenIsValid {
            token: token.clone(),
        },
        Command::WhoAmI {
            token: token.clone(),
        },
        Command::GetSecretTemplates { token },
        Command::WhoAmI { token: None },
        Command::WhoAmI {
            token: Some("".into()),
        },
    ];
    for command in dead {
        let refusal = bench.refused(command);
        assert_eq!(refusal.text, "Authentication failed or expired token.");
        assert_eq!(refusal.kind, RefusalKind::DeadToken);
    }
}

#[test]
fn use_prolongs_a_token_only_when_it_slides() {
    for (lifetime, alive) in [
        (TokenLifetime::Fixed, false),
        (TokenLifetime::Sliding, true),
    ] {
        let mut bench = bench_with(|settings| {
            settings.token_lifetime_minutes = 5;
            settings.token_lifetime = lifetime;
        });
        let token = bench.token("alice");
        bench.wait(200);
        bench
            .call(Command::WhoAmI {
                token: token.clone(),
            })
            .unwrap();
        bench.wait(200);
        assert_eq!(
            bench.call(Command::WhoAmI { token }).is_ok(),
            alive,
            "{lifetime:?}"
        );
    }
}

#[test]
fn an_unlimited_token_outlives_years_and_dies_when_told() {
    let mut bench = bench_with(|settings| settings.token_lifetime_minutes = 0);
    let token = bench.token("alice");
    bench.wait(5 * 365 * 86_400);
    assert!(
        bench
            .call(Command::WhoAmI {
                token: token.clone()
            })
            .is_ok()
    );
    bench.operate(Operate::ExpireToken {
        token: token.clone().unwrap(),
    });
    assert_eq!(
        bench.refused(Command::WhoAmI { token }).kind,
        RefusalKind::DeadToken
    );
}

#[test]
fn a_disabled_user_neither_logs_on_nor_goes_on() {
    let mut bench = bench();
    let token = bench.token("alice");
    bench.operate(Operate::SetUserEnabled {
        user: "alice".into(),
        enabled: false,
    });
    assert_eq!(
        bench.refused(log_on("alice", "pw", None)).kind,
        RefusalKind::DisabledUser
    );
    assert_eq!(
        bench.refused(Command::WhoAmI { token }).kind,
        RefusalKind::DeadToken
    );
}

#[test]
fn a_service_that_is_off_and_the_platform_refuse_everything() {
    for off in [
        WebServices::OffText,
        WebServices::OffNotFound,
        WebServices::OffLogInPage,
    ] {
        let mut bench = bench_with(|settings| settings.web_services = off);
        assert_eq!(
            bench.refused(Command::VersionGet).kind,
            RefusalKind::WebServicesOff
        );
    }
    let mut bench = bench_with(|settings| settings.profile = Profile::Platform);
    assert_eq!(
        bench.refused(log_on("alice", "pw", None)).kind,
        RefusalKind::PlatformProfile
    );
}

#[test]
fn zero_information_says_the_same_of_everything() {
    let mut bench = bench_with(|settings| settings.zero_information = true);
    let general = "An error occurred in the application. Please contact your administrator.";
    let token = bench.token("eve");
    let commands = [
        log_on("alice", "no", None),
        Command::WhoAmI {
            token: Some("dead".into()),
        },
        Command::GetSecretLegacy {
            token,
            secret_id: 7,
        },
    ];
    for command in commands {
        assert_eq!(bench.refused(command).text, general);
    }
}
