//! A lab of 100,000 secrets.

use mock_secret_server::state::{Command, Contents, Level, NewFolder, NewUser, SecretText};

use crate::fixture::{Bench, account, by_field, names};

const SECRETS: usize = 100_000;

fn large() -> Contents {
    let mut contents = Contents::default()
        .with_user(NewUser::local("alice").password("pw"))
        .with_folder(NewFolder::new("Servers").grant("alice", Level::View));
    let machines = (0..SECRETS).map(|number| {
        let machine = format!("srv{:05}.acme.example", number / 2);
        account(&format!("{machine}\\admin{}", number % 2), &machine)
    });
    contents.secrets = machines.collect();
    contents
}

#[test]
fn a_search_among_100_000_secrets_finds_exactly_the_two_of_a_machine() {
    let mut bench = Bench::of(large());
    assert_eq!(bench.vault.secret_count(), SECRETS);
    let token = bench.token("alice");
    for number in [0, 24_999, 49_999] {
        let machine = format!("SRV{number:05}.acme.example");
        let found = names(bench.call(by_field(&token, "machine", &machine)));
        let name = format!("srv{number:05}.acme.example");
        assert_eq!(
            found,
            [format!("{name}\\admin0"), format!("{name}\\admin1")]
        );
    }
    let everywhere = names(bench.call(by_field(&token, "Username", "admin")));
    assert_eq!(everywhere.len(), SECRETS);
}

#[test]
fn a_part_of_a_name_or_value_is_found_among_100_000_secrets() {
    let mut bench = Bench::of(large());
    let token = bench.token("alice");
    let name = |machine: u32, admin: u32| format!("srv{machine:05}.acme.example\\admin{admin}");
    let both = |machine| vec![name(machine, 0), name(machine, 1)];
    assert_eq!(
        names(bench.call(by_name(&token, "RV24999", None))),
        both(24_999)
    );
    assert_eq!(
        names(bench.call(by_name(&token, "49999.acme.example\\ADMIN1", Some(2)))),
        [name(49_999, 1)]
    );
    assert!(names(bench.call(by_name(&token, "srv50000", None))).is_empty());
    assert_eq!(
        names(bench.call(by_name(&token, "", Some(2)))).len(),
        SECRETS
    );
    assert!(names(bench.call(by_name(&token, "", Some(-1)))).is_empty());
    assert_eq!(names(bench.call(by_exposed(&token, "00007.ACME"))), both(7));
}

fn by_name(token: &Option<SecretText>, part: &str, folder: Option<i32>) -> Command {
    Command::SearchSecretsByFolder {
        token: token.clone(),
        search_term: Some(part.into()),
        folder_id: folder,
        include_sub_folders: false,
        include_deleted: None,
        include_restricted: None,
    }
}

fn by_exposed(token: &Option<SecretText>, part: &str) -> Command {
    Command::SearchSecretsByExposedValues {
        token: token.clone(),
        search_term: Some(part.into()),
        show_deleted: false,
        show_restricted: false,
        show_partial_matches: true,
    }
}
