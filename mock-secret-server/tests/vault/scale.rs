//! A lab of 100,000 secrets.

use mock_secret_server::state::{Contents, Level, NewFolder, NewUser};

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
