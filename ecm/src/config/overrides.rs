//! Values given on the command line in place of those in the file.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::sections::settle;
use super::table::{Document, Finding, Table};
use super::vaults::{
    PASSWORD_SAFE, PASSWORD_SAFE_BUNDLED, SECRET_SERVER, password_safe, password_safe_bundled,
    secret_server,
};
use super::{Override, VaultConfig};

/// The overrides as the vault's section of the file `text` would have them, each on the line of its
/// number. Of a key that was given more than once, the last value counts.
pub(super) fn as_toml(text: &str, given: &[Override]) -> String {
    let root = DeTable::parse(text);
    let section = root.as_ref().map_or(SECRET_SERVER, section);
    let mut lines = String::new();
    for (index, one) in given.iter().enumerate() {
        let is_last = given[index + 1..].iter().all(|other| other.key != one.key);
        match is_last {
            true => lines.push_str(&line(section, one)),
            false => lines.push('\n'),
        }
    }
    lines
}

/// `key = value`, the value in quotes unless it is a TOML literal other than a string already, and
/// the key wants such a one: a ticket may be a number, and is a text.
fn line(section: &str, given: &Override) -> String {
    let Override { key, value } = given;
    let quoted = format!("{key} = {}\n", toml::Value::from(value.as_str()));
    let literal = matches!(
        DeValue::parse(value).map(Spanned::into_inner),
        Ok(DeValue::Boolean(_) | DeValue::Integer(_) | DeValue::Array(_) | DeValue::String(_))
    );
    if !literal || value.contains('\n') {
        return quoted;
    }
    let plain = format!("{key} = {value}\n");
    let is_of_wrong_type = |line: &str| {
        let findings = findings(section, line).err().unwrap_or_default();
        findings.iter().any(Finding::is_about_type)
    };
    match is_of_wrong_type(&plain) && !is_of_wrong_type(&quoted) {
        true => quoted,
        false => plain,
    }
}

/// Refuses overrides with unknown keys or wrong values, before they are mixed with the file.
pub(super) fn check(root: &Spanned<DeTable<'_>>, typed: &str) -> Result<(), Vec<Finding>> {
    findings(section(root), typed)
}

/// What is wrong with lines of that section.
fn findings(section: &str, typed: &str) -> Result<(), Vec<Finding>> {
    let document = Document::new(Path::new("--set"), typed);
    if let Some(overrides) = document.parse() {
        let table = Table::root(&document, &overrides).partial();
        // Only what is wrong with them is wanted.
        match section {
            PASSWORD_SAFE => drop(password_safe(table, Path::new(""))),
            PASSWORD_SAFE_BUNDLED => drop(password_safe_bundled(table, Path::new(""))),
            _ => drop(secret_server(table, Path::new(""))),
        }
    }
    settle(document, Some(()))
}

/// Puts the overrides into the vault's section of the parsed file.
pub(super) fn apply<'t>(root: &mut Spanned<DeTable<'t>>, typed: &'t str) {
    let Ok(overrides) = DeTable::parse(typed) else {
        return;
    };
    if overrides.get_ref().is_empty() {
        return;
    }
    let section = section(root);
    let mut table = root.get_mut();
    for name in ["vault", section] {
        let key = Spanned::new(0..0, name.into());
        let entry = table.entry(key);
        let value = entry.or_insert_with(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        let DeValue::Table(inner) = value.get_mut() else {
            return;
        };
        table = inner;
    }
    for (key, value) in overrides.into_inner() {
        table.insert(key, value);
    }
}

/// Lets a secret that was given on the command line name the command line when it leads nowhere.
pub(super) fn place(vault: &mut VaultConfig, given: &[Override]) {
    let (key, secret) = match vault {
        VaultConfig::SecretServer { api_password, .. } => ("api_password", api_password),
        VaultConfig::PasswordSafe {
            api_registration_key,
            ..
        } => ("api_registration_key", api_registration_key),
    };
    if let Some(at) = given.iter().rposition(|given| given.key == key) {
        secret.place = Finding {
            file: "--set".into(),
            line: at + 1,
            key: key.to_owned(),
            problem: String::new(),
        };
    }
}

/// The vault's section that the file has; Secret Server's when it has none.
fn section(root: &Spanned<DeTable<'_>>) -> &'static str {
    let vault = root
        .get_ref()
        .iter()
        .find(|(name, _)| name.get_ref() == "vault");
    let sections = vault.and_then(|(_, value)| value.get_ref().as_table());
    let has = |section: &str| {
        sections.is_some_and(|table| table.iter().any(|(name, _)| name.get_ref() == section))
    };
    [PASSWORD_SAFE, PASSWORD_SAFE_BUNDLED]
        .into_iter()
        .find(|section| has(section))
        .unwrap_or(SECRET_SERVER)
}
