#![allow(clippy::unwrap_used)]

mod password_safe;

use std::path::Path;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::*;
use crate::password_safe::settings::bundled;

const MINIMAL: &str = r#"
[appliance]
site_url = "https://access.acme.example"
client_id = "a1b2"
client_secret = "env:ECM_CLIENT_SECRET"

[vault.secret-server]
endpoint_url = "https://vault.acme.example/SecretServer/webservices/SSWebService.asmx"
api_user = "svc-ecm"
api_password = "file:api-password"
"#;

const FULL: &str = r#"
[appliance]
site_url = "https://access.acme.example:8443"
client_id = "a1b2"
client_secret = "credential:ecm-client-secret"
ca_file = "lab-ca.pem"
connect_timeout_s = 3

[state]
dir = "/var/lib/ecm"
token_cache_key = "file:cache.key"

[log]
file = "logs/ECM.log"
level = "debug"
max_size_mib = 2
rotations = 0

[monitor]
listen = "127.0.0.1:9464"

[check_in]
give_up_after_s = 60
orphan_after_s = 5
repeat_after_s = 0
given_up_kept_s = 7

[log_on]
refused_pause_s = 7
refused_pause_max_s = 70

[vault.secret-server]
endpoint_url = "http://127.0.0.1:8080/webservices/SSWebservice.asmx"
api_user = "svc-ecm"
api_password = "env:API_PASSWORD"
api_domain = "acme"
api_organization = " "
include_domain_credentials_for = ["ACME", " EMEA ", ""]
domain_field = "AD Domain"
machine_field = "Host"
default_domain_for_local_users = "ACME"
fall_back_to_local_account = true
include_default_organization = true
ca_file = "vault-ca.pem"
connect_timeout_s = 2
answer_timeout_s = 4
"#;

fn read(text: &str) -> Result<Config, Vec<Finding>> {
    sections::read_all(Path::new("/etc/ecm/ecm.toml"), text)
}

/// The findings about `text`, one a line.
fn findings(text: &str) -> String {
    ConfigError::Invalid(read(text).unwrap_err()).to_string()
}

fn local(text: &str, overrides: &[&str]) -> Result<SecretServerSettings, Vec<Finding>> {
    let overrides: Vec<_> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    let config = sections::read_local(Path::new("ecm.toml"), text, &overrides)?;
    match config.vault {
        VaultConfig::SecretServer { settings, .. } => Ok(*settings),
        VaultConfig::PasswordSafe { .. } => panic!("a Secret Server is configured"),
    }
}

fn secret_server(config: &Config) -> &SecretServerSettings {
    match &config.local.vault {
        VaultConfig::SecretServer { settings, .. } => settings,
        VaultConfig::PasswordSafe { .. } => panic!("a Secret Server is configured"),
    }
}

#[test]
fn what_is_not_given_has_the_documented_default() {
    let config = read(MINIMAL).unwrap();
    let vault = secret_server(&config);
    assert_eq!(vault.domain_field, "Domain");
    assert_eq!(vault.machine_field, "Machine");
    assert!(vault.include_domain_credentials_for.is_empty());
    assert!(!vault.fall_back_to_local && !vault.include_default_organization);
    assert_eq!(config.local.state.dir, Path::new("/etc/ecm/ecm-state"));
    assert_eq!(config.local.log.level, LevelFilter::INFO);
    assert!(config.local.monitor.is_none());
}

