//! The sections of `ecm.toml`, key by key, with their defaults and their rules.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tracing::level_filters::LevelFilter;
use url::{Host, Url};

use super::reference::SecretReference;
use super::table::{Document, Finding, Table};
use super::{
    ApplianceConfig, CheckInConfig, Config, ConfiguredSecret, LocalConfig, LogConfig, Override,
    StateConfig, VaultConfig, level, read_bounded,
};
use crate::secret_server::settings::SettingsFile;

const HOUR_S: u64 = 3600;
const MIB: u64 = 1024 * 1024;

/// The vault sections by name; the plugins that exist.
const SECRET_SERVER: &str = "secret-server";

/// Reads every section; the findings, if there are any.
pub(super) fn read_all(file: &Path, text: &str) -> Result<Config, Vec<Finding>> {
    let document = Document::new(file, text);
    let config = document.parse().and_then(|root| {
        let mut root = Table::root(&document, &root);
        let appliance = root
            .required_table("appliance")
            .map(|table| appliance(table, file));
        let local = local(&mut root, file);
        root.finish();
        Some(Config {
            appliance: appliance??,
            local: local?,
        })
    });
    settle(document, config)
}

/// Reads every section but `[appliance]`.
pub(super) fn read_local(
    file: &Path,
    text: &str,
    overrides: &[Override],
) -> Result<LocalConfig, Vec<Finding>> {
    let typed = overrides.iter().map(as_toml).collect::<String>();
    check_overrides(&typed)?;
    let document = Document::new(file, text);
    let config = document.parse().and_then(|mut root| {
        apply_overrides(&mut root, &typed);
        let mut root = Table::root(&document, &root);
        let _ = root.table("appliance");
        let local = local(&mut root, file);
        root.finish();
        local
    });
    settle(document, config)
}

/// The value, if nothing was found wrong with it.
fn settle<T>(document: Document<'_>, value: Option<T>) -> Result<T, Vec<Finding>> {
    let findings = document.into_findings();
    match value {
        Some(value) if findings.is_empty() => Ok(value),
        _ => Err(findings),
    }
}

fn local(root: &mut Table<'_, '_>, file: &Path) -> Option<LocalConfig> {
    let state = state(root.table("state"), file);
    let log = log(root.table("log"), file);
    let monitor = root.table("monitor").and_then(monitor);
    let check_in = check_in(root.table("check_in"));
    let vault = root
        .required_table("vault")
        .and_then(|table| vault(table, file));
    Some(LocalConfig {
        state: state?,
        log: log?,
        monitor,
        check_in,
        vault: vault?,
    })
}

fn appliance(mut table: Table<'_, '_>, file: &Path) -> Option<ApplianceConfig> {
    let site_url = table.required_string("site_url").and_then(|text| {
        let url = address(&table, "site_url", text)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare {
            table.problem(
                "site_url",
                "must end after the host and port, without a path",
            );
        }
        bare.then_some(url)
    });
    let client_id = table.required_string("client_id").map(str::to_owned);
    let client_secret = required_secret(&mut table, "client_secret", file);
    let ca_file = path(&mut table, "ca_file", file);
    let connect_timeout = seconds(&mut table, "connect_timeout_s", 10);
    table.finish();
    Some(ApplianceConfig {
        site_url: site_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        ca_file,
        connect_timeout,
    })
}

fn state(table: Option<Table<'_, '_>>, file: &Path) -> Option<StateConfig> {
    let fallback = base(file).join("ecm-state");
    let Some(mut table) = table else {
        return Some(StateConfig {
            dir: fallback,
            token_cache_key: None,
        });
    };
    let dir = path(&mut table, "dir", file).unwrap_or(fallback);
    let token_cache_key = secret(&mut table, "token_cache_key", file).map(|key| key.reference);
    let usable = match &token_cache_key {
        None | Some(SecretReference::File(_)) => true,
        Some(SecretReference::Credential(name)) => name == "token-cache-key",
        Some(SecretReference::Variable(_)) => false,
    };
    if !usable {
        table.problem(
            "token_cache_key",
            "must be file:PATH or credential:token-cache-key",
        );
    }
    table.finish();
    Some(StateConfig {
        dir,
        token_cache_key,
    })
}

