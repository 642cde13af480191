//! The sections of `ecm.toml`, key by key, with their defaults and their rules.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::reference::SecretReference;
use super::survey::{self, Survey};
use super::table::{Document, Finding, Table};
use super::values::{address, base, ca_file, path, required_secret, seconds, secret};
use super::vaults::BundledAppliance;
use super::{
    ApplianceConfig, CheckInConfig, Config, LocalConfig, LogConfig, LogOnConfig, MonitorConfig,
    Override, StateConfig, level, overrides, places, vaults,
};
use crate::env::Environment;
use crate::small_file::read_text;

const HOUR_S: u64 = 3600;

/// Limit for reaching the appliance when none is set.
const CONNECT_TIMEOUT_S: u64 = 10;
const MIB: u64 = 1024 * 1024;

/// Reads every section; the findings, if there are any.
pub(super) fn read_all(file: &Path, text: &str) -> Result<Config, Vec<Finding>> {
    let document = Document::new(file, text);
    let config = every_section(&document, file);
    settle(document, config)
}

/// Reads every section, and checks what they refer to.
pub(super) fn survey(file: &Path, text: &str, environment: &Environment) -> Survey {
    let document = Document::surveyed(file, text, environment);
    let config = every_section(&document, file);
    let warnings = document.take_warnings();
    let problems = document.into_findings();
    Survey {
        config: config.filter(|_| problems.is_empty()),
        problems,
        warnings,
    }
}

fn every_section(document: &Document<'_>, file: &Path) -> Option<Config> {
    document.parse().and_then(|root| {
        let mut root = Table::root(document, &root);
        // The form of a bundled ECM names the appliance; what else there is about it is ours.
        let bundled = root
            .table("vault")
            .is_some_and(|mut vault| vault.has(vaults::PASSWORD_SAFE_BUNDLED));
        let local = local(&mut root, file);
        let appliance = match &local {
            Some((_, Some(form))) => bundled_appliance(root.table("appliance"), Some(form), file),
            _ if bundled => bundled_appliance(root.table("appliance"), None, file),
            _ => root
                .required_table("appliance")
                .and_then(|table| appliance(table, file)),
        };
        root.finish();
        Some(Config {
            appliance: appliance?,
            local: local?.0,
        })
    })
}

/// Reads every section but `[appliance]`.
pub(super) fn read_local(
    file: &Path,
    text: &str,
    given: &[Override],
) -> Result<LocalConfig, Vec<Finding>> {
    let typed = overrides::as_toml(text, given);
    let document = Document::new(file, text);
    let config = match document.parse() {
        None => None,
        Some(mut root) => {
            overrides::check(&root, &typed)?;
            overrides::apply(&mut root, &typed);
            let mut root = Table::root(&document, &root);
            let _ = root.table("appliance");
            let local = local(&mut root, file);
            root.finish();
            let mut local = local.map(|(local, _)| local);
            if let Some(local) = &mut local {
                overrides::place(&mut local.vault, given);
            }
            local
        }
    };
    settle(document, config)
}

/// Reads `[log]` alone, whatever is wrong elsewhere or in it.
pub(super) fn read_log(file: &Path, text: &str) -> Option<LogConfig> {
    let document = Document::new(file, text);
    let root = document.parse()?;
    log(Table::root(&document, &root).table("log"), file)
}

/// The value, if nothing was found wrong with it.
pub(super) fn settle<T>(document: Document<'_>, value: Option<T>) -> Result<T, Vec<Finding>> {
    let findings = document.into_findings();
    match value {
        Some(value) if findings.is_empty() => Ok(value),
        _ => Err(findings),
    }
}

/// What does not concern the appliance, and what a bundled vault's form says about it.
fn local(root: &mut Table<'_, '_>, file: &Path) -> Option<(LocalConfig, Option<BundledAppliance>)> {
    let state = state(root.table("state"), root, file);
    let log = log(root.table("log"), file);
    let monitor = root.table("monitor").and_then(monitor);
    let check_in = check_in(root.table("check_in"));
    let log_on = log_on(root.table("log_on"));
    if !root.has("vault") {
        root.problem("vault", vaults::MISSING);
    }
    let vault = root
        .table("vault")
        .and_then(|table| vaults::vault(table, file));
    let vault = vault?;
    let local = LocalConfig {
        state: state?,
        log: log?,
        monitor,
        check_in,
        log_on,
        vault: vault.config,
    };
    Some((local, vault.appliance))
}

