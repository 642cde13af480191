#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};

use sim_kit::seeded::CANARY_MARK;

use super::*;
use crate::state::{Answer, CodeResponse, Command, NewSecret, NewValue, Trust};

const NOW: SimTime = SimTime::SCENARIO_START;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn refused(text: &str) -> String {
    let lab = Lab::read(Path::new("lab.toml"), text);
    lab.and_then(|lab| lab.vault(Seed(1), NOW))
        .expect_err("refused")
        .to_string()
}

fn one_secret(keys: &str) -> String {
    refused(&format!(
        "[[secret-server.secrets]]\nname = \"srv01\"\ntemplate = \"Windows Account\"\n{keys}"
    ))
}

#[test]
fn the_built_in_lab_loads_and_its_api_account_logs_on() {
    let lab = Lab::acme().unwrap();
    let mut vault = lab.vault(Seed(7), NOW).unwrap();
    let password = lab.password("svc-ecm", Seed(7)).unwrap();
    let log_on = Command::Authenticate {
        username: Some("SVC-ECM".into()),
        password: Some(password.as_str().into()),
        organization: None,
        domain: None,
    };
    assert!(matches!(
        vault.apply(log_on, NOW, HERE),
        Ok(Answer::Authenticate(_))
    ));
}

#[test]
fn the_built_in_lab_has_every_state_of_trust() {
    let vault = Lab::acme().unwrap().vault(Seed(7), NOW).unwrap();
    let trusts = vault.trusts();
    let state = |user: &str| {
        trusts
            .iter()
            .find(|one| &*one.user == user)
            .map(|one| one.state)
    };
    assert_eq!(state("acme.example\\joe.user"), None);
    assert_eq!(state("acme.example\\sam.ops"), Some(Trust::Approved));
    assert_eq!(state("acme.example\\lee.desk"), Some(Trust::Denied));
    assert_eq!(state("acme.example\\rita.field"), Some(Trust::Pending));
    assert!(trusts.iter().all(|one| &*one.caller == "svc-ecm"));
}

#[test]
fn the_file_of_secrets_opens_every_door_of_the_built_in_lab() {
    let lab = Lab::acme().unwrap();
    let mut vault = lab.vault(Seed(7), NOW).unwrap();
    let told = lab.passwords(Seed(7)).unwrap();
    let distinct: std::collections::BTreeSet<_> = told.iter().map(|(name, _)| name).collect();
    assert_eq!(distinct.len(), told.len());
    let secret = |name: &str| -> SecretText {
        let found = told.iter().find(|(key, _)| key == name);
        found
            .unwrap_or_else(|| panic!("no {name}"))
            .1
            .as_str()
            .into()
    };
    let log_on = |user: &str, code: &str| Command::AuthenticateRADIUS {
        username: Some(user.into()),
        password: Some(secret(&format!(r"acme.example\{user}"))),
        organization: None,
        domain: Some("ACME".into()),
        radius_password: Some(secret(&format!(r"acme.example\{user}: {code}"))),
    };
    let challenge = vault.apply(log_on("pat.remote", "RADIUS code"), NOW, HERE);
    assert_eq!(challenge.unwrap_err().text, "RadiusUSAccessChallenge");
    let answered = vault.apply(log_on("pat.remote", "RADIUS answer"), NOW, HERE);
    assert!(matches!(answered, Ok(Answer::Authenticate(_))));
    let Ok(Answer::Authenticate(token)) =
        vault.apply(log_on("kim.remote", "RADIUS code"), NOW, HERE)
    else {
        panic!("kim.remote cannot log on");
    };
    let named = |one: &NewSecret| one.name == "safe01 Administrator";
    // Ids count from 1 in the lab's order.
    let place = lab
        .contents(Seed(7))
        .unwrap()
        .secrets
        .iter()
        .position(named);
    let locked = i32::try_from(place.unwrap()).unwrap() + 1;
    let open = Command::GetSecret {
        token: Some(token),
        secret_id: locked,
        load_settings_and_permissions: None,
        code_responses: vec![CodeResponse {
            error_code: Some("DOUBLELOCK".into()),
            comment: Some(secret("Servers/safe01 Administrator: DoubleLock password")),
            ..CodeResponse::default()
        }],
    };
    assert!(matches!(
        vault.apply(open, NOW, HERE),
        Ok(Answer::GetSecret(_))
    ));
}

