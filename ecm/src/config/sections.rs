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
    SecretServerConfig, StateConfig, VaultConfig, level, read_bounded,
};

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
    let token_cache_key = secret(&mut table, "token_cache_key", file);
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
    vault.map(|vault| VaultConfig::SecretServer(Box::new(vault)))
}

/// The settings of the Secret Server plugin, with the documented defaults (documented ecm:§6).
fn secret_server(mut table: Table<'_, '_>, file: &Path) -> Option<SecretServerConfig> {
    let endpoint_url = table
        .required_string("endpoint_url")
        .and_then(|text| address(&table, "endpoint_url", text));
    let api_user = table.required_string("api_user").map(str::to_owned);
    let api_password = required_secret(&mut table, "api_password", file);
    let api_domain = text(&mut table, "api_domain");
    let api_organization = text(&mut table, "api_organization");
    let include_domain_credentials_for = table
        .strings("include_domain_credentials_for")
        .unwrap_or_default();
    let domain_field = text(&mut table, "domain_field").unwrap_or_else(|| "Domain".to_owned());
    let machine_field = text(&mut table, "machine_field").unwrap_or_else(|| "Machine".to_owned());
    let default_domain_for_local_users = text(&mut table, "default_domain_for_local_users");
    let fall_back_to_local_account = table.boolean("fall_back_to_local_account").unwrap_or(false);
    let include_default_organization = table
        .boolean("include_default_organization")
        .unwrap_or(false);
    let ca_file = path(&mut table, "ca_file", file);
    let connect_timeout = seconds(&mut table, "connect_timeout_s", 10);
    let request_timeout = seconds(&mut table, "request_timeout_s", 30);
    table.finish();
    Some(SecretServerConfig {
        endpoint_url: endpoint_url?,
        api_user: api_user?,
        api_password: api_password?,
        api_domain,
        api_organization,
        include_domain_credentials_for,
        domain_field,
        machine_field,
        default_domain_for_local_users,
        fall_back_to_local_account,
        include_default_organization,
        ca_file,
        connect_timeout,
        request_timeout,
    })
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