#[test]
fn every_key_is_read() {
    let config = read(FULL).unwrap();
    assert_eq!(
        config.appliance.site_url.as_str(),
        "https://access.acme.example:8443/"
    );
    assert_eq!(
        config.appliance.ca_file.as_deref(),
        Some(Path::new("/etc/ecm/lab-ca.pem"))
    );
    assert_eq!(config.appliance.connect_timeout, Duration::from_secs(3));
    assert!(config.local.state.token_cache_key.is_some());
    assert_eq!(
        config.local.log.file.as_deref(),
        Some(Path::new("/etc/ecm/logs/ECM.log"))
    );
    assert_eq!(config.local.log.level, LevelFilter::DEBUG);
    assert_eq!(
        (config.local.log.file_bytes_max, config.local.log.rotations),
        (2 << 20, 0)
    );
    assert_eq!(
        config.local.monitor.map(|monitor| monitor.listen),
        Some("127.0.0.1:9464".parse().unwrap())
    );
    assert_eq!(config.local.check_in.give_up_after, Duration::from_secs(60));
    assert_eq!(config.local.check_in.orphan_after, Duration::from_secs(5));
    assert_eq!(config.local.check_in.repeat_after, Duration::ZERO);
    assert_eq!(config.local.check_in.given_up_kept, Duration::from_secs(7));
    let pauses = config.local.log_on;
    assert_eq!(
        (pauses.refused_pause, pauses.refused_pause_max),
        (Duration::from_secs(7), Duration::from_secs(70))
    );
    let vault = secret_server(&config);
    assert_eq!(vault.api_domain.as_deref(), Some("acme"));
    assert_eq!(vault.api_organization, None);
    assert_eq!(vault.include_domain_credentials_for, ["ACME", "EMEA"]);
    assert_eq!(
        (vault.domain_field.as_str(), vault.machine_field.as_str()),
        ("AD Domain", "Host")
    );
    assert_eq!(vault.default_domain.as_deref(), Some("ACME"));
    assert!(vault.fall_back_to_local && vault.include_default_organization);
    let http = &vault.http;
    assert_eq!((http.connect_timeout_s, http.answer_timeout_s), (2, 4));
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_line_key_and_cure() {
    let text = r#"
[apliance]
site_url = "https://access.acme.example"

[log]
level = "LOUD"
rotation = 3

[vault.secret-server]
endpont_url = "https://vault.acme.example/"
api-user = "svc-ecm"
api_password = "hunter2"
fall_back_to_local_account = "yes"
"#;
    insta::assert_snapshot!(findings(text), @r"
    /etc/ecm/ecm.toml:1: `appliance`: missing; add a section [appliance]
    /etc/ecm/ecm.toml:2: `apliance`: unknown key; did you mean `appliance`?
    /etc/ecm/ecm.toml:6: `log.level`: must be one of ERROR, WARN, INFO, DEBUG, TRACE, OFF
    /etc/ecm/ecm.toml:7: `log.rotation`: unknown key; did you mean `rotations`?
    /etc/ecm/ecm.toml:9: `vault.secret-server.endpoint_url`: missing; it is required
    /etc/ecm/ecm.toml:9: `vault.secret-server.api_user`: missing; it is required
    /etc/ecm/ecm.toml:10: `vault.secret-server.endpont_url`: unknown key; did you mean `endpoint_url`?
    /etc/ecm/ecm.toml:11: `vault.secret-server.api-user`: unknown key; did you mean `api_user`?
    /etc/ecm/ecm.toml:12: `vault.secret-server.api_password`: must be a reference to a secret, not the secret itself: write env:NAME, file:PATH or credential:NAME (and change a secret that was kept here)
    /etc/ecm/ecm.toml:13: `vault.secret-server.fall_back_to_local_account`: must be true or false, without quotes, and is of type string
    ");
}

#[test]
fn a_password_in_the_wrong_place_is_never_repeated() {
    for wrong in [
        "api_password = hunter2",
        "api_password = \"hunter2",
        "api_password = [\"hunter2\"]",
        "api_password = { hunter2 = 1 }",
        "api_password \"hunter2\"",
        "domain_field = \"a\" \"hunter2\"",
        "endpoint_url = [\"hunter2\"]",
        "fall_back_to_local_account = \"hunter2\"",
        "connect_timeout_s = \"hunter2\"",
        "api_domain = 'x'\napi_domain = 'hunter2'",
    ] {
        let text = format!("[vault.secret-server]\n{wrong}\n");
        let shown = findings(&text);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("ecm.toml:"), "{shown}");
    }
}

#[test]
fn addresses_must_be_encrypted_and_the_site_bare() {
    for (address, fine) in [
        ("https://access.acme.example/", true),
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://localhost:9000", true),
        ("http://access.acme.example", false),
        ("https://access.acme.example/login", false),
        ("https://access.acme.example/?a=b", false),
        ("wss://access.acme.example", false),
        ("access.acme.example", false),
    ] {
        let text = MINIMAL.replace("https://access.acme.example", address);
        assert_eq!(read(&text).is_ok(), fine, "{address}");
    }
}

#[test]
fn the_monitor_listens_on_loopback_only() {
    for (listen, fine) in [
        ("127.0.0.1:0", true),
        ("[::1]:1", true),
        ("0.0.0.0:1", false),
    ] {
        let text = format!("{MINIMAL}[monitor]\nlisten = \"{listen}\"\n");
        assert_eq!(read(&text).is_ok(), fine, "{listen}");
    }
}

#[test]
fn the_classic_level_file_counts_unless_a_level_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ecm.toml");
    let classic = directory.path().join("BeyondTrust-ECMService.exe.config");
    std::fs::write(
        classic,
        "<log4net><root><level value=\"DEBUG\"/></root></log4net>",
    )
    .unwrap();
    let section = "[log]\nclassic_level_file = \"BeyondTrust-ECMService.exe.config\"\n";
    for (more, expected) in [
        ("", LevelFilter::DEBUG),
        ("level='WARN'", LevelFilter::WARN),
    ] {
        let text = format!("{MINIMAL}{section}{more}");
        assert_eq!(
            sections::read_all(&file, &text).unwrap().local.log.level,
            expected
        );
    }
}

#[test]
fn every_documented_setting_of_the_plugin_is_a_key() {
    for label in crate::secret_server::settings::LABELS {
        let text = MINIMAL.replace(&format!("{} = ", label.key), "ignored = ");
        let text = format!("{text}\n{} = {{}}", label.key);
        let found = findings(&text);
        let place = format!("`vault.secret-server.{}`: ", label.key);
        let line = found
            .lines()
            .find(|line| line.contains(&place))
            .unwrap_or_default();
        assert!(line.contains("must be"), "{}: {found}", label.key);
    }
}

