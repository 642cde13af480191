#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::ErrorKind;

const CLOUD: &str = "https://acme.ps.beyondtrustcloud.com/BeyondTrust/api/public/v3";

fn check(url: &str) -> Result<Settings, PluginError> {
    SettingsFile::new(url, "env:X").check(&"K".into())
}

#[test]
fn the_documented_settings_come_first_in_the_order_of_the_guide() {
    let labels: Vec<_> = LABELS
        .iter()
        .filter(|row| row.documented)
        .map(|row| row.label)
        .collect();
    let guide = [
        "Endpoint URL",
        "API Registration Key",
        "Global Approver",
        "Release Duration",
    ];
    assert_eq!(labels, guide);
}

#[test]
fn what_is_not_given_has_the_documented_default() {
    let settings = check(CLOUD).unwrap();
    assert_eq!(settings.release_duration_min, 360);
    assert_eq!(settings.global_approver, None);
}

#[test]
fn an_unusable_address_is_named_by_its_label() {
    for (url, part) in [
        ("", "required"),
        ("vault", "relative URL"),
        ("http://v/BeyondTrust/api/public/v3", "not https"),
        ("ftp://v/BeyondTrust/api/public/v3", "not an https"),
        (
            "https://u:p@v/BeyondTrust/api/public/v3",
            "user name or password",
        ),
        (
            "https://v/BeyondTrust/api/public/v3?version=3.0",
            "must end after",
        ),
        ("https://v/WebConsole/index.html", "must end in"),
    ] {
        let error = check(url).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(
            error.message.starts_with("Endpoint URL cannot be used: "),
            "{error}"
        );
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn the_address_of_the_web_console_is_answered_with_the_address_of_the_api() {
    let error = check("https://v.example/WebConsole/index.html").unwrap_err();
    let corrected = error.action_url.unwrap();
    assert_eq!(corrected, "https://v.example/BeyondTrust/api/public/v3");
    assert!(check(&corrected).is_ok());
}

#[test]
fn the_cloud_the_legacy_path_and_a_final_slash_are_accepted() {
    assert_eq!(check(CLOUD).unwrap().endpoint.as_str(), CLOUD);
    assert_eq!(
        check(&format!("{CLOUD}/")).unwrap().endpoint.as_str(),
        CLOUD
    );
    assert!(check("https://v/eEye.RetinaCS.Server/api/public/v3").is_ok());
}

#[test]
fn a_release_duration_outside_the_documented_range_is_refused() {
    for minutes in [0, RELEASE_DURATION_MAX_MIN + 1] {
        let mut file = SettingsFile::new(CLOUD, "env:X");
        file.release_duration_min = minutes;
        let error = file.check(&"K".into()).unwrap_err();
        assert!(error.message.starts_with("Release Duration"), "{error}");
    }
}

#[test]
fn a_key_pasted_with_its_user_is_refused_without_being_shown() {
    for key in ["canary;runas=svc;", "", "canary key", "canary\u{e9}"] {
        let error = SettingsFile::new(CLOUD, "env:X")
            .check(&key.into())
            .unwrap_err();
        assert!(error.message.starts_with("API Registration Key"), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let settings = SettingsFile::new(CLOUD, "env:X")
        .check(&"canary".into())
        .unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
}

#[test]
fn the_site_of_the_bundled_form_is_a_host_name_or_an_address() {
    for host in ["pra.acme.example", " https://pra.acme.example/"] {
        let url = bundled::site_url(host, 8443).unwrap();
        assert_eq!(url.as_str(), "https://pra.acme.example:8443/");
    }
}

#[test]
fn an_unusable_host_or_port_of_the_bundled_form_is_named() {
    for (host, port, label) in [
        ("", 443, "Host"),
        ("http://pra.example", 443, "Host"),
        ("pra.example/login", 443, "Host"),
        ("u:p@pra.example", 443, "Host"),
        ("pra.example:444", 443, "Port"),
        ("pra.example", 0, "Port"),
    ] {
        let error = bundled::site_url(host, port).unwrap_err();
        assert!(error.message.starts_with(label), "{host}: {error}");
    }
}

#[test]
fn a_ticket_system_is_a_number_of_the_vault() {
    let mut file = SettingsFile::new(CLOUD, "env:X");
    file.ticket_system_id = Some(0);
    let error = file.check(&"K".into()).unwrap_err();
    assert!(error.message.starts_with("Ticket system"), "{error}");
}
