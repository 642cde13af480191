//! Console user to vault users: the table, and what holds for every input.

use ecm::identity::{CandidateReason as Why, MappingRules, candidates};
use proptest::prelude::*;

fn rules(default_domain: Option<&str>, fall_back_to_local: bool) -> MappingRules {
    MappingRules {
        default_domain: default_domain.map(str::to_owned),
        fall_back_to_local,
        ..MappingRules::default()
    }
}

/// Candidates as text, `-` for no domain.
fn check(username: &str, dn: Option<&str>, rules: &MappingRules, expected: &[(&str, Why)]) {
    let found: Vec<_> = candidates(username, dn, rules)
        .candidates
        .into_iter()
        .map(|candidate| {
            let domain = candidate.domain.as_deref().unwrap_or("-");
            (format!("{domain}/{}", candidate.username), candidate.reason)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(text, why)| ((*text).to_owned(), *why))
        .collect();
    assert_eq!(found, expected, "{username:?} {dn:?} {rules:?}");
}

const DN: Option<&str> = Some("uid=joe.user,ou=HelpDesk,dc=acme-inc,dc=com");

#[test]
fn a_bare_name_is_local_unless_something_gives_a_domain() {
    check(
        "joe.user",
        None,
        &rules(None, false),
        &[("-/joe.user", Why::NoDomain)],
    );
    check(
        "joe.user",
        None,
        &rules(None, true),
        &[("-/joe.user", Why::NoDomain)],
    );
    check(
        "joe.user",
        None,
        &rules(Some("ACME"), false),
        &[("ACME/joe.user", Why::DefaultDomain)],
    );
    check(
        "joe.user",
        None,
        &rules(Some("ACME"), true),
        &[
            ("ACME/joe.user", Why::DefaultDomain),
            ("-/joe.user", Why::LocalFallBack),
        ],
    );
    check(
        "joe.user",
        DN,
        &rules(None, false),
        &[
            ("acme-inc.com/joe.user", Why::DistinguishedName),
            ("acme-inc/joe.user", Why::NetbiosGuess),
        ],
    );
}

#[test]
fn a_given_domain_comes_before_the_distinguished_name() {
    check(
        "ACME\\joe",
        None,
        &rules(None, false),
        &[("ACME/joe", Why::DownLevelDomain)],
    );
    check(
        "ACME\\joe",
        DN,
        &rules(None, true),
        &[
            ("ACME/joe", Why::DownLevelDomain),
            ("acme-inc.com/joe", Why::DistinguishedName),
            ("acme-inc/joe", Why::NetbiosGuess),
            ("-/joe", Why::LocalFallBack),
        ],
    );
    check(
        "joe@Acme-Inc.com",
        DN,
        &rules(None, false),
        &[
            ("Acme-Inc.com/joe", Why::UpnSuffix),
            ("Acme-Inc/joe", Why::NetbiosGuess),
        ],
    );
}

#[test]
fn a_local_account_may_be_named_by_the_whole_e_mail_address() {
    check(
        "joe@acme.example.",
        None,
        &rules(Some("OTHER"), true),
        &[
            ("acme.example/joe", Why::UpnSuffix),
            ("acme/joe", Why::NetbiosGuess),
            ("-/joe@acme.example", Why::LocalUpn),
            ("-/joe", Why::LocalFallBack),
        ],
    );
    let mapping = candidates("joe@acme.example", None, &rules(None, false));
    let left: Vec<_> = mapping
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.what, left.why))
        .collect();
    assert_eq!(
        left,
        [
            "joe@acme.example (local): fall-back to local account is off",
            "joe (local): fall-back to local account is off",
        ]
    );
    assert!(mapping.candidates.iter().all(|one| one.domain.is_some()));
}

#[test]
fn an_address_has_no_netbios_name() {
    for (name, expected) in [
        ("x@10.0.0.1", "10.0.0.1/x"),
        ("10.0.0.1\\x", "10.0.0.1/x"),
        ("x@::ffff:10.0.0.1", "::ffff:10.0.0.1/x"),
    ] {
        let found = candidates(name, None, &rules(None, false)).candidates;
        let found: Vec<_> = found
            .iter()
            .map(|one| format!("{}/{}", one.domain.as_deref().unwrap_or("-"), one.username))
            .collect();
        assert_eq!(found, [expected], "{name}");
    }
    check(
        "x@10.example",
        None,
        &rules(None, false),
        &[
            ("10.example/x", Why::UpnSuffix),
            ("10/x", Why::NetbiosGuess),
        ],
    );
}

