#![allow(clippy::unwrap_used)]
use super::*;

fn refusal(text: &str) -> String {
    Lab::read(Path::new("lab.toml"), text)
        .expect_err("refused")
        .to_string()
}

#[test]
fn the_built_in_lab_is_consistent() {
    let lab = Lab::acme().unwrap();
    assert!(lab.directory.jump_items.len() >= 12);
    assert!(lab.directory.users.len() >= 5);
    let seed = Seed(1);
    for plan in &lab.accounts {
        let (account, _) = plan.build(seed).unwrap();
        assert_eq!(account.client_id.0.len(), 40, "{}", account.name);
    }
}

#[test]
fn a_lab_of_nothing_is_a_lab() {
    let lab = Lab::read(Path::new("lab.toml"), "").unwrap();
    assert_eq!(lab.settings, Settings::default());
    assert!(lab.accounts.is_empty());
}

#[test]
fn each_mistake_is_named_with_its_line_and_its_cure() {
    let cases = [
        (
            "[appliance]\nproduct = 'bomgar'\n",
            "lab.toml:2: product: write \"pra\" or \"rs\"",
        ),
        (
            "[[appliance.jump_items]]\ntype = 'remote_rdp'\nname = 'web01'\nhostname = 'w'\njump_group = 'Servers'\n",
            "lab.toml:5: the lab has no Jump Group \"Servers\"; add it to jump_groups",
        ),
        (
            "[[appliance.jump_groups]]\nname = 'Servers'\necm_group = 'Branch'\n",
            "lab.toml:3: the lab has no ECM Group \"Branch\"; add it to ecm_groups, or take one of Default",
        ),
        (
            "[[appliance.jump_items]]\ntype = 'web_jump'\nname = 'intranet'\nhostname = 'w'\n",
            "lab.toml:3: a Jump Item of type web_jump needs the key url",
        ),
        (
            "[[appliance.jump_items]]\ntype = 'secure_app'\nname = 'sap'\nhostname = 'w'\n",
            "lab.toml:3: a Jump Item of type secure_app needs the key application_name",
        ),
        (
            "[[appliance.console_users]]\nusername = 'joe'\n[[appliance.console_users]]\nusername = 'joe'\n",
            "lab.toml:4: there are two of console user \"joe\"; rename one",
        ),
        (
            "[[appliance.console_users]]\nusername = 'joe'\nprovider_type = 'oidc'\n",
            "lab.toml:3: provider_type: expected one of local, ldap, radius, kerberos, saml, scim",
        ),
        (
            "[[appliance.api_accounts]]\nname = 'ECM'\nclient_id = 'abc'\nclient_secret = 'generate'\n",
            "lab.toml:3: client_id: a client id has 40 hexadecimal digits; leave the key out to have one made",
        ),
        (
            "[[appliance.api_accounts]]\nname = 'ECM'\nclient_secret = 'generate'\nip_addresses = ['everywhere']\n",
            "lab.toml:4: ip_addresses: neither an IP address nor a network such as 10.1.0.0/16",
        ),
        (
            "[[appliance.jump_items]]\ntype = 'remote_rdp'\nname = 'a'\nhostname = 'a'\nusername_format = 'default'\n",
            "lab.toml:5: only a Jump Item of type web_jump has a username_format",
        ),
        (
            "[appliance]\nproduct = 'rs'\necm_groups = ['Branch']\n",
            "lab.toml:3: Remote Support has no ECM Groups; remove ecm_groups, or make the product \"pra\"",
        ),
        (
            "[appliance.settings]\nmax_ecm = 5\n",
            "lab.toml:2: unknown key \"max_ecm\" - did you mean \"max_ecms\"?",
        ),
        (
            "[appliance.settings]\nmax_ecms = 0\n",
            "lab.toml: [appliance.settings]: max_ecms must be at least 1",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected);
    }
    assert!(
        refusal("[[appliance.jump_items]]\ntype = 'rdp'\nname = 'a'\n")
            .starts_with("lab.toml:2: type: expected one of jump_client, remote_jump,")
    );
}

#[test]
fn a_literal_client_secret_is_refused_and_not_repeated() {
    let text = "[[appliance.api_accounts]]\nname = 'ECM'\nclient_secret = 'hunter2'\n";
    let refusal = refusal(text);
    assert!(
        refusal.starts_with("lab.toml:3: a literal secret is refused"),
        "{refusal}"
    );
    assert!(!refusal.contains("hunter2"));
}