fn log(table: Option<Table<'_, '_>>, file: &Path) -> Option<LogConfig> {
    let fallback = LogConfig {
        file: None,
        level: LevelFilter::INFO,
        file_bytes_max: 10 * MIB,
        rotations: 5,
    };
    let Some(mut table) = table else {
        return Some(fallback);
    };
    let log_file = path(&mut table, "file", file);
    let named = table.string("level").and_then(|name| {
        let level = level::from_name(name);
        if level.is_none() {
            table.problem(
                "level",
                "must be one of ERROR, WARN, INFO, DEBUG, TRACE, OFF",
            );
        }
        level
    });
    let classic = path(&mut table, "classic_level_file", file).and_then(|classic| {
        let level = read_bounded(&classic, level::CLASSIC_FILE_BYTES_MAX)
            .map_err(|error| error.to_string())
            .and_then(|xml| level::from_classic_file(&xml).map_err(str::to_owned));
        level
            .map_err(|reason| table.problem("classic_level_file", format!("unusable: {reason}")))
            .ok()
    });
    let file_bytes_max = table.number("max_size_mib", 1..=1024).map(|mib| mib * MIB);
    let rotations = table
        .number("rotations", 0..=99)
        .and_then(|count| count.try_into().ok());
    table.finish();
    Some(LogConfig {
        file: log_file,
        level: named.or(classic).unwrap_or(fallback.level),
        file_bytes_max: file_bytes_max.unwrap_or(fallback.file_bytes_max),
        rotations: rotations.unwrap_or(fallback.rotations),
    })
}

fn monitor(mut table: Table<'_, '_>) -> Option<SocketAddr> {
    let listen = table.required_string("listen").and_then(|text| {
        let address = text
            .parse::<SocketAddr>()
            .ok()
            .filter(|address| address.ip().is_loopback());
        if address.is_none() {
            table.problem(
                "listen",
                "must be a loopback address and port, such as 127.0.0.1:9464",
            );
        }
        address
    });
    table.finish();
    listen
}

fn check_in(table: Option<Table<'_, '_>>) -> CheckInConfig {
    let hours = |hours: u64| Duration::from_secs(hours * HOUR_S);
    let mut config = CheckInConfig {
        give_up_after: hours(7 * 24),
        orphan_after: hours(8),
    };
    if let Some(mut table) = table {
        let seconds = 1..=366 * 24 * HOUR_S;
        if let Some(limit_s) = table.number("give_up_after_s", seconds.clone()) {
            config.give_up_after = Duration::from_secs(limit_s);
        }
        if let Some(limit_s) = table.number("orphan_after_s", seconds) {
            config.orphan_after = Duration::from_secs(limit_s);
        }
        table.finish();
    }
    config
}

fn vault(mut table: Table<'_, '_>, file: &Path) -> Option<VaultConfig> {
    let section = table.required_table(SECRET_SERVER);
    let vault = section.and_then(|section| secret_server(section, file));
    table.finish();
    vault
}

/// The settings of the Secret Server plugin (documented ecm:§6); the plugin itself checks what
/// the values mean and has the defaults.
fn secret_server(mut table: Table<'_, '_>, file: &Path) -> Option<VaultConfig> {
    let endpoint_url = table.required_string("endpoint_url").map(str::to_owned);
    let api_user = table.required_string("api_user").map(str::to_owned);
    let api_password = required_secret(&mut table, "api_password", file);
    let reference = api_password
        .as_ref()
        .map(|secret| secret.reference.to_string());
    let mut settings = SettingsFile::new(
        &endpoint_url.clone().unwrap_or_default(),
        &api_user.clone().unwrap_or_default(),
        &reference.unwrap_or_default(),
    );
    documented_settings(&mut table, &mut settings);
    own_settings(&mut table, &mut settings, file);
    table.finish();
    (endpoint_url?, api_user?);
    Some(VaultConfig::SecretServer {
        settings: Box::new(settings),
        api_password: api_password?,
    })
}

