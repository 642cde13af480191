//! Every behaviour that the vendor has not published is a setting: its default, and the other way.

use mock_secret_server::settings::{
    AbsentText, ApprovalResponder, CheckOutHolder, FileAccess, FileItemValue, Hurdle, HurdleOrder,
    Settings, StatusItems, UnknownField, UnloadedSettings,
};
use mock_secret_server::state::{
    Answer, CheckOutRule, Command, Contents, GetCheckOutStatusResult, NewSecret, Operate, Operated,
    Refusal, RefusalKind, SecretPermissions, SecretSettings, SecretText,
};

use crate::fixture::{Bench, account, by_field, contents, log_on, names};

fn with(secret: NewSecret, change: impl FnOnce(&mut Settings)) -> Bench {
    let mut contents = contents().with_secret(secret.id(8));
    change(&mut contents.settings);
    Bench::of(contents)
}

#[test]
fn users_and_domains_are_named_in_any_case_or_by_case() {
    for (by_case, kinds) in [(false, [true; 4]), (true, [true, false, true, false])] {
        let mut bench = Bench::of(contents());
        bench.vault.settings_mut().user_names_case_sensitive = by_case;
        let calls = [
            log_on("alice", "pw", None),
            log_on("Alice", "pw", None),
            log_on("carol", "pw", Some("ACME")),
            log_on("carol", "pw", Some("Acme.Example")),
        ];
        let accepted = calls.map(|call| bench.call(call).is_ok());
        assert_eq!(accepted, kinds, "by case: {by_case}");
    }
}

fn by_name(token: &Option<SecretText>, term: &str) -> Command {
    Command::SearchSecretsLegacy {
        token: token.clone(),
        search_term: Some(term.into()),
    }
}

fn exposed(token: &Option<SecretText>, term: &str, show_partial_matches: bool) -> Command {
    Command::SearchSecretsByExposedValues {
        token: token.clone(),
        search_term: Some(term.into()),
        show_deleted: false,
        show_restricted: false,
        show_partial_matches,
    }
}

#[test]
fn how_a_search_compares_is_chosen() {
    type Change = fn(&mut Settings);
    type Ask = fn(&Option<SecretText>) -> Command;
    let cases: [(Change, Ask, bool, bool); 11] = [
        // What is changed, what is asked, found by default, found after the change.
        (
            |one| one.search_case_sensitive = true,
            |token| by_field(token, "Machine", "WEB01"),
            true,
            false,
        ),
        (
            |one| one.search_case_sensitive = true,
            |token| by_name(token, "ADMIN"),
            true,
            false,
        ),
        (
            |one| one.search_case_sensitive = true,
            |token| exposed(token, "eb0", true),
            true,
            true,
        ),
        (
            |one| one.search_trims_term = true,
            |token| by_field(token, "Machine", " web01 "),
            false,
            true,
        ),
        (
            |one| one.search_trims_term = true,
            |token| by_name(token, " web01"),
            false,
            true,
        ),
        (
            |one| one.search_wildcards = true,
            |token| by_field(token, "Machine", "WEB__"),
            false,
            true,
        ),
        (
            |one| one.search_wildcards = true,
            |token| exposed(token, "%b01", false),
            false,
            true,
        ),
        (
            |one| one.search_wildcards = true,
            |token| by_field(token, "Machine", "web01"),
            true,
            true,
        ),
        (
            |one| one.search_indexed_fields = true,
            |token| by_name(token, "edge"),
            false,
            true,
        ),
        (
            |one| one.search_indexed_fields = true,
            |token| by_name(token, "hunter2"),
            false,
            false,
        ),
        (
            |one| one.search_indexed_fields = true,
            |token| by_name(token, "a note"),
            false,
            false,
        ),
    ];
    for (number, (change, ask, before, after)) in cases.into_iter().enumerate() {
        let mut contents = contents();
        contents.secrets = vec![
            account("web01 admin", "web01").item("Notes", "a note"),
            account("other", "edge"),
        ];
        let mut bench = Bench::of(contents);
        let token = bench.token("alice");
        let default = !names(bench.call(ask(&token))).is_empty();
        change(bench.vault.settings_mut());
        let changed = !names(bench.call(ask(&token))).is_empty();
        assert_eq!([default, changed], [before, after], "case {number}");
    }
}

#[test]
fn a_search_in_an_unknown_field_finds_nothing_or_is_refused() {
    let mut bench = Bench::of(contents());
    let token = bench.token("alice");
    let ask = || by_field(&token, "Nope", "x");
    assert!(names(bench.call(ask())).is_empty());
    bench.vault.settings_mut().unknown_search_field = UnknownField::Refuse;
    assert_eq!(bench.refused(ask()).kind, RefusalKind::NotFound);
    assert_eq!(
        names(bench.call(by_field(&token, "machine", "web01"))),
        ["web01 admin"]
    );
}

