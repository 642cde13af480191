//! The sections of the vaults: the settings of each plugin by their names in the file. What the
//! values mean, and what they are when they are missing, is the plugin's own business.

use std::path::Path;

use super::VaultConfig;
use super::table::Table;
use super::values::{count, path, put, required_secret, text};
use crate::password_safe::settings::{CheckIn, RunAsForm, SettingsFile as PasswordSafeSettings};
use crate::secret_server::settings::{
    CHECKED_OUT_WAIT_MAX_S, SettingsFile as SecretServerSettings,
};

/// The section of the Secret Server plugin.
pub(super) const SECRET_SERVER: &str = "secret-server";

/// The section of the Password Safe plugin.
pub(super) const PASSWORD_SAFE: &str = "password-safe";

const MIB: u64 = 1024 * 1024;

/// Longest lifetime of a token that makes sense, in seconds.
const YEAR_S: u64 = 366 * 24 * 3600;

/// The one vault of section `[vault]`.
pub(super) fn vault(mut table: Table<'_, '_>, file: &Path) -> Option<VaultConfig> {
    let secret_server_section = table.table(SECRET_SERVER);
    let password_safe_section = table.table(PASSWORD_SAFE);
    let vault = match (secret_server_section, password_safe_section) {
        (Some(section), None) => secret_server(section, file),
        (None, Some(section)) => password_safe(section, file),
        (None, None) => {
            table.problem(
                SECRET_SERVER,
                "missing; add a section [vault.secret-server] or [vault.password-safe]",
            );
            None
        }
        (Some(_), Some(_)) => {
            table.problem(
                PASSWORD_SAFE,
                "must not stand beside secret-server: one ECM, one vault",
            );
            None
        }
    };
    table.finish();
    vault
}

/// The settings of the Secret Server plugin (documented ecm:§6); the plugin itself checks what
/// the values mean and has the defaults.
pub(super) fn secret_server(mut table: Table<'_, '_>, file: &Path) -> Option<VaultConfig> {
    let endpoint_url = table.required_string("endpoint_url");
    let api_user = table.required_string("api_user");
    let api_password = required_secret(&mut table, "api_password", file);
    let reference = api_password
        .as_ref()
        .map(|secret| secret.reference.to_string());
    let mut settings = SecretServerSettings::new(
        endpoint_url.unwrap_or_default(),
        api_user.unwrap_or_default(),
        &reference.unwrap_or_default(),
    );
    documented_settings(&mut table, &mut settings);
    own_settings(&mut table, &mut settings, file);
    table.finish();
    Some(VaultConfig::SecretServer {
        settings: Box::new(settings),
        api_password: api_password?,
    })
}

fn documented_settings(table: &mut Table<'_, '_>, settings: &mut SecretServerSettings) {
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

fn own_settings(table: &mut Table<'_, '_>, settings: &mut SecretServerSettings, file: &Path) {
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
        &mut settings.checked_out_wait_s,
        table.number("checked_out_wait_s", 0..=CHECKED_OUT_WAIT_MAX_S),
    );
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
    settings.token_lifetime_s = table.number("token_lifetime_s", 1..=YEAR_S);
}

/// The settings of the Password Safe plugin (documented ecm:§6).
pub(super) fn password_safe(mut table: Table<'_, '_>, file: &Path) -> Option<VaultConfig> {
    let endpoint_url = table.required_string("endpoint_url");
    let key = required_secret(&mut table, "api_registration_key", file);
    let reference = key.as_ref().map(|secret| secret.reference.to_string());
    let mut settings = PasswordSafeSettings::new(
        endpoint_url.unwrap_or_default(),
        &reference.unwrap_or_default(),
    );
    request_settings(&mut table, &mut settings);
    connection_settings(&mut table, &mut settings, file);
    table.finish();
    Some(VaultConfig::PasswordSafe {
        settings: Box::new(settings),
        api_registration_key: key?,
    })
}

fn request_settings(table: &mut Table<'_, '_>, settings: &mut PasswordSafeSettings) {
    settings.global_approver = text(table, "global_approver");
    let minutes = table.number("release_duration_min", 1..=525_600);
    put(
        &mut settings.release_duration_min,
        minutes.and_then(|count| count.try_into().ok()),
    );
    settings.default_domain = text(table, "default_domain");
    put(
        &mut settings.fall_back_to_local,
        table.boolean("fall_back_to_local"),
    );
    put(
        &mut settings.guess_netbios_names,
        table.boolean("guess_netbios_names"),
    );
    let forms = [
        ("by-domain", RunAsForm::ByDomain),
        ("down-level", RunAsForm::DownLevel),
        ("upn", RunAsForm::Upn),
    ];
    put(
        &mut settings.run_as_form,
        table.choice("run_as_form", &forms),
    );
    put(&mut settings.reason, text(table, "reason"));
    let check_ins = [
        ("at-session-end", CheckIn::AtSessionEnd),
        ("never", CheckIn::Never),
    ];
    put(&mut settings.check_in, table.choice("check_in", &check_ins));
}

fn connection_settings(
    table: &mut Table<'_, '_>,
    settings: &mut PasswordSafeSettings,
    file: &Path,
) {
    put(
        &mut settings.search_short_names,
        table.boolean("search_short_names"),
    );
    put(
        &mut settings.search_public_addresses,
        table.boolean("search_public_addresses"),
    );
    put(
        &mut settings.results_max,
        count(table, "results_max", 1..=100_000),
    );
    put(
        &mut settings.session_idle_s,
        table.number("session_idle_s", 1..=YEAR_S),
    );
    settings.ca_file = path(table, "ca_file", file);
    put(
        &mut settings.allow_plain_http,
        table.boolean("allow_plain_http"),
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
}
