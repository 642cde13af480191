//! soap:§3.4.

use mock_secret_server::state::{
    Answer, CheckOutRule, Command, FieldKind, Level, NewField, NewFolder, NewSecret, NewTemplate,
    SecretText,
};

use crate::fixture::{Bench, account, bench, by_field, contents, names, summaries};

#[test]
fn a_value_is_found_whole_in_any_case_under_name_or_label() {
    let mut with_label = contents();
    with_label.templates.push(NewTemplate {
        id: None,
        name: "Server".into(),
        fields: vec![NewField {
            name: "Host".into(),
            display_name: Some("Host Name".into()),
            kind: FieldKind::Text,
            exposed: false,
        }],
    });
    let secret = NewSecret::new("labelled", "Server")
        .in_folder("Servers")
        .item("Host", "web01");
    let mut bench = Bench::of(with_label.with_secret(secret));
    let token = bench.token("alice");
    let cases: [(&str, &str, &[&str]); 10] = [
        ("Machine", "web01", &["web01 admin"]),
        ("MACHINE", "WEB01", &["web01 admin"]),
        ("Username", "admin", &["web01 admin"]),
        ("Host", "web01", &["labelled"]),
        ("host name", "web01", &["labelled"]),
        ("Machine", "web0", &[]),
        ("Machine", "web*", &[]),
        ("Machine", " web01", &[]),
        ("Nonsense", "web01", &[]),
        ("Machine", "", &[]),
    ];
    for (field, value, expected) in cases {
        assert_eq!(
            names(bench.call(by_field(&token, field, value))),
            expected,
            "{field}={value}"
        );
    }
}

#[test]
fn a_password_cannot_be_searched_for() {
    let mut bench = bench();
    let token = bench.token("alice");
    assert!(names(bench.call(by_field(&token, "Password", "hunter2"))).is_empty());
}

#[test]
fn case_and_white_space_count_by_setting() {
    let mut strict = contents();
    strict.settings.search_case_sensitive = true;
    strict.settings.search_trims_term = true;
    let mut bench = Bench::of(strict);
    let token = bench.token("alice");
    assert!(names(bench.call(by_field(&token, "Machine", "WEB01"))).is_empty());
    assert_eq!(
        names(bench.call(by_field(&token, "Machine", " web01 "))),
        ["web01 admin"]
    );
}

#[test]
fn a_summary_says_what_the_secret_is() {
    let mut bench = bench();
    let token = bench.token("alice");
    let found = summaries(bench.call(by_field(&token, "Machine", "web01")));
    let one = &found[0];
    assert_eq!((one.secret_id, &*one.secret_name), (7, "web01 admin"));
    assert_eq!(
        (&*one.secret_type_name, one.secret_type_id),
        ("Windows Account", 6003)
    );
    assert_eq!((one.folder_id, one.is_restricted), (2, false));
}

#[test]
fn only_what_the_user_may_view_is_found() {
    let group_secret = account("group", "web01").grant("Night Shift", Level::View);
    let own = account("own", "web01").grant("eve", Level::View);
    let rootless = NewSecret {
        folder: None,
        ..account("rootless", "web01")
    };
    let mut bench = Bench::of(
        contents()
            .with_group("Night Shift", &["eve", "ACME\\carol"])
            .with_secret(group_secret)
            .with_secret(own)
            .with_secret(rootless),
    );
    let cases: [(&str, &[&str]); 4] = [
        ("alice", &["web01 admin"]),
        ("bob", &["web01 admin"]),
        ("eve", &["group", "own"]),
        ("svc", &[]),
    ];
    for (user, expected) in cases {
        let token = bench.token(user);
        assert_eq!(
            names(bench.call(by_field(&token, "Machine", "web01"))),
            expected,
            "{user}"
        );
    }
}

#[test]
fn a_folder_inherits_until_one_has_its_own_permissions() {
    let mut bench = Bench::of(
        contents()
            .with_folder(NewFolder::new("Servers/Linux"))
            .with_folder(NewFolder::new("Servers\\Linux\\Vault").grant("eve", Level::View))
            .with_secret(NewSecret {
                folder: Some("servers/linux".into()),
                ..account("a", "m")
            })
            .with_secret(NewSecret {
                folder: Some("\\Servers\\Linux\\Vault".into()),
                ..account("b", "m")
            }),
    );
    for (user, expected) in [("alice", "a"), ("eve", "b")] {
        let token = bench.token(user);
        assert_eq!(
            names(bench.call(by_field(&token, "Machine", "m"))),
            [expected]
        );
    }
}

fn flagged(token: &Option<SecretText>, show_deleted: bool, show_restricted: bool) -> Command {
    Command::SearchSecretsByFieldValue {
        token: token.clone(),
        field_name: Some("Machine".into()),
        search_term: Some("m".into()),
        show_deleted,
        show_restricted,
    }
}

