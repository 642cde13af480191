//! Templates, folders, users, audit, passwords: the rest of soap:§2.1.

use mock_secret_server::state::{
    Answer, Command, Operate, RefusalKind, RolePermission, SecretText,
};

use crate::fixture::{Bench, bench, bench_with, contents, impersonate, log_on, person};

#[test]
fn the_version_needs_no_token_and_validity_repeats_it() {
    let mut bench = bench();
    let Answer::Version(version) = bench.call(Command::VersionGet).unwrap() else {
        panic!("none")
    };
    assert_eq!(&*version, "10.3.000015");
    let token = bench.token("alice");
    let Answer::TokenIsValid(valid) = bench.call(Command::GetTokenIsValid { token }).unwrap()
    else {
        panic!("not valid");
    };
    assert_eq!(valid.version, version);
}

#[test]
fn everybody_is_told_who_they_are() {
    let mut bench = bench();
    let Answer::Authenticate(token) = bench.call(log_on("carol", "pw", Some("ACME"))).unwrap()
    else {
        panic!("no token");
    };
    let Answer::UserInfo(info) = bench.call(Command::WhoAmI { token: Some(token) }).unwrap() else {
        panic!("nobody");
    };
    assert_eq!(info.user_name.as_deref(), Some("carol"));
    assert_eq!(info.known_as.as_deref(), Some("acme.example\\carol"));
    assert_eq!(info.display_name.as_deref(), Some("Carol C"));
    assert_eq!(
        (info.domain_id, info.domain_name.as_deref()),
        (1, Some("acme.example"))
    );
}

#[test]
fn templates_list_their_fields_and_only_password_fields_make_passwords() {
    let mut bench = bench();
    let token = bench.token("alice");
    let command = Command::GetSecretTemplates {
        token: token.clone(),
    };
    let Answer::GetSecretTemplates(templates) = bench.call(command).unwrap() else {
        panic!("none");
    };
    let windows = templates
        .iter()
        .find(|one| &*one.name == "Windows Account")
        .unwrap();
    let fields = Command::GetSecretTemplateFields {
        token: token.clone(),
        secret_type_id: windows.id,
    };
    let Answer::GetSecretTemplateFields(fields) = bench.call(fields).unwrap() else {
        panic!("none");
    };
    assert_eq!(fields, windows.fields);
    let make = |secret_field_id| Command::GeneratePassword {
        token: token.clone(),
        secret_field_id,
    };
    for field in &fields {
        let made = bench.call(make(field.id));
        assert_eq!(made.is_ok(), field.is_password, "{}", field.display_name);
    }
    assert_eq!(bench.refused(make(0)).kind, RefusalKind::BadValue);
    let missing = Command::GetSecretTemplateFields {
        token,
        secret_type_id: 1,
    };
    assert_eq!(bench.refused(missing).kind, RefusalKind::NotFound);
}

#[test]
fn every_template_and_field_has_an_id_of_its_own() {
    let mut bench = bench();
    let token = bench.token("alice");
    let Answer::GetSecretTemplates(templates) =
        bench.call(Command::GetSecretTemplates { token }).unwrap()
    else {
        panic!("none");
    };
    let distinct = |mut ids: Vec<i32>| {
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        all == ids.len()
    };
    assert!(distinct(templates.iter().map(|one| one.id).collect()));
    assert!(distinct(
        templates
            .iter()
            .flat_map(|one| &one.fields)
            .map(|one| one.id)
            .collect()
    ));
}

#[test]
fn the_documented_built_in_templates_are_there() {
    let mut bench = bench();
    let token = bench.token("alice");
    let Answer::GetSecretTemplates(templates) =
        bench.call(Command::GetSecretTemplates { token }).unwrap()
    else {
        panic!("none");
    };
    // soap:§3.10.
    let documented = [
        "Active Directory Account",
        "Windows Account",
        "Unix Account (SSH)",
        "Unix Account (SSH Key Rotation)",
        "Unix Account (SSH Key Rotation - No Password)",
        "Unix Account (Privileged Account SSH Key Rotation)",
        "Unix Account (Privileged Account SSH Key Rotation - No Password)",
        "Unix Root Account (SSH)",
        "SSH Key",
        "Password",
        "Web Password",
        "SQL Server Account",
        "Oracle Account",
        "MySql Account",
        "Cisco Account (SSH)",
        "VMware ESX/ESXi",
        "Pin",
        "Contact",
        "Credit Card",
    ];
    for name in documented {
        let found = templates.iter().find(|one| &*one.name == name);
        let fields = &found.unwrap_or_else(|| panic!("no {name}")).fields;
        let passwords = fields.iter().any(|field| field.is_password);
        assert_eq!(passwords, name != "Contact", "{name}");
    }
    assert_eq!(templates.len(), documented.len());
}