#[test]
fn the_built_in_lab_has_a_secret_of_every_kind() {
    let contents = Lab::acme().unwrap().contents(Seed(7)).unwrap();
    type Has = fn(&NewSecret) -> bool;
    let kinds: [(&str, Has); 9] = [
        ("comment", |one| one.rules.comment),
        ("ticket", |one| one.rules.ticket),
        ("approval", |one| one.rules.approval),
        ("DoubleLock", |one| one.rules.double_lock.is_some()),
        ("check-out", |one| one.rules.check_out.is_some()),
        ("hidden password", |one| one.rules.hide_launcher_password),
        ("proxy", |one| one.rules.proxy),
        ("own permissions", |one| one.permissions.is_some()),
        ("deleted", |one| !one.active),
    ];
    for (kind, has) in kinds {
        assert!(contents.secrets.iter().any(has), "no secret with {kind}");
    }
}

#[test]
fn a_later_trust_overrides_the_users_own() {
    let text = "\
        roles = [{ name = 'API', permissions = ['Impersonate'] }]\n\
        users = [{ name = 'svc', roles = ['API'] }, { name = 'ann', trust = 'approved' }]\n\
        trusts = [{ caller = 'svc', user = 'ann', state = 'revoked' }]\n";
    let text = format!("[secret-server]\n{text}");
    let vault = Lab::read(Path::new("lab.toml"), &text)
        .unwrap()
        .vault(Seed(1), NOW)
        .unwrap();
    assert_eq!(vault.trusts()[0].state, Trust::Revoked);
}

#[test]
fn a_name_that_leads_nowhere_is_named_with_the_cure() {
    let cases = [
        (
            "folder = 'Servers'\n",
            "secret `srv01`: it names folder `Servers`",
        ),
        (
            "permissions = [{ to = 'bob', level = 'view' }]\n",
            "secret `srv01`: it names user or group `bob`",
        ),
        (
            "fields = { Machin = 'x' }\n",
            "no field `Machin`; its fields are `Machine`",
        ),
        (
            "fields = { Password = 'x' }\n",
            "field `Password` holds a password, not a text",
        ),
        (
            "double_lock = 'generate'\ncheck_out = {}\n",
            "DoubleLock and check-out exclude",
        ),
        (
            "approval = true\n",
            "secret `srv01`: it requires approval and nobody is its approver; name users",
        ),
        ("colour = 'red'\n", "unknown key \"colour\""),
        ("check_out = { minutes = 0 }\n", "expected a nonzero u32"),
    ];
    for (keys, expected) in cases {
        let told = one_secret(keys);
        assert!(told.contains(expected), "{told}");
    }
    let template = "[[secret-server.secrets]]\nname = 'a'\ntemplate = 'Window Account'\n";
    assert!(
        refused(template).contains("did you mean `Windows Account`?"),
        "{}",
        refused(template)
    );
    let role = "[[secret-server.roles]]\nname = 'R'\npermissions = ['Fly']\n";
    assert!(refused(role).contains("no permission `Fly`; there are Web Services Impersonate"));
}

#[test]
fn a_group_without_members_approves_nothing() {
    let lab = |members: &str| {
        format!(
            "[secret-server]\nusers = [{{ name = 'bob' }}]\n\
             groups = [{{ name = 'Approvers', members = [{members}] }}]\n\
             [[secret-server.secrets]]\nname = 'srv01'\ntemplate = 'Windows Account'\n\
             approval = true\napprovers = ['Approvers']\n"
        )
    };
    assert!(refused(&lab("")).contains("groups with members"));
    let read = Lab::read(Path::new("lab.toml"), &lab("'bob'")).unwrap();
    assert!(read.vault(Seed(1), NOW).is_ok());
}