const PASSWORD_SAFE: &str = r#"
[vault.password-safe]
endpoint_url = "https://safe.acme.example/BeyondTrust/api/public/v3"
api_registration_key = "file:key"
"#;

#[test]
fn an_override_replaces_the_files_value_and_only_that() {
    let vault = local(
        MINIMAL,
        &[
            "api_user=other",
            "include_domain_credentials_for=ACME,EMEA",
            "fall_back_to_local_account=true",
            "machine_field=\"true\"",
        ],
    );
    let vault = vault.unwrap();
    assert_eq!(vault.api_user, "other");
    assert_eq!(vault.include_domain_credentials_for, ["ACME", "EMEA"]);
    assert!(vault.fall_back_to_local);
    assert_eq!(vault.machine_field, "true");
    assert_eq!(vault.domain_field, "Domain");
}

#[test]
fn overrides_alone_are_a_configuration() {
    let all = [
        "endpoint_url=https://vault/",
        "api_user=u",
        "api_password=env:P",
    ];
    assert_eq!(local("", &all).unwrap().api_user, "u");
    let some = local("", &all[..2]).unwrap_err();
    assert!(some[0].to_string().contains("api_password"), "{}", some[0]);
}

#[test]
fn an_override_has_the_type_that_its_key_wants() {
    let given = [
        "ticket=12345",
        "default_domain_for_local_users=123",
        "comment=true",
        "domain_field=[1]",
        "include_domain_credentials_for=7",
        "results_max=7",
        "show_restricted=false",
    ];
    let settings = local(MINIMAL, &given).unwrap();
    assert_eq!(settings.ticket.as_deref(), Some("12345"));
    assert_eq!(settings.default_domain.as_deref(), Some("123"));
    assert_eq!(
        (&*settings.comment, &*settings.domain_field),
        ("true", "[1]")
    );
    assert_eq!(settings.include_domain_credentials_for, ["7"]);
    assert_eq!((settings.results_max, settings.show_restricted), (7, false));
    for (wrong, words) in [
        ("show_restricted=1", "must be true or false"),
        ("results_max=true", "must be a whole number"),
        ("api_password=123", "must be a reference"),
    ] {
        let wrong = local(MINIMAL, &[wrong]).unwrap_err();
        assert!(wrong[0].problem.starts_with(words), "{wrong:?}");
    }
}

#[test]
fn of_a_key_that_is_given_twice_the_last_value_counts_and_keeps_its_number() {
    let twice = ["api_user=a", "api_user=b", "ticket=1", "api_user=c"];
    assert_eq!(local(MINIMAL, &twice).unwrap().api_user, "c");
    let wrong = local(MINIMAL, &["results_max=x", "results_max=0"]).unwrap_err();
    assert_eq!((wrong.len(), wrong[0].line), (1, 2), "{wrong:?}");
}

#[test]
fn a_wrong_override_is_found_by_its_own_name() {
    for (wrong, expected) in [
        ("endpont_url=https://vault/", "did you mean `endpoint_url`?"),
        ("api_password=hunter2", "must be a reference"),
        ("fall_back_to_local_account=maybe", "must be true or false"),
    ] {
        let found = local(MINIMAL, &[wrong]).unwrap_err();
        let shown = ConfigError::Invalid(found).to_string();
        assert!(
            shown.starts_with("--set:1: ") && shown.contains(expected),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"));
    }
    assert!("novalue".parse::<Override>().is_err());
    assert!("a.b=c".parse::<Override>().is_err());
}

#[test]
fn a_secret_that_cannot_be_fetched_is_reported_at_its_line() {
    let config = read(MINIMAL).unwrap();
    let error = config
        .appliance
        .client_secret
        .resolve(&Environment::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "/etc/ecm/ecm.toml:5: `appliance.client_secret`: environment variable ECM_CLIENT_SECRET \
         is not set; set it or use file:PATH"
    );
    let survey = sections::survey(Path::new("ecm.toml"), MINIMAL, &Environment::default());
    assert_eq!(survey.problems.len(), 2, "{:?}", survey.problems);
}

#[test]
fn a_file_that_is_missing_or_endless_is_unreadable() {
    let missing = Config::load(Path::new("/nonexistent/ecm.toml")).unwrap_err();
    assert!(
        missing.to_string().contains("/nonexistent/ecm.toml"),
        "{missing}"
    );
    let endless = Config::load(Path::new("/dev/zero")).unwrap_err();
    assert!(
        matches!(endless, ConfigError::Unreadable { .. }),
        "{endless}"
    );
}

#[test]
fn the_key_of_the_token_cache_does_not_lie_beside_the_tokens() {
    for (dir, key, refused) in [
        ("state", "file:state/key", true),
        ("state", "file:./state/deep/../key", true),
        ("state", "file:key", false),
        (".", "file:key", true),
    ] {
        let text = format!("{MINIMAL}[state]\ndir = \"{dir}\"\ntoken_cache_key = \"{key}\"\n");
        let outcome = read(&text).map(|_| ());
        assert_eq!(outcome.is_err(), refused, "{key} in {dir}");
        if refused {
            let said = findings(&text);
            assert!(said.contains("must not lie in state.dir"), "{said}");
        }
    }
}