#[test]
fn folders_show_to_those_who_may_view_them() {
    let mut bench = bench();
    for (user, sees) in [("alice", true), ("eve", false)] {
        let token = bench.token(user);
        let get = Command::FolderGet {
            token: token.clone(),
            folder_id: 2,
        };
        match bench.call(get) {
            Ok(Answer::GetFolder(folder)) => {
                assert!(sees);
                assert_eq!((&*folder.name, folder.parent_folder_id), ("Servers", -1));
            }
            Err(refusal) => {
                assert!(!sees);
                assert_eq!(
                    refusal.text,
                    "The folder does not exist or user does not have access."
                );
            }
            other => panic!("{other:?}"),
        }
        let search = Command::SearchFolders {
            token,
            folder_name: Some("ERV".into()),
        };
        let Answer::SearchFolders(found) = bench.call(search).unwrap() else {
            panic!("none")
        };
        assert_eq!(found.len(), usize::from(sees));
    }
}

#[test]
fn users_are_looked_up_by_those_who_may_and_oneself_always() {
    let mut bench = bench();
    bench.operate(Operate::SetUserEnabled {
        user: "eve".into(),
        enabled: false,
    });
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    let get = |token: &Option<SecretText>, user_id| Command::GetUser {
        token: token.clone(),
        user_id,
    };
    let Answer::GetUser(myself) = bench.call(get(&alice, 3)).unwrap() else {
        panic!("nobody")
    };
    assert_eq!((&*myself.user_name, myself.domain_id), ("alice", None));
    assert_eq!(bench.refused(get(&alice, 2)).text, "Access Denied");
    assert_eq!(bench.refused(get(&bob, 99)).text, "User not found.");
    let search =
        |token: &Option<SecretText>, term: &str, include_inactive_users| Command::SearchUsers {
            token: token.clone(),
            search_term: Some(term.into()),
            include_inactive_users,
        };
    assert_eq!(
        bench.refused(search(&alice, "", false)).text,
        "Access Denied"
    );
    for (term, inactive, expected) in [
        ("", false, 4),
        ("", true, 5),
        ("CAROL", false, 1),
        ("eve", false, 0),
    ] {
        let Answer::GetUsers(found) = bench.call(search(&bob, term, inactive)).unwrap() else {
            panic!("none");
        };
        assert_eq!(found.len(), expected, "{term:?} {inactive}");
    }
}

#[test]
fn a_custom_audit_needs_its_permission_and_stands_first() {
    let mut bench = bench();
    let custom = |token: &Option<SecretText>, user_id| Command::AddSecretCustomAudit {
        token: token.clone(),
        secret_id: 7,
        notes: Some("injected".into()),
        ip_address: Some("192.0.2.7".into()),
        reference_id: Some(42),
        ticket_number: None,
        user_id,
    };
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    assert_eq!(bench.refused(custom(&alice, 0)).text, "Access Denied");
    assert_eq!(bench.refused(custom(&bob, 99)).kind, RefusalKind::NotFound);
    bench.get(&alice, 7, Vec::new()).unwrap();
    bench.call(custom(&bob, 3)).unwrap();
    let audit = Command::GetSecretAudit {
        token: alice,
        secret_id: 7,
    };
    let Answer::GetSecretAudit(rows) = bench.call(audit).unwrap() else {
        panic!("none")
    };
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&*row.action, &*row.by_user_display_name))
        .collect();
    assert_eq!(
        told,
        [("CUSTOM AUDIT", "Alice A"), ("WEBSERVICE VIEW", "Alice A")]
    );
    assert_eq!(
        (&*rows[0].ip_address, rows[0].reference_id),
        ("192.0.2.7", 42)
    );
}

