//! A test's report as JSON. A pure function of the report; it holds no secret.

use ecm::diagnosis::Symptom;
use ecm::error::{PluginError, is_obeyed_by_terminals};
use ecm::plugin::CredentialPackage;
use ecm::test_settings::{GivenBack, Retrieval, TestReport, Tested};
use serde_json::{Value, json};

/// The report in one line; with `explain`, every user and search term that was tried or left out. A
/// terminal that shows it obeys nothing in it.
pub(super) fn render(report: &TestReport, tested: &Tested, explain: bool) -> String {
    on_screen(&value(report, tested, explain))
}

/// The value's text. What JSON lets stand as it is and a terminal obeys can only be within strings.
fn on_screen(value: &Value) -> String {
    let text = value.to_string();
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_obeyed_by_terminals(letter) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    shown
}

fn value(report: &TestReport, tested: &Tested, explain: bool) -> Value {
    let labelled = |rows: &[(&str, String)]| {
        let row = |(label, value): &(&str, String)| json!({"label": label, "value": value});
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let credentials: Vec<_> = report
        .credentials()
        .iter()
        .map(|entry| {
            json!({"credential_id": entry.credential_id, "display_value": entry.display_value})
        })
        .collect();
    let mut value = json!({
        "outcome": outcome(report),
        "plugin": report.plugin,
        "tested": labelled(tested.rows()),
        "inputs": labelled(&report.inputs),
        "notes": report.notes,
        "vault_user": report.lookup.vault_user,
        "credentials": credentials,
        "error": report.error().map(error),
        "retrieval": report.retrieval.as_ref().map(retrieval),
    });
    if explain {
        let steps = report.lookup.steps.iter().map(ToString::to_string);
        value["steps"] = steps.collect::<Vec<_>>().into();
    }
    value
}

fn outcome(report: &TestReport) -> &'static str {
    match (report.error(), report.credentials().is_empty()) {
        (Some(_), _) => "error",
        (None, true) => "no_results",
        (None, false) => "found",
    }
}

fn error(error: &PluginError) -> Value {
    json!({
        "symptom": error.symptom.map(Symptom::name),
        "kind": error.kind.name(),
        "hop": error.hop.to_string(),
        "message": error.message,
        "vault_said": error.vault_said,
        "next_action": error.next_action,
        "owner": error.owner.to_string(),
        "action_url": error.action_url,
    })
}

fn retrieval(retrieval: &Retrieval) -> Value {
    let found = retrieval.found.as_ref().ok();
    let given_back = |how| retrieval.released.as_ref().map(|it| *it == Ok(how));
    let failure = retrieval.released.as_ref().and_then(|it| it.as_ref().err());
    json!({
        "credential_id": retrieval.credential_id,
        "found": found.map(package),
        "checked_in_again": given_back(GivenBack::CheckedIn),
        "left_to_session": given_back(GivenBack::LeftToSession),
        "check_in_error": failure.map(error),
    })
}

fn package(package: &CredentialPackage) -> Value {
    json!({
        "kind": package.proof.kind_name(),
        "username": package.username,
        "domain": package.domain,
    })
}
