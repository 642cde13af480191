//! soap:§3.5 and soap:§3.9, secrets without hurdles.

use mock_secret_server::settings::{FileItemValue, HiddenPassword};
use mock_secret_server::state::{
    Answer, Command, FileDownloadResult, NewSecret, Operate, Refusal, RefusalKind, SecretText,
};

use crate::fixture::{Bench, account, bench, contents, value};

#[test]
fn a_secret_shows_its_items_in_the_templates_order() {
    let mut bench = bench();
    let token = bench.token("alice");
    let secret = bench.get(&token, 7, Vec::new()).unwrap();
    let items = secret.items.as_ref().unwrap();
    let fields: Vec<_> = items
        .iter()
        .map(|one| one.field_name.as_deref().unwrap())
        .collect();
    assert_eq!(fields, ["Machine", "Username", "Password", "Notes"]);
    assert_eq!(value(&secret, "Password"), "hunter2");
    assert_eq!(
        value(&secret, "Notes"),
        "",
        "an empty field is an empty text"
    );
    let flags: Vec<_> = items
        .iter()
        .map(|one| (one.is_password, one.is_notes))
        .collect();
    assert_eq!(
        flags,
        [(false, false), (false, false), (true, false), (false, true)]
    );
}

#[test]
fn settings_and_permissions_come_only_when_asked_for() {
    let mut bench = bench();
    let token = bench.token("bob");
    let get = |load_settings_and_permissions| Command::GetSecret {
        token: token.clone(),
        secret_id: 7,
        load_settings_and_permissions,
        code_responses: Vec::new(),
    };
    for asked in [None, Some(false)] {
        let Answer::GetSecret(secret) = bench.call(get(asked)).unwrap() else {
            panic!("none")
        };
        assert!(secret.secret_settings.is_none() && secret.secret_permissions.is_none());
        assert_eq!(
            (secret.is_checked_out, secret.check_out_minutes_remaining),
            (None, None)
        );
        assert_eq!(
            (secret.is_restricted, secret.active),
            (Some(false), Some(true))
        );
        assert_eq!(secret.check_out_user_display_name.as_deref(), Some(""));
    }
    let Answer::GetSecret(secret) = bench.call(get(Some(true))).unwrap() else {
        panic!("none")
    };
    assert_eq!(
        secret.secret_settings.unwrap().requires_comment,
        Some(false)
    );
    let permissions = secret.secret_permissions.unwrap();
    assert!(permissions.current_user_has_owner);
    assert_eq!(permissions.inherit_permissions_enabled, Some(true));
    let entries: Vec<_> = permissions
        .permissions
        .iter()
        .map(|one| (&*one.user_or_group.name, one.owner))
        .collect();
    assert_eq!(entries, [("alice", false), ("bob", true)]);
}

#[test]
fn what_is_not_there_and_what_is_not_ones_own_are_told_apart() {
    let mut bench = Bench::of(contents().with_secret(NewSecret {
        active: false,
        ..account("deleted", "m").id(9)
    }));
    let (alice, eve) = (bench.token("alice"), bench.token("eve"));
    let cases = [
        (&alice, 99, "No secret exists.", RefusalKind::NoSuchSecret),
        (&alice, 0, "No secret exists.", RefusalKind::NoSuchSecret),
        (&alice, -1, "No secret exists.", RefusalKind::NoSuchSecret),
        (&alice, 9, "No secret exists.", RefusalKind::NoSuchSecret),
        (&eve, 7, "Access Denied", RefusalKind::AccessDenied),
    ];
    for (token, id, text, kind) in cases {
        let refusal = bench.get(token, id, Vec::new()).unwrap_err();
        assert_eq!((refusal.text.as_ref(), refusal.kind), (text, kind));
        assert!(refusal.secret_error.is_none());
    }
    bench.operate(Operate::SetSecretActive {
        secret_id: 9,
        active: true,
    });
    assert!(bench.get(&alice, 9, Vec::new()).is_ok());
}

#[test]
fn a_hidden_launcher_password_is_for_editors() {
    let mut hidden = account("hidden", "m").id(8);
    hidden.rules.hide_launcher_password = true;
    for setting in [HiddenPassword::Blank, HiddenPassword::Refuse] {
        let mut contents = contents().with_secret(hidden.clone());
        contents.settings.hidden_launcher_password = setting;
        let mut bench = Bench::of(contents);
        let (alice, bob) = (bench.token("alice"), bench.token("bob"));
        assert_eq!(
            value(&bench.get(&bob, 8, Vec::new()).unwrap(), "Password"),
            "hunter2"
        );
        match (setting, bench.get(&alice, 8, Vec::new())) {
            (HiddenPassword::Blank, Ok(secret)) => assert_eq!(value(&secret, "Password"), ""),
            (HiddenPassword::Refuse, Err(refusal)) => assert_eq!(refusal.text, "Access Denied"),
            (_, other) => panic!("{other:?}"),
        }
    }
}

