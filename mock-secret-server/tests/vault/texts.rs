//! Every text that the vendor has not published is a setting: its default, and another one.

use mock_secret_server::settings::{FreeCheckIn, Profile, Settings, UnknownField, WebServices};
use mock_secret_server::state::{
    CheckOutRule, Command, Contents, NewUser, Operate, Refusal, SecretAccessRequestStatus,
    SecretError, Trust, TwoFactor,
};

use crate::fixture::{Bench, account, contents, impersonate, log_on, response};

/// One secret for each hurdle, and a user who needs a second factor.
fn everything() -> Contents {
    let mut ticketed = account("ticketed", "m").id(9);
    ticketed.rules.ticket = true;
    let mut locked = account("locked", "m").id(10);
    locked.rules.double_lock = Some("second".into());
    let mut keys = account("keys", "m").id(13);
    keys.template = "Unix Account (SSH Key Rotation)".into();
    let mut rose = NewUser::local("rose").password("pw");
    rose.two_factor = TwoFactor::Both;
    contents()
        .with_user(rose)
        .with_secret(account("commented", "m").comment().id(8))
        .with_secret(ticketed)
        .with_secret(locked)
        .with_secret(account("approved", "m").approval(&["bob"]).id(11))
        .with_secret(
            account("taken", "m")
                .check_out(CheckOutRule {
                    minutes: None,
                    change_password: true,
                })
                .id(12),
        )
        .with_secret(keys)
}

type Case = (
    &'static str,
    fn(&mut Settings) -> &mut String,
    fn(&mut Bench) -> Refusal,
);

fn get(bench: &mut Bench, secret: i32) -> Refusal {
    let token = bench.token("alice");
    bench.get(&token, secret, Vec::new()).unwrap_err()
}

fn set_enabled(bench: &mut Bench, user: &str, enabled: bool) {
    let user = user.to_owned();
    bench.operate(Operate::SetUserEnabled { user, enabled });
}

/// What `svc` is told that asks to act as `alice`, whose trust stands so.
fn trusting(bench: &mut Bench, state: Trust) -> Refusal {
    let token = bench.token("svc");
    let call = || impersonate(&token, "alice", None);
    let first = bench.call(call()).err();
    if state == Trust::Denied {
        let (caller, user) = ("svc".to_owned(), "alice".to_owned());
        let _ = bench
            .vault
            .operate(Operate::DenyImpersonation { caller, user }, bench.now);
        return bench.refused(call());
    }
    first.expect("no trust yet")
}

/// Default text, setting, and how to meet it.
const LOG_ON: [Case; 10] = [
    (
        "Login failed.",
        |one| &mut one.login_failed_text,
        |bench| bench.refused(log_on("alice", "no", None)),
    ),
    (
        "Login failed.",
        |one| &mut one.disabled_account_text,
        |bench| {
            set_enabled(bench, "eve", false);
            bench.refused(log_on("eve", "pw", None))
        },
    ),
    (
        "Login failed.",
        |one| &mut one.locked_account_text,
        |bench| {
            bench.vault.settings_mut().lock_out_attempts = 1;
            bench.refused(log_on("eve", "no", None));
            bench.refused(log_on("eve", "pw", None))
        },
    ),
    (
        "Login failed.",
        |one| &mut one.second_factor_text,
        |bench| bench.refused(log_on("rose", "pw", None)),
    ),
    (
        "Login failed.",
        |one| &mut one.expired_password_text,
        |bench| {
            let user = "eve".into();
            bench.operate(Operate::ExpirePassword { user });
            bench.refused(log_on("eve", "pw", None))
        },
    ),
    (
        "IP Address is not allowed",
        |one| &mut one.ip_not_allowed_text,
        |bench| {
            let network = "10.0.0.0/8".to_owned().try_into().unwrap();
            bench.vault.settings_mut().ip_allow = vec![network];
            bench.refused(log_on("eve", "pw", None))
        },
    ),
    (
        "Authentication failed or expired token.",
        |one| &mut one.dead_token_text,
        |bench| bench.refused(Command::WhoAmI { token: None }),
    ),
    (
        "Web services are not enabled.",
        |one| &mut one.web_services_off_text,
        |bench| {
            bench.vault.settings_mut().web_services = WebServices::OffText;
            bench.refused(Command::VersionGet)
        },
    ),
    (
        "SOAP web services are not available on the Delinea Platform.",
        |one| &mut one.platform_refusal_text,
        |bench| {
            bench.vault.settings_mut().profile = Profile::Platform;
            bench.refused(Command::VersionGet)
        },
    ),
    (
        "An error occurred in the application. Please contact your administrator.",
        |one| &mut one.zero_information_text,
        |bench| {
            bench.vault.settings_mut().zero_information = true;
            bench.refused(log_on("alice", "no", None))
        },
    ),
];