#[test]
fn people_change_their_own_local_password() {
    let mut bench = bench();
    let change = |token: &Option<SecretText>, current: &str, new: &str| Command::ChangePassword {
        token: token.clone(),
        current_password: Some(current.into()),
        new_password: Some(new.into()),
    };
    let token = bench.token("alice");
    assert_eq!(
        bench.refused(change(&token, "no", "new")).kind,
        RefusalKind::WrongPassword
    );
    assert_eq!(
        bench.refused(change(&token, "pw", "")).kind,
        RefusalKind::BadValue
    );
    bench.call(change(&token, "pw", "new")).unwrap();
    assert!(bench.call(log_on("alice", "pw", None)).is_err());
    assert!(bench.call(log_on("alice", "new", None)).is_ok());
    let Answer::Authenticate(carol) = bench.call(log_on("carol", "pw", Some("ACME"))).unwrap()
    else {
        panic!("no token");
    };
    assert_eq!(
        bench.refused(change(&Some(carol), "pw", "new")).text,
        "Access Denied"
    );
}

#[test]
fn a_role_that_gains_the_permission_may_impersonate_at_once() {
    let mut bench = bench();
    let token = bench.token("bob");
    assert_eq!(
        bench.refused(impersonate(&token, "eve", None)).kind,
        RefusalKind::AccessDenied
    );
    let set = |granted| Operate::SetRolePermission {
        role: "administrator".into(),
        permission: RolePermission::WebServicesImpersonate,
        granted,
    };
    bench.operate(set(true));
    assert_eq!(
        bench.refused(impersonate(&token, "eve", None)).kind,
        RefusalKind::TrustPending
    );
    bench.operate(set(false));
    assert_eq!(
        bench.refused(impersonate(&token, "eve", None)).kind,
        RefusalKind::AccessDenied
    );
}

#[test]
fn the_pages_know_people_and_not_programs() {
    let mut with_program = contents();
    with_program.users[0].application_account = true;
    let mut bench = Bench::of(with_program);
    let (now, from) = (bench.now, bench.from);
    let mut sign_in = |user: &str, domain: Option<&str>, password: &str| {
        bench
            .vault
            .sim_sign_in(person(user, domain, password), now, from)
    };
    assert_eq!(
        &*sign_in("CAROL", Some("acme"), "pw").unwrap().0,
        "acme.example\\carol"
    );
    assert_eq!(
        sign_in("alice", None, "no").unwrap_err().kind,
        RefusalKind::WrongPassword
    );
    assert_eq!(
        sign_in("svc", None, "pw").unwrap_err().kind,
        RefusalKind::DisabledUser
    );
}

#[test]
fn failures_at_the_pages_and_at_the_service_lock_together() {
    let mut bench = bench_with(|settings| settings.lock_out_attempts = 2);
    let (now, from) = (bench.now, bench.from);
    bench.refused(log_on("alice", "no", None));
    bench
        .vault
        .sim_sign_in(person("alice", None, "no"), now, from)
        .unwrap_err();
    assert_eq!(
        bench.refused(log_on("alice", "pw", None)).kind,
        RefusalKind::LockedOut
    );
    assert!(
        bench
            .vault
            .users()
            .iter()
            .any(|user| &*user.name == "alice" && user.locked)
    );
}

#[test]
fn a_call_is_known_by_its_user() {
    let mut bench = bench();
    let token = bench.impersonated("alice");
    let now = bench.now;
    let acting = |command: Command| bench.vault.acting_user(&command, now);
    assert_eq!(acting(Command::WhoAmI { token }).as_deref(), Some("alice"));
    assert_eq!(
        acting(log_on("CAROL", "", Some("acme"))).as_deref(),
        Some("acme.example\\carol")
    );
    assert_eq!(
        acting(log_on("nobody", "", None)).as_deref(),
        Some("nobody")
    );
    assert_eq!(acting(Command::WhoAmI { token: None }), None);
    assert_eq!(acting(Command::VersionGet), None);
}