#[test]
fn a_second_factor_that_nobody_can_give_is_warned_of() {
    let warned = |keys: &str| {
        let text = format!("[[secret-server.users]]\nname = 'kim'\n{keys}");
        let lab = Lab::read(Path::new("lab.toml"), &text).unwrap();
        lab.into_origin(Seed(1), NOW).unwrap().warnings()
    };
    for (choice, doors) in [
        ("web", "the pages will refuse"),
        ("web-service", "the web service will refuse"),
        ("both", "the web service and the pages will refuse"),
    ] {
        let keys = format!("two_factor = '{choice}'\n");
        let [warning] = &warned(&keys)[..] else {
            panic!("{choice}: not one warning");
        };
        let named = warning.starts_with("user `kim` needs") && warning.contains(doors);
        assert!(named, "{warning}");
        assert!(warned(&format!("{keys}radius = {{ code = 'generate' }}\n")).is_empty());
    }
    assert!(warned("").is_empty());
    let acme = Lab::acme().unwrap().into_origin(Seed(1), NOW).unwrap();
    assert!(acme.warnings().is_empty());
}

#[test]
fn a_literal_password_is_refused_without_being_repeated() {
    let told = one_secret("passwords = { Password = 'hunter2' }\n");
    assert!(
        told.contains("lab.toml:4") && told.contains("literal"),
        "{told}"
    );
    assert!(!told.contains("hunter2"));
}

#[test]
fn generated_secrets_are_canaries_that_differ_and_repeat() {
    let contents = |seed| Lab::acme().unwrap().contents(Seed(seed)).unwrap();
    let values = |contents: &Contents| -> Vec<String> {
        let items = contents.secrets.iter().flat_map(|secret| &secret.items);
        items
            .filter_map(|(_, value)| match value {
                NewValue::Password(text) => Some(text.expose().to_owned()),
                NewValue::File { bytes, .. } => {
                    Some(String::from_utf8(bytes.expose().to_vec()).unwrap())
                }
                NewValue::Text(_) => None,
            })
            .collect()
    };
    let first = values(&contents(1));
    assert!(first.iter().all(|value| value.contains(CANARY_MARK)));
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), first.len());
    assert_eq!(first, values(&contents(1)));
    assert_ne!(first, values(&contents(2)));
}

#[test]
fn a_path_without_its_slash_gets_it_and_an_impossible_one_names_the_cure() {
    let lab = |directory: &str, page: &str| {
        let text = format!(
            "[secret-server]\nprotocol = {{ virtual_directory = '{directory}' }}\n\
             settings = {{ authorize_path = '{page}' }}\n"
        );
        Lab::read(Path::new("lab.toml"), &text)
    };
    for (directory, page, expected) in [
        ("vault", "Tools.aspx", ("/vault", "/Tools.aspx")),
        ("/vault/", "/Tools.aspx", ("/vault", "/Tools.aspx")),
        ("", "My/Tools.aspx", ("", "/My/Tools.aspx")),
    ] {
        let lab = lab(directory, page).unwrap();
        let read = (
            lab.protocol().virtual_directory.as_str(),
            lab.settings().authorize_path.as_str(),
        );
        assert_eq!(read, expected);
    }
    for (directory, page, told) in [
        ("my vault", "/a", "lab.toml:2: a virtual directory is"),
        ("/v?x", "/a", "write /SecretServer, or nothing"),
        ("/v", "/a?b", "lab.toml:3: the path of a page is"),
        ("/v", "", "write /ManageApplications.aspx"),
    ] {
        let error = lab(directory, page).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_generated_password_is_the_same_whenever_and_however_it_is_asked_for() {
    let text = "[[secret-server.secrets]]\nname = 'srv01'\ntemplate = 'Windows Account'\n\
                passwords = { PASSWORD = 'generate' }\n\
                [[secret-server.secrets]]\nname = 'srv02'\ntemplate = 'Windows Account'\n\
                passwords = { Password = 'generate' }\n";
    let lab = Lab::read(Path::new("lab.toml"), text).unwrap();
    let contents = lab.contents(Seed(3)).unwrap();
    let vaults = [
        lab.vault(Seed(3), NOW).unwrap(),
        lab.into_origin(Seed(3), NOW)
            .unwrap()
            .vault(Box::new(SeededTokens::new(Seed(3)))),
    ];
    for secret in &contents.secrets {
        let [(_, NewValue::Password(planted))] = &secret.items[..] else {
            panic!("{secret:?}");
        };
        for vault in &vaults {
            let read = || vault.sim_value(&secret.name, "Password").unwrap();
            assert_eq!(read().expose(), planted.expose());
            assert_eq!(read(), read());
        }
    }
}