/// The appliance of the form *Connect to Secure Remote Access*. `[appliance]` may be absent, and
/// names no site and no account of its own; it is read also when the form is of no use.
fn bundled_appliance(
    table: Option<Table<'_, '_>>,
    form: Option<&BundledAppliance>,
    file: &Path,
) -> Option<ApplianceConfig> {
    let mut authorities = None;
    let mut connect_timeout = Duration::from_secs(CONNECT_TIMEOUT_S);
    if let Some(mut table) = table {
        for key in ["site_url", "client_id", "client_secret"] {
            if table.string(key).is_some() {
                table.problem(
                    key,
                    "must not stand beside [vault.password-safe-bundled], which names the appliance",
                );
            }
        }
        authorities = ca_file(&mut table, file);
        connect_timeout = seconds(&mut table, "connect_timeout_s", CONNECT_TIMEOUT_S);
        table.finish();
    }
    let form = form?;
    Some(ApplianceConfig {
        site_url: form.site_url.clone(),
        client_id: form.client_id.clone(),
        client_secret: form.client_secret.clone(),
        ca_file: authorities,
        connect_timeout,
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
    let ca_file = ca_file(&mut table, file);
    let connect_timeout = seconds(&mut table, "connect_timeout_s", CONNECT_TIMEOUT_S);
    table.finish();
    Some(ApplianceConfig {
        site_url: site_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        ca_file,
        connect_timeout,
    })
}

fn state(table: Option<Table<'_, '_>>, root: &Table<'_, '_>, file: &Path) -> Option<StateConfig> {
    let fallback = base(file).join("ecm-state");
    let Some(mut table) = table else {
        survey::state_dir(root, "state.dir", &fallback);
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
    if let Some(SecretReference::File(key)) = &token_cache_key
        && places::is_inside(key, &dir)
    {
        table.problem(
            "token_cache_key",
            "must not lie in state.dir, where whoever copies the tokens copies their key too; \
             put it elsewhere, such as file:/etc/ecm/token-cache-key",
        );
    }
    survey::state_dir(&table, "dir", &dir);
    if let Some(key) = &token_cache_key {
        survey::token_cache_key(&table, "token_cache_key", key);
    }
    table.finish();
    Some(StateConfig {
        dir,
        token_cache_key,
    })
}

fn log(table: Option<Table<'_, '_>>, file: &Path) -> Option<LogConfig> {
    let fallback = LogConfig::default();
    let Some(mut table) = table else {
        return Some(fallback);
    };
    let log_file = path(&mut table, "file", file);
    if let Some(log_file) = &log_file {
        survey::log_file(&table, "file", log_file);
    }
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
        let level = read_text(&classic, level::CLASSIC_FILE_BYTES_MAX)
            .map_err(|problem| problem.to_string())
            .and_then(|xml| level::from_classic_file(&xml).map_err(str::to_owned));
        level
            .map_err(|reason| {
                let problem = format!(
                    "cannot be used: {reason}; correct {}, or give `level` instead",
                    classic.display()
                );
                table.problem("classic_level_file", problem);
            })
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

fn monitor(mut table: Table<'_, '_>) -> Option<MonitorConfig> {
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
    let every_s = table.number("vault_check_every_s", 0..=24 * HOUR_S);
    table.finish();
    Some(MonitorConfig {
        listen: listen?,
        vault_check_every: Duration::from_secs(every_s.unwrap_or(60)),
    })
}

fn check_in(table: Option<Table<'_, '_>>) -> CheckInConfig {
    let mut config = CheckInConfig::default();
    if let Some(mut table) = table {
        let seconds = 1..=366 * 24 * HOUR_S;
        for (key, setting, range) in [
            (
                "give_up_after_s",
                &mut config.give_up_after,
                seconds.clone(),
            ),
            ("orphan_after_s", &mut config.orphan_after, seconds),
            ("repeat_after_s", &mut config.repeat_after, 0..=24 * HOUR_S),
            (
                "given_up_kept_s",
                &mut config.given_up_kept,
                0..=366 * 24 * HOUR_S,
            ),
        ] {
            if let Some(limit_s) = table.number(key, range) {
                *setting = Duration::from_secs(limit_s);
            }
        }
        table.finish();
    }
    config
}

fn log_on(table: Option<Table<'_, '_>>) -> LogOnConfig {
    let mut config = LogOnConfig::default();
    if let Some(mut table) = table {
        for (key, setting) in [
            ("refused_pause_s", &mut config.refused_pause),
            ("refused_pause_max_s", &mut config.refused_pause_max),
        ] {
            if let Some(pause_s) = table.number(key, 0..=24 * HOUR_S) {
                *setting = Duration::from_secs(pause_s);
            }
        }
        table.finish();
    }
    config
}
