//! The sections of the Password Safe plug-in.

use super::*;

#[test]
fn password_safe_is_the_other_vault() {
    let text = format!("{PASSWORD_SAFE}run_as_form = \"upn\"\nrelease_duration_min = 30\n");
    let set = ["check_in=never".parse().unwrap()];
    let config = sections::read_local(Path::new("ecm.toml"), &text, &set).unwrap();
    let VaultConfig::PasswordSafe { settings, .. } = &config.vault else {
        panic!("a Password Safe is configured")
    };
    assert_eq!(settings.release_duration_min, 30);
    assert_eq!(
        settings.run_as_form,
        crate::password_safe::settings::RunAsForm::Upn
    );
    assert_eq!(
        settings.check_in,
        crate::password_safe::settings::CheckIn::Never
    );
    let wrong = sections::read_local(
        Path::new("ecm.toml"),
        &text,
        &["api_user=x".parse().unwrap()],
    );
    assert!(
        wrong.unwrap_err()[0]
            .to_string()
            .starts_with("--set:1: `api_user`: unknown key")
    );
    let both = format!("{MINIMAL}{PASSWORD_SAFE}");
    assert!(findings(&both).contains("one ECM, one vault"));
    let none = findings("[vault]");
    assert!(
        none.contains("[vault.secret-server], [vault.password-safe] or"),
        "{none}"
    );
}

#[test]
fn every_setting_of_password_safe_is_a_key() {
    for label in crate::password_safe::settings::LABELS {
        let text = PASSWORD_SAFE.replace(&format!("{} = ", label.key), "ignored = ");
        let found = findings(&format!("{text}\n{} = {{}}", label.key));
        let place = format!("`vault.password-safe.{}`: ", label.key);
        let line = found
            .lines()
            .find(|line| line.contains(&place))
            .unwrap_or_default();
        assert!(line.contains("must be"), "{}: {found}", label.key);
    }
}

const BUNDLED: &str = r#"
[vault.password-safe-bundled]
host = "access.acme.example"
port = 8443
client_id = "a1b2"
api_key = "env:API_KEY"
release_duration_min = 90
api_registration_key = "env:REGISTRATION_KEY"
"#;

#[test]
fn the_bundled_form_names_the_appliance_and_its_own_machine() {
    for (more, timeout_s) in [("", 10), ("[appliance]\nconnect_timeout_s = 3\n", 3)] {
        let config = read(&format!("{BUNDLED}{more}")).unwrap();
        let Config { appliance, local } = config;
        assert_eq!(
            appliance.site_url.as_str(),
            "https://access.acme.example:8443/"
        );
        assert_eq!(appliance.client_id, "a1b2");
        assert_eq!(appliance.client_secret.reference.to_string(), "env:API_KEY");
        assert_eq!(appliance.connect_timeout, Duration::from_secs(timeout_s));
        let VaultConfig::PasswordSafe {
            settings,
            api_registration_key,
        } = local.vault
        else {
            panic!("the vault is Password Safe");
        };
        assert_eq!(settings.endpoint_url, bundled::OWN_MACHINE);
        assert_eq!(settings.release_duration_min, 90);
        assert_eq!(settings.global_approver, None);
        let reference = api_registration_key.reference.to_string();
        assert_eq!(reference, "env:REGISTRATION_KEY");
    }
}

#[test]
fn what_does_not_go_with_the_bundled_form_is_named() {
    for (text, expected) in [
        (
            format!("{BUNDLED}[appliance]\nsite_url = 'https://a.example'\n"),
            "`appliance.site_url`: must not stand beside [vault.password-safe-bundled]",
        ),
        (
            format!("{BUNDLED}{PASSWORD_SAFE}"),
            "must not stand beside password-safe: one ECM, one vault",
        ),
        (BUNDLED.replace("host =", "hots ="), "did you mean `host`?"),
        (
            format!("{BUNDLED}global_approver = 'x'\n"),
            "`vault.password-safe-bundled.global_approver`: unknown key",
        ),
        (
            BUNDLED.replace("access.acme.example", "http://access"),
            "Host cannot be used",
        ),
        (
            BUNDLED.replace("env:API_KEY", "canary"),
            "must be a reference",
        ),
    ] {
        let found = findings(&text);
        assert!(found.contains(expected), "{found}");
        assert!(!found.contains("canary"), "{found}");
        assert!(!found.contains("`appliance`: missing"), "{found}");
    }
    let overrides = ["prot=1".parse().unwrap()];
    let wrong = sections::read_local(Path::new("ecm.toml"), BUNDLED, &overrides).unwrap_err();
    assert!(
        wrong[0].to_string().contains("did you mean `port`?"),
        "{}",
        wrong[0]
    );
}

#[test]
fn every_setting_of_the_bundled_form_is_a_key() {
    for label in bundled::LABELS {
        let text = BUNDLED.replace(&format!("\n{} = ", label.key), "\nignored = ");
        let found = findings(&format!("{text}\n{} = {{}}", label.key));
        let place = format!("`vault.password-safe-bundled.{}`: must be", label.key);
        assert!(found.contains(&place), "{}: {found}", label.key);
    }
}