#[test]
fn deleted_and_restricted_secrets_show_only_when_asked_for() {
    let deleted = NewSecret {
        active: false,
        ..account("deleted", "m")
    };
    let mut bench = Bench::of(
        contents()
            .with_secret(account("plain", "m"))
            .with_secret(deleted)
            .with_secret(account("comment", "m").comment())
            .with_secret(account("check-out", "m").check_out(CheckOutRule::default()))
            .with_secret(account("approval", "m").approval(&["bob"])),
    );
    let token = bench.token("alice");
    let cases: [(bool, bool, &[&str]); 4] = [
        (false, false, &["plain"]),
        (true, false, &["plain", "deleted"]),
        (false, true, &["plain", "comment", "check-out", "approval"]),
        (
            true,
            true,
            &["plain", "deleted", "comment", "check-out", "approval"],
        ),
    ];
    for (show_deleted, show_restricted, expected) in cases {
        let found = bench.call(flagged(&token, show_deleted, show_restricted));
        assert_eq!(names(found), expected);
    }
    let restricted = summaries(bench.call(flagged(&token, false, true)));
    assert!(
        restricted
            .iter()
            .all(|one| one.is_restricted == (&*one.secret_name != "plain"))
    );
}

#[test]
fn a_search_by_name_takes_parts_and_folders() {
    let mut bench = Bench::of(
        contents()
            .with_folder(NewFolder::new("Servers/Linux"))
            .with_secret(NewSecret {
                folder: Some("Servers/Linux".into()),
                ..account("lin01 ROOT", "lin01")
            })
            .with_secret(
                NewSecret {
                    folder: None,
                    ..account("loose root", "x")
                }
                .grant("alice", Level::View),
            ),
    );
    let token = bench.token("alice");
    let by_name = |term: Option<&str>| Command::SearchSecretsLegacy {
        token: token.clone(),
        search_term: term.map(str::to_owned),
    };
    assert_eq!(
        names(bench.call(by_name(Some("root")))),
        ["lin01 ROOT", "loose root"]
    );
    assert_eq!(names(bench.call(by_name(None))).len(), 3);
    let in_folder = |folder_id, include_sub_folders| Command::SearchSecretsByFolder {
        token: token.clone(),
        search_term: Some(String::new()),
        folder_id,
        include_sub_folders,
        include_deleted: None,
        include_restricted: None,
    };
    let cases: [(Option<i32>, bool, &[&str]); 6] = [
        (Some(2), false, &["web01 admin"]),
        (Some(2), true, &["web01 admin", "lin01 ROOT"]),
        (Some(3), false, &["lin01 ROOT"]),
        (Some(-1), false, &["loose root"]),
        (Some(-1), true, &["web01 admin", "lin01 ROOT", "loose root"]),
        (None, false, &["web01 admin", "lin01 ROOT", "loose root"]),
    ];
    for (folder, below, expected) in cases {
        assert_eq!(
            names(bench.call(in_folder(folder, below))),
            expected,
            "{folder:?} {below}"
        );
    }
}

#[test]
fn exposed_searches_look_at_exposed_fields_only_and_show_no_password() {
    let mut bench = Bench::of(contents().with_secret(account("noted", "m").item("Notes", "web01")));
    let token = bench.token("alice");
    let exposed = |field: Option<&str>, value: &str, show_partial_matches| match field {
        Some(field) => Command::SearchSecretsByExposedFieldValue {
            token: token.clone(),
            field_name: Some(field.into()),
            search_term: Some(value.into()),
            show_deleted: false,
            show_restricted: false,
            show_partial_matches,
        },
        None => Command::SearchSecretsByExposedValues {
            token: token.clone(),
            search_term: Some(value.into()),
            show_deleted: false,
            show_restricted: false,
            show_partial_matches,
        },
    };
    assert_eq!(
        names(bench.call(exposed(Some("Machine"), "EB0", true))),
        ["web01 admin"]
    );
    assert!(names(bench.call(exposed(Some("Machine"), "eb0", false))).is_empty());
    assert_eq!(
        names(bench.call(exposed(None, "web01", false))),
        ["web01 admin"]
    );
    assert!(names(bench.call(exposed(Some("Notes"), "web01", false))).is_empty());

    let whole = Command::GetSecretsByFieldValue {
        token: token.clone(),
        field_name: Some("Machine".into()),
        search_term: Some("web".into()),
        show_deleted: false,
    };
    let Answer::GetSecretsByFieldValue(secrets) = bench.call(whole).unwrap() else {
        panic!("no secrets");
    };
    let items = secrets[0].items.as_ref().unwrap();
    assert!(items.iter().all(|item| !item.is_password && !item.is_notes));
    assert!(bench.vault.accesses().is_empty(), "a search is not audited");
}
