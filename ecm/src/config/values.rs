//! Values of `ecm.toml` that more than one section has, with their rules.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::{Host, Url};

use super::reference::SecretReference;
use super::table::Table;
use super::{ConfiguredSecret, survey};

/// An `https` address, or plain `http` to this very machine, without a user or password in it.
pub(super) fn address(table: &Table<'_, '_>, key: &str, text: &str) -> Option<Url> {
    let Ok(url) = Url::parse(text.trim()) else {
        table.problem(key, "must be an address such as https://host.example");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        table.problem(key, "must not hold a user name or password");
        return None;
    }
    let encrypted = url.scheme() == "https";
    if url.host().is_none() || !(encrypted || (url.scheme() == "http" && is_loopback(&url))) {
        table.problem(
            key,
            "must begin with https:// (http:// only to a loopback address)",
        );
        return None;
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// A trimmed string; blank counts as absent, as in the vendor's form.
pub(super) fn text(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let text = table.string(key)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn path(table: &mut Table<'_, '_>, key: &'static str, file: &Path) -> Option<PathBuf> {
    text(table, key).map(|text| base(file).join(text))
}

/// The file of authorities that are trusted beside the system's.
pub(super) fn ca_file(table: &mut Table<'_, '_>, file: &Path) -> Option<PathBuf> {
    let authorities = path(table, "ca_file", file)?;
    survey::ca_file(table, "ca_file", &authorities);
    Some(authorities)
}

pub(super) fn seconds(table: &mut Table<'_, '_>, key: &'static str, default_s: u64) -> Duration {
    Duration::from_secs(table.number(key, 1..=600).unwrap_or(default_s))
}

pub(super) fn required_secret(
    table: &mut Table<'_, '_>,
    key: &'static str,
    file: &Path,
) -> Option<ConfiguredSecret> {
    table.required_string(key)?;
    let secret = secret(table, key, file)?;
    survey::secret(table, key, &secret);
    Some(secret)
}

pub(super) fn secret(
    table: &mut Table<'_, '_>,
    key: &'static str,
    file: &Path,
) -> Option<ConfiguredSecret> {
    let text = table.string(key)?;
    match SecretReference::parse(text, base(file)) {
        Ok(reference) => Some(ConfiguredSecret {
            reference,
            place: table.place(key),
        }),
        Err(error) => {
            table.problem(key, error.to_string());
            None
        }
    }
}

/// The directory that relative paths of the file start from.
pub(super) fn base(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Puts what was given in the place of the default.
pub(super) fn put<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

pub(super) fn count(
    table: &mut Table<'_, '_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> Option<usize> {
    table
        .number(key, range)
        .and_then(|number| number.try_into().ok())
}
