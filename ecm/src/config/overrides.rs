//! Values given on the command line in place of those in the file.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::sections::settle;
use super::table::{Document, Finding, Table};
use super::vaults::{PASSWORD_SAFE, SECRET_SERVER, password_safe, secret_server};
use super::{Override, VaultConfig};

/// The overrides as a section of a file would have them.
pub(super) fn as_toml(given: &[Override]) -> String {
    given.iter().map(line).collect()
}

/// `key = value`, the value in quotes unless it is a TOML literal other than a string already.
fn line(given: &Override) -> String {
    let Override { key, value } = given;
    let literal = matches!(
        DeValue::parse(value).map(Spanned::into_inner),
        Ok(DeValue::Boolean(_) | DeValue::Integer(_) | DeValue::Array(_) | DeValue::String(_))
    );
    match literal && !value.contains('\n') {
        true => format!("{key} = {value}\n"),
        false => format!("{key} = {}\n", toml::Value::from(value.as_str())),
    }
}

/// Refuses overrides with unknown keys or wrong values, before they are mixed with the file.
pub(super) fn check(root: &Spanned<DeTable<'_>>, typed: &str) -> Result<(), Vec<Finding>> {
    let document = Document::new(Path::new("--set"), typed);
    if let Some(overrides) = document.parse() {
        let table = Table::root(&document, &overrides).partial();
        let _ = match section(root) {
            PASSWORD_SAFE => password_safe(table, Path::new("")),
            _ => secret_server(table, Path::new("")),
        };
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
    let has = |section| {
        sections.is_some_and(|table| table.iter().any(|(name, _)| name.get_ref() == section))
    };
    if has(PASSWORD_SAFE) {
        PASSWORD_SAFE
    } else {
        SECRET_SERVER
    }
}
