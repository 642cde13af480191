//! The sections of the vaults: the settings of each plugin by their names in the file. What the
//! values mean, and what they are when they are missing, is the plugin's own business.

use std::path::Path;

use url::Url;

use super::table::Table;
use super::values::{ca_file, count, put, required_secret, text};
use super::{ConfiguredSecret, VaultConfig, survey};
use crate::password_safe::settings::{
    CheckIn, RunAsForm, SettingsFile as PasswordSafeSettings, bundled,
};
use crate::plugin_settings::HttpSettings;
use crate::secret_server::settings::{
    CHECKED_OUT_WAIT_MAX_S, SettingsFile as SecretServerSettings,
};

/// The section of the Secret Server plugin.
pub(super) const SECRET_SERVER: &str = "secret-server";

/// The section of the Password Safe plugin.
pub(super) const PASSWORD_SAFE: &str = "password-safe";

/// The section of the form *Connect to Secure Remote Access*: the same plugin, bundled.
pub(super) const PASSWORD_SAFE_BUNDLED: &str = "password-safe-bundled";

/// What there is to say when no vault is configured.
pub(super) const MISSING: &str = "missing; add a section [vault.secret-server], \
                                  [vault.password-safe] or [vault.password-safe-bundled]";

const MIB: u64 = 1024 * 1024;

/// Longest lifetime of a token that makes sense, in seconds.
const YEAR_S: u64 = 366 * 24 * 3600;

/// The one vault of section `[vault]`, and the appliance if the vault's form names it.
pub(super) fn vault(mut table: Table<'_, '_>, file: &Path) -> Option<Vault> {
    let sections = [SECRET_SERVER, PASSWORD_SAFE, PASSWORD_SAFE_BUNDLED];
    let given: Vec<_> = sections
        .into_iter()
        .filter(|&name| table.has(name))
        .collect();
    let vault = match given[..] {
        [name] => table.table(name).and_then(|section| match name {
            SECRET_SERVER => secret_server(section, file).map(Vault::alone),
            PASSWORD_SAFE => password_safe(section, file).map(Vault::alone),
            _ => password_safe_bundled(section, file),
        }),
        [] => {
            table.problem(SECRET_SERVER, MISSING);
            None
        }
        [first, second, ..] => {
            let problem = format!("must not stand beside {first}: one ECM, one vault");
            table.problem(second, problem);
            None
        }
    };
    table.finish();
    vault
}

/// What section `[vault]` says.
pub(super) struct Vault {
    pub(super) config: VaultConfig,
    /// The site and its API account, from the bundled form.
    pub(super) appliance: Option<BundledAppliance>,
}

/// The half of the bundled form that is about the appliance.
pub(super) struct BundledAppliance {
    pub(super) site_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: ConfiguredSecret,
}

impl Vault {
    fn alone(config: VaultConfig) -> Self {
        Self {
            config,
            appliance: None,
        }
    }
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
    survey::settings(&table, api_password.as_ref(), |password| {
        settings.problems(password)
    });
    for (key, why) in settings.warnings() {
        table.warn(key, why);
    }
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
    put(&mut settings.domain_field, field(table, "domain_field"));
    put(&mut settings.machine_field, field(table, "machine_field"));
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

/// The name of a field of a secret; blank counts as absent, which few who wrote it will have meant.
fn field(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let name = text(table, key);
    if name.is_none() && table.has(key) && !table.is_wrong(key) {
        table.warn(
            key,
            "empty, so its default counts; name the field, or leave this out",
        );
    }
    name
}

fn own_settings(table: &mut Table<'_, '_>, settings: &mut SecretServerSettings, file: &Path) {
    http_settings(table, &mut settings.http, file);
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
    settings.global_approver = text(&mut table, "global_approver");
    request_settings(&mut table, &mut settings);
    search_settings(&mut table, &mut settings);
    http_settings(&mut table, &mut settings.http, file);
    survey::settings(&table, key.as_ref(), |key| settings.problems(key));
    table.finish();
    Some(VaultConfig::PasswordSafe {
        settings: Box::new(settings),
        api_registration_key: key?,
    })
}

/// The form of the ECM that is bundled with Password Safe (documented ecm:S004): it names the
/// appliance, and the vault is the machine that it runs on.
pub(super) fn password_safe_bundled(mut table: Table<'_, '_>, file: &Path) -> Option<Vault> {
    let host = table.required_string("host").map(str::to_owned);
    let port = table.number("port", 1..=65_535);
    let port = port.and_then(|port| port.try_into().ok());
    let client_id = table.required_string("client_id").map(str::to_owned);
    let client_secret = required_secret(&mut table, "api_key", file);
    let key = required_secret(&mut table, "api_registration_key", file);
    let endpoint_url = text(&mut table, "endpoint_url");
    let reference = key.as_ref().map(|secret| secret.reference.to_string());
    let mut settings = PasswordSafeSettings::new(
        endpoint_url.as_deref().unwrap_or(bundled::OWN_MACHINE),
        &reference.unwrap_or_default(),
    );
    request_settings(&mut table, &mut settings);
    search_settings(&mut table, &mut settings);
    http_settings(&mut table, &mut settings.http, file);
    survey::settings(&table, key.as_ref(), |key| settings.problems(key));
    let site_url = host.and_then(|host| {
        let site_url = bundled::site_url(&host, port.unwrap_or(bundled::PORT_DEFAULT));
        site_url
            .map_err(|error| table.problem("host", error.message))
            .ok()
    });
    table.finish();
    let config = VaultConfig::PasswordSafe {
        settings: Box::new(settings),
        api_registration_key: key?,
    };
    let appliance = Some(BundledAppliance {
        site_url: site_url?,
        client_id: client_id?,
        client_secret: client_secret?,
    });
    Some(Vault { config, appliance })
}

fn request_settings(table: &mut Table<'_, '_>, settings: &mut PasswordSafeSettings) {
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
    settings.ticket_number = text(table, "ticket_number");
    let ticket_system_id = table.number("ticket_system_id", 1..=2_147_483_647);
    settings.ticket_system_id = ticket_system_id.and_then(|id| id.try_into().ok());
    let check_ins = [
        ("at-session-end", CheckIn::AtSessionEnd),
        ("never", CheckIn::Never),
    ];
    put(&mut settings.check_in, table.choice("check_in", &check_ins));
}

fn search_settings(table: &mut Table<'_, '_>, settings: &mut PasswordSafeSettings) {
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
}

fn http_settings(table: &mut Table<'_, '_>, settings: &mut HttpSettings, file: &Path) {
    settings.ca_file = ca_file(table, file);
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
    put(
        &mut settings.held_answers_bytes_max,
        count(table, "held_answers_bytes_max", MIB..=4096 * MIB),
    );
}