fn documented_settings(table: &mut Table<'_, '_>, settings: &mut SettingsFile) {
    settings.api_domain = text(table, "api_domain");
    settings.api_organization = text(table, "api_organization");
    put(
        &mut settings.include_domain_credentials_for,
        table.strings("include_domain_credentials_for"),
    );
    put(&mut settings.domain_field, text(table, "domain_field"));
    put(&mut settings.machine_field, text(table, "machine_field"));
    settings.default_domain = text(table, "default_domain_for_local_users");
    put(
        &mut settings.fall_back_to_local,
        table.boolean("fall_back_to_local_account"),
    );
    put(
        &mut settings.include_default_organization,
        table.boolean("include_default_organization"),
    );
}

fn own_settings(table: &mut Table<'_, '_>, settings: &mut SettingsFile, file: &Path) {
    settings.ca_file = path(table, "ca_file", file);
    put(
        &mut settings.allow_plain_http,
        table.boolean("allow_plain_http"),
    );
    put(
        &mut settings.show_restricted,
        table.boolean("show_restricted"),
    );
    put(
        &mut settings.comment,
        table.string("comment").map(str::to_owned),
    );
    settings.ticket = text(table, "ticket");
    put(
        &mut settings.search_short_names,
        table.boolean("search_short_names"),
    );
    put(
        &mut settings.search_public_addresses,
        table.boolean("search_public_addresses"),
    );
    put(
        &mut settings.guess_netbios_names,
        table.boolean("guess_netbios_names"),
    );
    put(
        &mut settings.connect_timeout_s,
        table.number("connect_timeout_s", 1..=600),
    );
    put(
        &mut settings.answer_timeout_s,
        table.number("answer_timeout_s", 1..=600),
    );
    put(
        &mut settings.answer_bytes_max,
        count(table, "answer_bytes_max", 1024..=256 * MIB),
    );
    put(
        &mut settings.results_max,
        count(table, "results_max", 1..=100_000),
    );
    settings.token_lifetime_s = table.number("token_lifetime_s", 1..=366 * 24 * HOUR_S);
}

/// Puts what was given in the place of the default.
fn put<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn count(
    table: &mut Table<'_, '_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Option<usize> {
    table
        .number(key, range)
        .and_then(|number| number.try_into().ok())
}

/// An `https` address, or plain `http` to this very machine, without a user or password in it.
fn address(table: &Table<'_, '_>, key: &str, text: &str) -> Option<Url> {
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
fn text(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let text = table.string(key)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn path(table: &mut Table<'_, '_>, key: &'static str, file: &Path) -> Option<PathBuf> {
    text(table, key).map(|text| base(file).join(text))
}

fn seconds(table: &mut Table<'_, '_>, key: &'static str, default_s: u64) -> Duration {
    Duration::from_secs(table.number(key, 1..=600).unwrap_or(default_s))
}

fn required_secret(
    table: &mut Table<'_, '_>,
    key: &'static str,
    file: &Path,
) -> Option<ConfiguredSecret> {
    table.required_string(key)?;
    secret(table, key, file)
}

fn secret(table: &mut Table<'_, '_>, key: &'static str, file: &Path) -> Option<ConfiguredSecret> {
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
fn base(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// `key = value`, the value in quotes unless it is a TOML literal other than a string already.
fn as_toml(given: &Override) -> String {
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
fn check_overrides(typed: &str) -> Result<(), Vec<Finding>> {
    let document = Document::new(Path::new("--set"), typed);
    if let Some(root) = document.parse() {
        let _ = secret_server(Table::root(&document, &root).partial(), Path::new(""));
    }
    settle(document, Some(()))
}

/// Puts the overrides into the vault's section of the parsed file.
fn apply_overrides<'t>(root: &mut Spanned<DeTable<'t>>, typed: &'t str) {
    let Ok(overrides) = DeTable::parse(typed) else {
        return;
    };
    let mut table = root.get_mut();
    for section in ["vault", SECRET_SERVER] {
        let name = Spanned::new(0..0, section.into());
        let entry = table.entry(name);
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