const TRUST: [Case; 4] = [
    (
        "Access Denied",
        |one| &mut one.impersonate_denied_text,
        |bench| {
            let token = bench.token("alice");
            bench.refused(impersonate(&token, "eve", None))
        },
    ),
    (
        "Impersonation request is pending approval by the user.",
        |one| &mut one.trust_pending_text,
        |bench| trusting(bench, Trust::Pending),
    ),
    (
        "Impersonation request was denied by the user.",
        |one| &mut one.trust_denied_text,
        |bench| trusting(bench, Trust::Denied),
    ),
    (
        "User not found.",
        |one| &mut one.unknown_target_text,
        |bench| {
            let token = bench.token("svc");
            bench.refused(impersonate(&token, "nobody", None))
        },
    ),
];

const SECRETS: [Case; 9] = [
    (
        "No secret exists.",
        |one| &mut one.no_such_secret_text,
        |bench| get(bench, 99),
    ),
    (
        "The requested Secret is DoubleLocked.",
        |one| &mut one.double_locked_text,
        |bench| get(bench, 10),
    ),
    (
        "The requested Secret requires requesting approval.",
        |one| &mut one.approval_required_text,
        |bench| get(bench, 11),
    ),
    (
        "The requested Secret requires requesting approval. Approval is pending.",
        |one| &mut one.approval_pending_text,
        |bench| {
            let (user, reason) = ("alice".into(), String::new());
            bench.operate(Operate::FileAccessRequest {
                secret_id: 11,
                user,
                reason,
            });
            get(bench, 11)
        },
    ),
    (
        "The requested Secret requires a ticket number when viewed.",
        |one| &mut one.ticket_required_text,
        |bench| get(bench, 9),
    ),
    (
        "The requested Secret has a password change in progress.",
        |one| &mut one.password_changing_text,
        |bench| {
            bench.vault.settings_mut().password_change_s = 60;
            let token = bench.token("alice");
            if bench.get(&token, 12, Vec::new()).is_ok() {
                bench.check_in(&token, 12).unwrap();
            }
            get(bench, 12)
        },
    ),
    (
        "Secret has multiple file attachment fields",
        |one| &mut one.several_files_text,
        |bench| {
            let token = bench.token("alice");
            let secret_id = 13;
            bench.refused(Command::DownloadFileAttachment { token, secret_id })
        },
    ),
    (
        "The requested Secret is not checked out.",
        |one| &mut one.free_check_in_text,
        |bench| {
            bench.vault.settings_mut().check_in_of_free_secret = FreeCheckIn::Refuse;
            let token = bench.token("alice");
            bench.check_in(&token, 7).unwrap_err()
        },
    ),
    (
        "Field Does Not Exist",
        |one| &mut one.unknown_search_field_text,
        |bench| {
            bench.vault.settings_mut().unknown_search_field = UnknownField::Refuse;
            let token = bench.token("alice");
            bench.refused(crate::fixture::by_field(&token, "Nope", "x"))
        },
    ),
];

#[test]
fn each_text_is_its_default_and_then_what_the_setting_says() {
    for (default, setting, meet) in LOG_ON.iter().chain(&TRUST).chain(&SECRETS) {
        let mut bench = Bench::of(everything());
        assert_eq!(meet(&mut bench).text, *default);
        let mut bench = Bench::of(everything());
        *setting(bench.vault.settings_mut()) = "Another text.".into();
        assert_eq!(meet(&mut bench).text, "Another text.", "{default}");
    }
}

/// What `alice` is told about a secret, by default and after a change.
fn told(secret: i32, change: fn(&mut Settings)) -> [SecretError; 2] {
    [(|_| {}) as fn(&mut Settings), change].map(|change| {
        let mut bench = Bench::of(everything());
        change(bench.vault.settings_mut());
        *get(&mut bench, secret).secret_error.unwrap()
    })
}

#[test]
fn each_error_code_is_a_setting_and_answers_are_taken_by_it() {
    let [default, other] = told(10, |one| one.double_lock_code = "DL".into());
    assert_eq!([default.error_code, other.error_code], ["DOUBLELOCK", "DL"]);
    let [default, other] = told(11, |one| one.approval_code = "AP".into());
    assert_eq!([default.error_code, other.error_code], ["APPROVAL", "AP"]);
    let [default, other] = told(9, |one| one.ticket_code = "TICKET".into());
    assert_eq!(
        [default.error_code, other.error_code],
        ["COMMENT", "TICKET"]
    );
    let mut bench = Bench::of(everything());
    bench.vault.settings_mut().double_lock_code = "DL".into();
    bench.vault.settings_mut().ticket_code = "TICKET".into();
    let token = bench.token("alice");
    let second = |code| vec![response(code, "second", None)];
    assert!(bench.get(&token, 10, second("DOUBLELOCK")).is_err());
    assert!(bench.get(&token, 10, second("DL")).is_ok());
    let number = |code| vec![response(code, "", Some("INC1"))];
    assert!(bench.get(&token, 9, number("COMMENT")).is_err());
    assert!(bench.get(&token, 9, number("TICKET")).is_ok());
}

