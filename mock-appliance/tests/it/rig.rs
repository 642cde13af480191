//! A small appliance on free ports, and how tests sign in to it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mock_appliance::{Lab, MockAppliance};
use sim_kit::clock::{SimClock, SimTime};
use sim_kit::fault::{FaultGuard, Matcher, Rule, Verdict};
use sim_kit::host::{Hosting, TlsChoice};

use crate::http::{self, Answer};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const CLIENT_ID: &str = "2f8f3cf5b4f4d2d0e1c7a9b6e5d4c3b2a1908172";

const LAB: &str = r#"
[appliance]
company = "ACME"
ecm_groups = ["Branch"]

[[appliance.api_accounts]]
name = "ECM"
client_id = "2f8f3cf5b4f4d2d0e1c7a9b6e5d4c3b2a1908172"
client_secret = "generate"

[[appliance.api_accounts]]
name = "ECM Branch"
client_secret = "generate"
ecm_group = "Branch"

[[appliance.api_accounts]]
name = "Reporting"
client_secret = "generate"
perm_ecm = false

[[appliance.api_accounts]]
name = "Elsewhere"
client_secret = "generate"
ip_addresses = ["192.0.2.0/24"]

[[appliance.console_users]]
username = 'ACME\joe.user'
distinguished_name = "uid=joe.user,ou=HelpDesk,dc=acme,dc=example"
display_name = "Joe User"
provider_type = "ldap"

[[appliance.jump_groups]]
name = "Servers"

[[appliance.jump_groups]]
name = "Branch Office"
ecm_group = "Branch"

[[appliance.jump_items]]
type = "remote_rdp"
name = "web01"
hostname = "web01.acme.example"
port = 3389
jump_group = "Servers"

[[appliance.jump_items]]
type = "shell_jump"
name = "branch01"
hostname = "branch01"
jump_group = "Branch Office"
"#;

/// An appliance in plain HTTP on a clock that stands still, with these lines in
/// `[appliance.settings]`.
pub(crate) async fn appliance_with(settings: &str) -> MockAppliance {
    let text = format!("{LAB}\n[appliance.settings]\n{settings}\n");
    MockAppliance::builder()
        .hosting(Hosting {
            tls: TlsChoice::Off,
            ..Hosting::default()
        })
        .clock(SimClock::frozen(SimTime::SCENARIO_START))
        .lab(Lab::read(Path::new("lab.toml"), &text).unwrap())
        .start()
        .await
        .unwrap()
}

pub(crate) async fn appliance() -> MockAppliance {
    appliance_with("").await
}

pub(crate) fn address(appliance: &MockAppliance) -> SocketAddr {
    appliance.hosted().local_addr()
}

/// The `Authorization` header with the account's planted secret.
pub(crate) fn basic(appliance: &MockAppliance, account: &str) -> String {
    let (client_id, secret) = appliance.api_account(account).unwrap();
    let credentials = STANDARD.encode(format!("{client_id}:{}", secret.expose()));
    format!("Authorization: Basic {credentials}")
}

pub(crate) async fn request_token(appliance: &MockAppliance, account: &str) -> Answer {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let headers = [basic(appliance, account), form.to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    http::send(
        address(appliance),
        "POST /oauth2/token",
        &headers,
        "grant_type=client_credentials",
    )
    .await
}

pub(crate) async fn token(appliance: &MockAppliance, account: &str) -> String {
    let answer = request_token(appliance, account).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// A rule for the next call of an operation.
pub(crate) fn fault(appliance: &MockAppliance, operation: &str, verdict: Verdict) -> FaultGuard {
    let matcher = Matcher {
        operation: Some(operation.to_owned()),
        ..Matcher::default()
    };
    appliance
        .faults()
        .add(Rule {
            id: None,
            matcher,
            verdict,
            times: 1,
        })
        .unwrap()
}

/// Waits for a condition that no message announces.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let polling = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !done() {
            ticks.tick().await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, polling).await.is_ok(),
        "never came: {what}"
    );
}
