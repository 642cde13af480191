#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::super::sections::{read_all, read_local};
use super::*;

fn section(name: &str) -> &'static Section {
    SECTIONS
        .iter()
        .find(|section| section.name == name)
        .unwrap()
}

/// What the reader says is known where `header` has a key that nobody could mean.
fn known(header: &str) -> Vec<String> {
    let text = format!("{header}\nqqqqqqqq = 1\n");
    let findings = read_all(Path::new("ecm.toml"), &text).unwrap_err();
    let listed = findings
        .iter()
        .find_map(|finding| finding.problem.strip_prefix("unknown key; known here: "));
    let mut known: Vec<_> = listed.unwrap().split(", ").map(str::to_owned).collect();
    known.sort();
    known
}

#[test]
fn every_key_that_is_read_is_in_the_table_and_no_other() {
    for section in SECTIONS {
        let mut keys: Vec<_> = section.keys.iter().map(|key| key.name).collect();
        keys.sort_unstable();
        assert_eq!(
            known(&format!("[{}]", section.name)),
            keys,
            "{}",
            section.name
        );
    }
    let mut roots: Vec<_> = SECTIONS
        .iter()
        .map(|section| section.name.split('.').next().unwrap())
        .collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(known(""), roots);
}

#[test]
fn every_default_of_the_table_is_the_one_that_counts() {
    let required = |name: &str| match name {
        "endpoint_url" => "\"https://vault.acme.example/webservices/SSWebService.asmx\"",
        "listen" => "\"127.0.0.1:1\"",
        "site_url" => "\"https://access.acme.example\"",
        "api_user" | "client_id" => "\"svc\"",
        _ => "\"env:SECRET\"",
    };
    for vault in ["vault.secret-server", "vault.password-safe"] {
        let sections = ["log", "monitor", "check_in", "log_on", "appliance", vault];
        let file = |with_defaults: bool| {
            let mut text = String::new();
            for name in sections {
                text.push_str(&format!("[{name}]\n"));
                for key in section(name).keys {
                    let value = match key.default {
                        REQUIRED => required(key.name),
                        literal if with_defaults && is_literal(literal) => literal,
                        _ => continue,
                    };
                    text.push_str(&format!("{} = {value}\n", key.name));
                }
            }
            text
        };
        // The places of the secrets differ with their lines; all else is to be the same.
        let read = |with_defaults| {
            let text = file(with_defaults);
            let config = read_all(Path::new("ecm.toml"), &text).unwrap();
            let local = read_local(Path::new("ecm.toml"), &text, &[]).unwrap();
            let config = format!("{:?} {:?} {local:?}", config.appliance, config.local.log);
            let lines = |text: &str| {
                let mut parts = text.split("line: ");
                let first = parts.next().unwrap_or_default().to_owned();
                parts.fold(first, |whole, part| {
                    whole + part.trim_start_matches(|char: char| char.is_ascii_digit())
                })
            };
            lines(&config)
        };
        assert_eq!(read(true), read(false), "{vault}");
    }
}

#[test]
fn the_documented_tables_are_those_in_the_code() {
    let documented = include_str!("../../../CONFIG.md");
    assert!(
        documented.contains(tables().trim_end()),
        "CONFIG.md must contain:\n{}",
        tables()
    );
}