#[test]
fn what_no_answer_takes_has_a_secret_error_by_setting() {
    let held_or_unapproved = [(12, None), (11, Some("APPROVAL"))];
    for (secret, default) in held_or_unapproved {
        for (code, expected) in [(None, default), (Some("CO"), Some("CO")), (Some(""), None)] {
            for error_only in [false, true] {
                let mut bench = Bench::of(everything());
                let settings = bench.vault.settings_mut();
                settings.secret_error_only = error_only;
                if let Some(code) = code {
                    settings.check_out_code = code.into();
                    settings.approval_code = code.into();
                }
                if secret == 12 {
                    let token = bench.token("bob");
                    bench.get(&token, 12, Vec::new()).unwrap();
                }
                let refusal = get(&mut bench, secret);
                let error = refusal.secret_error;
                let told = error
                    .as_ref()
                    .map(|one| (&*one.error_code, one.allows_response));
                assert_eq!(told, expected.map(|code| (code, false)));
                assert_eq!(refusal.text.is_empty(), error_only && error.is_some());
            }
        }
    }
}

#[test]
fn each_title_is_a_setting_and_so_is_whether_an_approval_can_be_answered() {
    let [default, other] = told(8, |one| one.comment_title = "Why?".into());
    assert_eq!(
        [default.comment_title, other.comment_title],
        ["Comment", "Why?"]
    );
    let [default, other] = told(9, |one| one.ticket_title = "Number?".into());
    assert_eq!(
        [
            default.additional_comment_title,
            other.additional_comment_title
        ],
        ["Ticket Number", "Number?"]
    );
    let [default, other] = told(10, |one| one.double_lock_title = "Second?".into());
    assert_eq!(
        [default.comment_title, other.comment_title],
        ["DoubleLock Password", "Second?"]
    );
    let [default, other] = told(11, |one| one.approval_allows_response = true);
    assert_eq!(
        [default.allows_response, other.allows_response],
        [false, true]
    );
}

#[test]
fn what_follows_the_holder_is_a_setting() {
    for (tail, expected) in [(None, "Bob B."), (Some("<{}>"), "<Bob B>")] {
        let mut bench = Bench::of(everything());
        if let Some(tail) = tail {
            bench.vault.settings_mut().checked_out_tail = tail.into();
        }
        let token = bench.token("bob");
        bench.get(&token, 12, Vec::new()).unwrap();
        let start = "The requested Secret is currently checked out to ";
        assert_eq!(get(&mut bench, 12).text, format!("{start}{expected}"));
    }
}

#[test]
fn the_mails_are_written_by_the_settings() {
    let sent = |change: fn(&mut Settings)| -> Vec<[String; 3]> {
        let mut bench = Bench::of(everything());
        change(bench.vault.settings_mut());
        trusting(&mut bench, Trust::Pending);
        bench.operate(Operate::FileAccessRequest {
            secret_id: 11,
            user: "alice".into(),
            reason: "disk full".into(),
        });
        let request = &bench.vault.access_requests()[0];
        assert_eq!(request.status, SecretAccessRequestStatus::Pending);
        let mails = bench.vault.mailbox();
        let cut = |link: &str| link.split('?').next().unwrap().to_owned();
        mails
            .map(|mail| [mail.subject.clone(), mail.body.clone(), cut(&mail.link)])
            .collect()
    };
    let default = sent(|_| {});
    assert_eq!(default[0][0], "ECM Service asks to act on your behalf");
    assert!(default[0][1].contains("Manage Applications"));
    assert_eq!(default[0][2], "/ManageApplications.aspx");
    assert_eq!(default[1][0], "Alice A requests access to approved");
    assert!(default[1][1].ends_with("Reason: disk full"));
    assert_eq!(default[1][2], "/SecretAccessApprove.aspx");
    let changed = sent(|one| {
        one.trust_mail_subject = "From {caller}".into();
        one.trust_mail_body = "Dear user, {caller}".into();
        one.authorize_path = "Tools.aspx".into();
        one.access_mail_subject = "{secret}?".into();
        one.access_mail_body = "{user}: {reason}".into();
        one.access_approval_path = "/Approve.aspx".into();
    });
    let expected = [
        ["From ECM Service", "Dear user, ECM Service", "/Tools.aspx"],
        ["approved?", "Alice A: disk full", "/Approve.aspx"],
    ];
    assert_eq!(changed, expected.map(|mail| mail.map(str::to_owned)));
}
