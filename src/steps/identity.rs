//! The plug-in's settings by the labels of the Configurator, and whom the vault was asked for.

use cucumber::gherkin::Step;
use cucumber::{given, then};
use toml::Value;

use super::column;
use crate::world::{World, engine};

/// Label in the vendor's guide (documented ecm:§6), plug-in and key in the ECM's configuration, and
/// how the text of a step is read.
type Setting = (&'static str, &'static str, &'static str, fn(&str) -> Value);

const SECRET_SERVER: &str = "secret-server";
const PASSWORD_SAFE: &str = "password-safe";

const SETTINGS: [Setting; 9] = [
    (
        "Default Domain for Local BeyondTrust Users",
        SECRET_SERVER,
        "default_domain_for_local_users",
        words,
    ),
    (
        "Enable fall-back to local account if domain account not found",
        SECRET_SERVER,
        "fall_back_to_local_account",
        flag,
    ),
    (
        "Include default organization",
        SECRET_SERVER,
        "include_default_organization",
        flag,
    ),
    (
        "Include domain credentials for",
        SECRET_SERVER,
        "include_domain_credentials_for",
        list,
    ),
    ("Domain Field", SECRET_SERVER, "domain_field", words),
    ("Machine Field", SECRET_SERVER, "machine_field", words),
    ("Global Approver", PASSWORD_SAFE, "global_approver", words),
    (
        "Ticket number of a release request",
        PASSWORD_SAFE,
        "ticket_number",
        words,
    ),
    (
        "Run-as: default domain",
        PASSWORD_SAFE,
        "default_domain",
        words,
    ),
];

#[given(expr = "the plug-in setting {string} is {string}")]
fn setting(world: &mut World, label: String, text: String) {
    let Some((_, plug_in, key, read)) = SETTINGS.iter().find(|(known, ..)| *known == label) else {
        engine(format!("no plug-in setting is labelled {label:?}"))
    };
    world.arrange(|lab| lab.set(&["ecm", plug_in, key], read(&text)));
}

#[then(expr = "the vault granted impersonation of {string} in domain {string}")]
async fn granted(world: &mut World, user: String, domain: String) {
    let asked = impersonations(world).await;
    let last = asked
        .last()
        .unwrap_or_else(|| panic!("nobody was impersonated"));
    let expected = (
        format!("{domain}\\{user}").to_lowercase(),
        "success".to_owned(),
    );
    assert_eq!(*last, expected, "the last of {asked:?}");
}

#[then("the vault was asked to impersonate, in order")]
async fn asked_in_order(world: &mut World, step: &Step) {
    let expected: Vec<String> = column(step)
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    let asked = impersonations(world).await;
    let asked: Vec<String> = asked.into_iter().map(|(user, _)| user).collect();
    assert_eq!(asked, expected);
}

/// Whom every ImpersonateUser was for, in lower case, and how it ended.
async fn impersonations(world: &mut World) -> Vec<(String, String)> {
    let calls = world.rig().await.vault.operator.journal().await;
    let calls = calls.unwrap_or_else(|error| engine(error));
    calls
        .iter()
        .filter(|call| call.operation == "ImpersonateUser")
        .map(|call| {
            (
                call.detail("impersonated").to_lowercase(),
                call.outcome.clone(),
            )
        })
        .collect()
}

fn words(text: &str) -> Value {
    text.into()
}

fn flag(text: &str) -> Value {
    (text == "true").into()
}

fn list(text: &str) -> Value {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(Value::from).collect::<Vec<_>>().into()
}