#[test]
fn whole_secrets_show_restricted_ones_or_not() {
    for (setting, expected) in [(true, 2), (false, 1)] {
        let mut bench = with(account("commented", "web01").comment(), |one| {
            one.whole_secrets_show_restricted = setting;
        });
        let token = bench.token("alice");
        for exact in [true, false] {
            let command = if exact {
                Command::GetSecretsByExposedFieldValue {
                    token: token.clone(),
                    field_name: Some("Machine".into()),
                    search_term: Some("web01".into()),
                    show_deleted: false,
                    show_partial_matches: false,
                }
            } else {
                Command::GetSecretsByFieldValue {
                    token: token.clone(),
                    field_name: Some("Machine".into()),
                    search_term: Some("eb0".into()),
                    show_deleted: false,
                }
            };
            match bench.call(command).unwrap() {
                Answer::GetSecretsByFieldValue(found) => assert_eq!(found.len(), expected),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn the_hurdles_come_in_the_order_of_the_setting() {
    let hurdles = || -> Contents {
        let mut secret = account("all", "m").comment().approval(&["bob"]).id(8);
        secret.rules.ticket = true;
        secret.rules.double_lock = Some("second".into());
        contents().with_secret(secret)
    };
    let cases: [(&[Hurdle], RefusalKind); 5] = [
        (&[], RefusalKind::ApprovalRequired),
        (&[Hurdle::DoubleLock], RefusalKind::DoubleLocked),
        (
            &[Hurdle::Comment, Hurdle::DoubleLock],
            RefusalKind::CommentRequired,
        ),
        (&[Hurdle::Ticket], RefusalKind::TicketRequired),
        (&[Hurdle::CheckOut], RefusalKind::ApprovalRequired),
    ];
    for (first, expected) in cases {
        let mut contents = hurdles();
        contents.settings.hurdle_order = HurdleOrder::try_from(first.to_vec()).unwrap();
        let mut bench = Bench::of(contents);
        let token = bench.token("alice");
        let refusal = bench.get(&token, 8, Vec::new()).unwrap_err();
        assert_eq!(refusal.kind, expected, "{first:?}");
    }
}

#[test]
fn what_was_not_asked_for_or_has_nothing_to_say_is_left_out_or_empty() {
    let mut bench = Bench::of(contents());
    let token = bench.token("alice");
    let secret = bench.get(&token, 7, Vec::new()).unwrap();
    assert!(secret.secret_settings.is_none() && secret.secret_permissions.is_none());
    assert_eq!(secret.check_out_user_display_name.as_deref(), Some(""));
    assert_eq!(secret.out_of_sync_reason.as_deref(), Some(""));
    let settings = bench.vault.settings_mut();
    settings.unloaded_settings = UnloadedSettings::Blank;
    settings.absent_texts = AbsentText::Omitted;
    let secret = bench.get(&token, 7, Vec::new()).unwrap();
    assert_eq!(secret.secret_settings, Some(SecretSettings::default()));
    assert_eq!(
        secret.secret_permissions,
        Some(SecretPermissions::default())
    );
    assert!(secret.check_out_user_display_name.is_none() && secret.out_of_sync_reason.is_none());
}

#[test]
fn a_download_has_to_get_past_everything_or_past_the_permission() {
    for (setting, opens) in [
        (FileAccess::AsGetSecret, false),
        (FileAccess::ViewOnly, true),
    ] {
        let mut keyed = NewSecret::new("keyed", "Unix Account (SSH Key Rotation)")
            .in_folder("Servers")
            .file("Private Key", "id_rsa", b"key")
            .comment();
        keyed.rules.check_out = Some(CheckOutRule::default());
        let mut bench = with(keyed, |one| {
            one.file_access = setting;
            one.file_item_value = FileItemValue::Empty;
        });
        let (bob, eve) = (bench.token("bob"), bench.token("eve"));
        let download = |token: &Option<SecretText>| Command::DownloadFileAttachmentByItemId {
            token: token.clone(),
            secret_id: 8,
            // Items count on from the four of the fixture's own secret.
            secret_item_id: 8,
        };
        assert_eq!(bench.call(download(&bob)).is_ok(), opens, "{setting:?}");
        let now = bench.now;
        assert!(bench.vault.check_outs(now).is_empty());
        assert_eq!(
            bench.refused(download(&eve)).kind,
            RefusalKind::AccessDenied
        );
    }
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
fn an_impersonated_check_out_is_the_users_or_the_api_accounts() {
    for (setting, holder, own_token_returns_it) in [
        (CheckOutHolder::User, "alice", true),
        (CheckOutHolder::ApiAccount, "svc", false),
    ] {
        let mut bench = with(
            account("taken", "m").check_out(CheckOutRule::default()),
            |one| one.check_out_holder = setting,
        );
        let acting = bench.impersonated("alice");
        let own = bench.token("alice");
        bench.get(&acting, 8, Vec::new()).unwrap();
        let now = bench.now;
        assert_eq!(&*bench.vault.check_outs(now)[0].holder, holder);
        assert!(bench.get(&acting, 8, Vec::new()).is_ok(), "its holder");
        assert_eq!(bench.check_in(&own, 8).is_ok(), own_token_returns_it);
        assert!(bench.check_in(&acting, 8).is_ok());
        assert!(bench.vault.check_outs(now).is_empty());
    }
}

#[test]
fn a_free_secrets_status_is_filled_by_the_settings() {
    let mut bench = with(
        account("taken", "m").check_out(CheckOutRule::default()),
        |_| {},
    );
    let token = bench.token("alice");
    let free = status(&mut bench, &token);
    assert!(free.check_out_user_id == 0 && free.secret.items.is_none());
    let settings = bench.vault.settings_mut();
    settings.free_check_out_user_id = -1;
    settings.check_out_status_items = StatusItems::Exposed;
    let free = status(&mut bench, &token);
    assert_eq!(free.check_out_user_id, -1);
    let items = free.secret.items.unwrap();
    assert!(items.len() == 2 && items.iter().all(|item| !item.is_password));
    let now = bench.now;
    assert!(bench.vault.check_outs(now).is_empty());
}

#[test]
fn the_hours_and_the_responder_of_an_approval_are_settings() {
    let approve = |change: fn(&mut Settings), hours: &str| -> Result<Option<String>, Refusal> {
        let mut bench = with(account("approved", "m").approval(&["bob"]), change);
        let (user, reason) = ("alice".into(), String::new());
        let Operated::Filed(id) = bench.operate(Operate::FileAccessRequest {
            secret_id: 8,
            user,
            reason,
        }) else {
            panic!("not filed");
        };
        let call = Command::ApproveSecretAccessRequest {
            approval_id: Some(id),
            hours: Some(hours.into()),
            user_override: false,
        };
        match bench.call(call)? {
            Answer::RequestApproval(info) => {
                assert!(info.expiration_date > Some(bench.now));
                Ok(info.responder.map(|name| name.to_string()))
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(approve(|_| {}, "8760").unwrap().as_deref(), Some("Bob B"));
    assert!(approve(|_| {}, "8761").is_err());
    assert!(approve(|one| one.approval_hours_max = 8, "9").is_err());
    let nobody = approve(
        |one| one.approval_responder = ApprovalResponder::Nobody,
        "1",
    );
    assert_eq!(nobody.unwrap(), None);
}

#[test]
fn the_ssh_proxy_is_where_the_settings_say() {
    let mut secret = account("proxied", "m");
    secret.rules.proxy = true;
    let mut bench = with(secret, |_| {});
    let token = bench.token("alice");
    let mut place = |change: fn(&mut Settings)| {
        change(bench.vault.settings_mut());
        let call = Command::GetSSHLoginCredentials {
            token: token.clone(),
            secret_id: 8,
        };
        match bench.call(call).unwrap() {
            Answer::SSHCredentials(result) => format!("{}:{}", result.host, result.port),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(place(|_| {}), "ssh-proxy.example:22");
    let elsewhere = place(|one| {
        one.ssh_proxy_host = "proxy.acme.example".into();
        one.ssh_proxy_port = 2222;
    });
    assert_eq!(elsewhere, "proxy.acme.example:2222");
}

#[test]
fn how_long_a_comment_counts_and_a_client_may_work_alone_are_settings() {
    let mut bench = with(account("commented", "m").comment(), |one| {
        one.secret_view_interval_minutes = 1;
        one.max_offline_seconds = 600;
    });
    let token = bench.token("alice");
    let why = vec![crate::fixture::response("COMMENT", "why", None)];
    bench.get(&token, 8, why).unwrap();
    bench.wait(60);
    assert!(bench.get(&token, 8, Vec::new()).is_ok());
    bench.wait(1);
    assert!(bench.get(&token, 8, Vec::new()).is_err());
    let mut offline = || match bench.call(Command::GetTokenIsValid {
        token: token.clone(),
    }) {
        Ok(Answer::TokenIsValid(valid)) => valid.max_offline_seconds,
        other => panic!("{other:?}"),
    };
    assert_eq!(offline(), 600);
    assert_eq!(Settings::default().max_offline_seconds, 0);
}

/// A setting that no test names is a promise that nobody keeps.
#[test]
fn every_setting_is_named_in_a_test() {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = String::new();
    for room in ["tests/vault", "tests/it"] {
        for file in std::fs::read_dir(package.join(room)).unwrap() {
            tests += &std::fs::read_to_string(file.unwrap().path()).unwrap();
        }
    }
    let all = serde_json::to_value(Settings::default()).unwrap();
    let unnamed: Vec<_> = all
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !tests.contains(name.as_str()))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