#[test]
fn the_default_domain_never_replaces_a_known_one() {
    let mapping = candidates("OTHER\\joe", None, &rules(Some("ACME"), false));
    assert_eq!(mapping.candidates.len(), 1);
    assert!(
        mapping.left_out.iter().any(|left| left.what == "ACME\\joe"),
        "{mapping:?}"
    );
}

#[test]
fn the_netbios_guess_can_be_switched_off() {
    let rules = MappingRules {
        guess_netbios: false,
        ..MappingRules::default()
    };
    check(
        "joe@acme.example",
        None,
        &rules,
        &[("acme.example/joe", Why::UpnSuffix)],
    );
}

#[test]
fn odd_names_still_give_a_sensible_list() {
    let plain = rules(Some("ACME"), true);
    check(".\\root", None, &plain, &[("-/root", Why::ExplicitLocal)]);
    check(
        "(Local)\\root",
        None,
        &plain,
        &[("-/root", Why::ExplicitLocal)],
    );
    check("", None, &plain, &[]);
    check("ACME\\", DN, &plain, &[]);
    check(
        "  joe  ",
        None,
        &rules(None, false),
        &[("-/joe", Why::NoDomain)],
    );
    check(
        "\\joe",
        None,
        &rules(None, false),
        &[("-/joe", Why::NoDomain)],
    );
    check(
        "joe@",
        None,
        &rules(None, false),
        &[("-/joe", Why::NoDomain)],
    );
    check(
        "@joe",
        None,
        &rules(None, false),
        &[("-/@joe", Why::NoDomain)],
    );
    check(
        "A\\b@c.d",
        None,
        &rules(None, false),
        &[("A/b@c.d", Why::DownLevelDomain)],
    );
    check(
        "joe",
        Some("not a name"),
        &rules(None, false),
        &[("-/joe", Why::DistinguishedNameUnreadable)],
    );
}

#[test]
fn a_distinguished_name_that_cannot_be_read_is_not_passed_over_in_silence() {
    let unreadable = Some("cn=Joe,dc=#04034142");
    let mapping = candidates("joe", unreadable, &rules(None, false));
    let [local] = &mapping.candidates[..] else {
        panic!("{mapping:?}")
    };
    assert!(
        local.reason.to_string().contains("cannot be read"),
        "{local:?}"
    );
    let left = &mapping.left_out[0];
    assert!(left.why.contains("hexadecimal"), "{left:?}");
    check(
        "joe",
        unreadable,
        &rules(Some("ACME"), false),
        &[("ACME/joe", Why::DefaultDomain)],
    );
    check(
        "joe",
        Some("CN=Joe,OU=\"Sales, EMEA\",DC=acme,DC=example"),
        &MappingRules {
            guess_netbios: false,
            ..rules(None, false)
        },
        &[("acme.example/joe", Why::DistinguishedName)],
    );
}

proptest! {
    #[test]
    fn any_input_gives_a_stable_list_without_duplicates(
        username in "(\\PC{0,12}|[aA]{1,2}[\\\\@]?[aA.]{0,3}|a@[0-9]{1,3}(\\.[0-9]{1,3}){2,3})",
        dn in proptest::option::of("(\\PC{0,20}|(cn=x,)?(dc=[aA]{0,2},){0,3}dc=[aA]{0,2})"),
        default_domain in proptest::option::of("[aA.]{0,3}"),
        fall_back_to_local: bool,
        guess_netbios: bool,
    ) {
        let rules = MappingRules { default_domain, fall_back_to_local, guess_netbios };
        let mapping = candidates(&username, dn.as_deref(), &rules);
        prop_assert_eq!(&mapping, &candidates(&username, dn.as_deref(), &rules));

        let mut seen: Vec<_> = mapping
            .candidates
            .iter()
            .map(|one| (one.username.to_lowercase(), one.domain.as_ref().map(|d| d.to_lowercase())))
            .collect();
        let all = seen.len();
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len(), all);
        prop_assert!(mapping.candidates.iter().all(|one| !one.username.is_empty()));
        prop_assert!(mapping.candidates.iter().all(|one| one.domain.as_deref() != Some("")));

        let at = |why| mapping.candidates.iter().position(|one| one.reason == why);
        if let Some(whole) = at(Why::LocalUpn) {
            prop_assert!(rules.fall_back_to_local);
            let name = &mapping.candidates[whole].username;
            prop_assert!(at(Why::UpnSuffix).is_some_and(|domain| domain < whole), "{}", name);
            prop_assert_eq!(at(Why::LocalFallBack), Some(whole + 1));
        }
        let domains = || mapping.candidates.iter().filter_map(|one| one.domain.as_deref());
        if domains().any(|domain| domain.parse::<std::net::IpAddr>().is_ok()) && dn.is_none() {
            prop_assert_eq!(at(Why::NetbiosGuess), None);
        }
    }
}
