//! The report as text. A pure function of the report.

use std::fmt::Write;

use super::{GivenBack, Retrieval, TestReport, Tested};
use crate::error::{ErrorKind, PluginError, on_screen};
use crate::plugin::{CredentialPackage, CredentialProof};

/// Widest column of names; a longer name moves what follows it. A vault may send names that are longer
/// than any width can be.
const NAME_COLUMNS_MAX: usize = 72;

/// Writing to a `String` cannot fail, which is why the results of `write!` are dropped here.
pub(super) fn text(report: &TestReport, explain: bool) -> String {
    text_about(report, &Tested::default(), explain)
}

impl TestReport {
    /// The text of [`TestReport::to_text`], which also tells what was tested.
    #[must_use]
    pub fn to_text_about(&self, tested: &Tested, explain: bool) -> String {
        text_about(self, tested, explain)
    }
}

impl Tested {
    /// One labelled value a line.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (label, value) in self.rows() {
            row(&mut out, label, value);
        }
        out
    }
}

fn text_about(report: &TestReport, tested: &Tested, explain: bool) -> String {
    let mut out = format!("Test Settings: {}\n\n", report.plugin);
    if !tested.rows().is_empty() {
        out.push_str(&tested.to_text());
        out.push('\n');
    }
    for (label, value) in &report.inputs {
        row(&mut out, label, value);
    }
    for note in &report.notes {
        row(&mut out, "Note", note);
    }
    if let Some(user) = &report.lookup.vault_user {
        row(&mut out, "Vault user", user);
    }
    out.push('\n');
    match &report.lookup.result {
        Err(error) => failure(&mut out, "Error Retrieving Credential List", error),
        Ok(list) if list.is_empty() => out.push_str(
            "No results: the test succeeded and found no credentials. This is not an error. If some \
             were expected, check the inputs above and what the vault user may see.\n",
        ),
        Ok(list) => {
            let noun = if list.len() == 1 { "credential" } else { "credentials" };
            let _ = writeln!(out, "Success: {} {noun} found\n", list.len());
            let entries: Vec<_> = list
                .iter()
                .map(|entry| (one_line(&entry.display_value), one_line(&entry.credential_id)))
                .collect();
            let longest = entries.iter().map(|(name, _)| name.chars().count()).max();
            let width = longest.unwrap_or(0).min(NAME_COLUMNS_MAX);
            for (name, id) in entries {
                let _ = writeln!(out, "  {name:<width$}  Retrieve Credential: --retrieve {id}");
            }
        }
    }
    if let Some(retrieval) = &report.retrieval {
        out.push('\n');
        retrieved(&mut out, retrieval);
    }
    // A test that could not begin tried nothing.
    if explain && !report.lookup.steps.is_empty() {
        out.push_str("\nWhat was tried\n\n");
        for step in &report.lookup.steps {
            let _ = writeln!(out, "  {}", one_line(&step.to_string()));
        }
    }
    out
}

fn retrieved(out: &mut String, retrieval: &Retrieval) {
    match &retrieval.found {
        Err(error) => failure(out, "Error Retrieving Credential", error),
        Ok(package) => {
            let _ = writeln!(
                out,
                "Success: found credential {}\n",
                one_line(&retrieval.credential_id)
            );
            found(out, package);
        }
    }
    match &retrieval.released {
        Some(Ok(GivenBack::LeftToSession)) => out.push_str(
            "  A running session has it; it stays checked out until the service checks it in.\n",
        ),
        Some(Ok(GivenBack::CheckedIn)) if retrieval.found.is_ok() => {
            out.push_str("  It was checked in again.\n");
        }
        Some(Ok(GivenBack::CheckedIn)) => out.push_str("  Nothing is left checked out.\n"),
        Some(Err(error)) => {
            out.push('\n');
            failure(out, "Error Checking In Credential", error);
            let _ = writeln!(
                out,
                "\n  Credential {} may still be checked out. Check it in by hand in the vault.",
                one_line(&retrieval.credential_id)
            );
        }
        None => {}
    }
}

/// A labelled value; its further lines stand below its first.
fn row(out: &mut String, label: &str, value: &str) {
    let value = on_screen(value).replace('\n', &format!("\n{:26}", ""));
    let _ = writeln!(out, "  {label:<23} {value}");
}

/// A value that must not begin a line of its own.
fn one_line(value: &str) -> String {
    on_screen(value).replace('\n', "\\n")
}

fn found(out: &mut String, package: &CredentialPackage) {
    let mut line = |label: &str, value: &str| row(out, label, value);
    line("User name", &package.username);
    if let Some(domain) = &package.domain {
        line("Domain", domain);
    }
    // The same mark for every secret: not even its length is told.
    const HIDDEN: &str = "found, not shown";
    match &package.proof {
        CredentialProof::UsernamePassword { .. } => line("Password", HIDDEN),
        CredentialProof::SshKey {
            passphrase,
            certificate,
            password,
            ..
        } => {
            line("SSH private key", HIDDEN);
            for (label, part) in [
                ("Passphrase", passphrase),
                ("Certificate", certificate),
                ("Password", password),
            ] {
                line(label, if part.is_some() { HIDDEN } else { "none" });
            }
        }
    }
}

fn failure(out: &mut String, title: &str, error: &PluginError) {
    let _ = writeln!(out, "{title}\n");
    let mut line = |label: &str, value: &str| row(out, label, value);
    line("Error type", type_label(error.kind));
    line("Message", &error.message);
    line("Where", &error.hop.to_string());
    if let Some(words) = &error.vault_said {
        line("The vault said", words);
    }
    if let Some(url) = &error.action_url {
        line("Address", url);
    }
    line("What to do", &error.next_action);
    line("Whose turn", &error.owner.to_string());
    if let Some(symptom) = error.symptom {
        line("See DIAGNOSIS.md", symptom.name());
    }
}

fn type_label(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Configuration => "Configuration",
        ErrorKind::Authentication => "Authentication",
        ErrorKind::Permission => "Permission",
        ErrorKind::PendingApproval => "Permission, pending approval",
        ErrorKind::NotFound => "Not found",
        ErrorKind::Connectivity => "Connectivity",
        ErrorKind::Tls => "TLS",
        ErrorKind::Timeout => "Time-out",
        ErrorKind::Unsupported => "Unsupported",
        ErrorKind::Unexpected => "Unexpected (raw information)",
    }
}