fn key_secret() -> NewSecret {
    NewSecret::new("lin01 key", "Unix Account (SSH Key Rotation)")
        .in_folder("Servers")
        .id(8)
        .item("Machine", "lin01")
        .password("Private Key Passphrase", "open")
        .file("Private Key", "id_ed25519", b"-----BEGIN\n")
}

fn download(
    bench: &mut Bench,
    token: &Option<SecretText>,
    secret_id: i32,
    secret_item_id: i32,
) -> Result<FileDownloadResult, Refusal> {
    let token = token.clone();
    let command = Command::DownloadFileAttachmentByItemId {
        token,
        secret_id,
        secret_item_id,
    };
    match bench.call(command)? {
        Answer::FileDownload(file) => Ok(file),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_fetched_by_the_items_id_and_an_empty_one_is_said_to_be() {
    let mut bench = Bench::of(contents().with_secret(key_secret()));
    let token = bench.token("alice");
    let secret = bench.get(&token, 8, Vec::new()).unwrap();
    assert_eq!(value(&secret, "Private Key"), "id_ed25519");
    let id = |field: &str| {
        let items = secret.items.as_ref().unwrap();
        items
            .iter()
            .find(|one| one.field_name.as_deref() == Some(field))
            .unwrap()
            .id
            .unwrap()
    };
    let (key, public, machine) = (id("Private Key"), id("Public Key"), id("Machine"));
    let file = download(&mut bench, &token, 8, key).unwrap();
    assert_eq!(
        (file.file_attachment.expose(), &*file.file_name),
        (&b"-----BEGIN\n"[..], "id_ed25519")
    );
    for item in [public, machine, 0, i32::MAX] {
        let refusal = download(&mut bench, &token, 8, item).unwrap_err();
        assert_eq!(refusal.text, "File attachment not found.");
        assert_eq!(refusal.kind, RefusalKind::NoFile);
    }
    let eve = bench.token("eve");
    assert_eq!(
        download(&mut bench, &eve, 8, key).unwrap_err().text,
        "Access Denied"
    );
}

#[test]
fn the_value_of_a_file_item_is_its_name_or_nothing_by_setting() {
    let mut contents = contents().with_secret(key_secret());
    contents.settings.file_item_value = FileItemValue::Empty;
    let mut bench = Bench::of(contents);
    let token = bench.token("alice");
    assert_eq!(
        value(&bench.get(&token, 8, Vec::new()).unwrap(), "Private Key"),
        ""
    );
}

#[test]
fn the_short_download_wants_exactly_one_file_field() {
    let mut bench = Bench::of(contents().with_secret(key_secret()));
    let token = bench.token("alice");
    let several = Command::DownloadFileAttachment {
        token: token.clone(),
        secret_id: 8,
    };
    assert_eq!(bench.refused(several).kind, RefusalKind::SeveralFiles);
    let none = Command::DownloadFileAttachment {
        token,
        secret_id: 7,
    };
    assert_eq!(bench.refused(none).text, "File attachment not found.");
}

#[test]
fn proxy_credentials_need_the_proxy_and_are_for_one_use() {
    let mut proxied = account("proxied", "m").id(8);
    proxied.rules.proxy = true;
    let mut bench = Bench::of(contents().with_secret(proxied));
    let token = bench.token("alice");
    let ask = |secret_id| Command::GetSSHLoginCredentials {
        token: token.clone(),
        secret_id,
    };
    let mut password = || match bench.call(ask(8)).unwrap() {
        Answer::SSHCredentials(proxy) => {
            assert_eq!((&*proxy.username, &*proxy.port), ("alice", "22"));
            proxy.password
        }
        other => panic!("{other:?}"),
    };
    assert_ne!(password(), password());
    assert_eq!(bench.refused(ask(7)).kind, RefusalKind::BadValue);
}

#[test]
fn unlimited_administration_opens_everything_to_its_role_only() {
    let hidden = NewSecret {
        folder: None,
        ..account("nobody's", "m").id(8)
    };
    for mode in [false, true] {
        let mut contents = contents().with_secret(hidden.clone());
        contents.settings.unlimited_administration = mode;
        let mut bench = Bench::of(contents);
        let (bob, eve) = (bench.token("bob"), bench.token("eve"));
        assert_eq!(bench.get(&bob, 8, Vec::new()).is_ok(), mode);
        assert!(
            bench.get(&eve, 8, Vec::new()).is_err(),
            "eve is no administrator"
        );
    }
}
