//! The Configurator's Test Settings form as a function: it simulates a request of the appliance
//! with the settings at hand, needs neither service nor appliance, saves nothing and never shows a
//! password (documented ecm:§5.2, §5.3).

mod form;
mod render;
mod tested;

use std::path::Path;
use std::time::Duration;

use crate::clock::{Stopwatch, sleep};
use crate::diagnosis::{self, Symptom};
use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::outbox;
use crate::plugin::{CredentialPackage, CredentialSummary, Plugin, Session};
use crate::trace::ExplainedLookup;

pub use form::{FormProblem, TestForm, without_secrets, wrong_form};
pub use tested::Tested;

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// The plugin's name.
    pub plugin: String,
    /// The inputs, by label, as far as they were filled.
    pub inputs: Vec<(&'static str, String)>,
    /// What is odd about them and no reason to refuse them.
    pub notes: Vec<&'static str>,
    /// The list and what led to it.
    pub lookup: ExplainedLookup,
    /// The entry that was asked for, and what came of it.
    pub retrieval: Option<Retrieval>,
}

/// An attempt to retrieve one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    /// The entry's id.
    pub credential_id: String,
    /// The credential; it is rendered without its secrets.
    pub found: Result<CredentialPackage, PluginError>,
    /// What came of giving it back. It is owed as soon as the credential was asked for, found or
    /// not, so the administrator has to know when it failed; `None` where nothing was asked.
    pub released: Option<Result<GivenBack, PluginError>>,
}

/// How a test left the credential that it had asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBack {
    /// Checked in, as far as it was checked out.
    CheckedIn,
    /// Checked out: the running ECM owes its check-in, and one by the test would take it from a
    /// session of the same vault user.
    LeftToSession,
}

/// How long a check-in that fails is tried again, and the first pause between two attempts, which
/// doubles. No outbox remembers it when the test has ended.
const CHECK_IN_TRIED_FOR: Duration = Duration::from_secs(15);
const CHECK_IN_FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Runs the test: the list, then the entry `retrieve` as it would be fetched for injection. What
/// the retrieval checked out is checked in again, also when it failed. Debts of a running ECM are
/// not looked for: see [`TestReport::retrieve`].
///
/// # Errors
/// Only a form that cannot be sent; a failed test is a report.
pub async fn test_settings(
    plugin: &dyn Plugin,
    form: &TestForm,
    retrieve: Option<&str>,
) -> Result<TestReport, Vec<FormProblem>> {
    let mut report = look_up(plugin, form).await?;
    if let Some(id) = retrieve {
        report.retrieve(plugin, form, id, None).await?;
    }
    Ok(report)
}

/// Runs the first half of the test, the list. It leaves nothing behind, so it may be dropped.
///
/// # Errors
/// Only a form that cannot be sent.
pub async fn look_up(plugin: &dyn Plugin, form: &TestForm) -> Result<TestReport, Vec<FormProblem>> {
    let session = form.session()?;
    let lookup = plugin.explain_find(&session).await;
    if let Err(error) = &lookup.result {
        diagnosis::log_failure("find_credentials", error);
    }
    Ok(TestReport {
        plugin: plugin.name().to_owned(),
        inputs: form.inputs(),
        notes: form.notes(),
        lookup,
        retrieval: None,
    })
}

/// Retrieves one entry of `list`; what is not in it could not be chosen at a console either, and
/// stays untouched.
async fn retrieval(
    plugin: &dyn Plugin,
    session: &Session,
    list: &[CredentialSummary],
    credential_id: &str,
    outbox: Option<&Path>,
) -> Retrieval {
    let untouched = |error| Retrieval {
        credential_id: credential_id.to_owned(),
        found: Err(error),
        released: None,
    };
    let listed = list
        .iter()
        .any(|entry| entry.credential_id == credential_id);
    if !listed {
        let error = Symptom::EntryNotListed.at(Hop::Ecm, &shortened(credential_id, 100));
        return untouched(error);
    }
    let checks_in = plugin.capabilities().credentials_used;
    // Who could not tell afterwards whether it may be checked in does not fetch it.
    if checks_in && let Err(error) = session_has(plugin, session, credential_id, outbox) {
        return untouched(error);
    }
    tracing::debug!(credential_id, "retrieving as for injection");
    let found = plugin.get_credential(session, credential_id).await;
    if let Err(error) = &found {
        diagnosis::log_failure("get_credential", error);
    }
    let mut released = None;
    if checks_in {
        released = Some(release(plugin, session, credential_id, outbox).await);
    }
    Retrieval {
        credential_id: credential_id.to_owned(),
        found,
        released,
    }
}

/// Checks in what a test retrieved, again while it may help; the session of a test ends where it
/// begins.
async fn release(
    plugin: &dyn Plugin,
    session: &Session,
    credential_id: &str,
    outbox: Option<&Path>,
) -> Result<GivenBack, PluginError> {
    let tried = Stopwatch::start();
    let mut pause = CHECK_IN_FIRST_PAUSE;
    loop {
        if session_has(plugin, session, credential_id, outbox)? {
            tracing::debug!(credential_id, "left to a running session");
            return Ok(GivenBack::LeftToSession);
        }
        let answer = plugin.release_credential(session, credential_id, 0).await;
        let Err(error) = answer else {
            tracing::debug!(credential_id, "checked in");
            return Ok(GivenBack::CheckedIn);
        };
        diagnosis::log_failure("release_credential", &error);
        // A refusal by the vault will be the same in a second, and a log-on that fails again and
        // again may lock the account.
        let may_help = !matches!(
            error.kind,
            ErrorKind::Authentication
                | ErrorKind::Permission
                | ErrorKind::PendingApproval
                | ErrorKind::NotFound
                | ErrorKind::Unsupported
        );
        if !may_help || tried.elapsed() + pause > CHECK_IN_TRIED_FOR {
            return Err(error);
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// Whether a session of the ECM with this outbox has the credential for a vault user of the test's
/// session. What that ECM begins between this look and the check-in of the test is not seen.
fn session_has(
    plugin: &dyn Plugin,
    session: &Session,
    credential_id: &str,
    outbox: Option<&Path>,
) -> Result<bool, PluginError> {
    let Some(path) = outbox else {
        return Ok(false);
    };
    let holders = plugin.vault_users(session);
    outbox::is_held(path, credential_id, &holders).map_err(|problem| {
        let path = path.display();
        PluginError::new(
            ErrorKind::Configuration,
            Hop::Ecm,
            format!(
                "whether a running session has this credential cannot be told: failed to read \
                 {path}: {problem}"
            ),
            "run the test as the user of the service, who may read its state.dir",
            Owner::EcmAdministrator,
        )
    })
}

impl TestReport {
    /// Runs the second half of the test: the entry `credential_id` of the list that was found, if
    /// any was. With the path of the `outbox` of an ECM that may be running, what is owed there
    /// for the same vault user stays checked out. Dropping it, or the end of the process, may leave
    /// the entry checked out.
    ///
    /// # Errors
    /// Only a form that cannot be sent.
    pub async fn retrieve(
        &mut self,
        plugin: &dyn Plugin,
        form: &TestForm,
        credential_id: &str,
        outbox: Option<&Path>,
    ) -> Result<(), Vec<FormProblem>> {
        let session = form.session()?;
        if let Ok(list) = &self.lookup.result {
            let retrieval = retrieval(plugin, &session, list, credential_id, outbox).await;
            self.retrieval = Some(retrieval);
        }
        Ok(())
    }

    /// Whether nothing failed; an empty list is no failure.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.error().is_none()
    }

    /// The first failure.
    #[must_use]
    pub fn error(&self) -> Option<&PluginError> {
        let retrieval = self.retrieval.as_ref();
        self.lookup
            .result
            .as_ref()
            .err()
            .or_else(|| retrieval?.found.as_ref().err())
            .or_else(|| self.check_in_failure())
    }

    /// Why what was retrieved may still be checked out.
    #[must_use]
    pub fn check_in_failure(&self) -> Option<&PluginError> {
        self.retrieval.as_ref()?.released.as_ref()?.as_ref().err()
    }

    /// The report of a test that could not begin.
    #[must_use]
    pub fn not_begun(plugin: &str, form: &TestForm, error: PluginError) -> Self {
        Self {
            plugin: plugin.to_owned(),
            inputs: form.inputs(),
            notes: form.notes(),
            lookup: ExplainedLookup {
                result: Err(error),
                steps: Vec::new(),
                vault_user: None,
            },
            retrieval: None,
        }
    }

    /// The list that was found; empty after a failure.
    #[must_use]
    pub fn credentials(&self) -> &[CredentialSummary] {
        self.lookup.result.as_deref().unwrap_or_default()
    }

    /// The text of the dialog, which is also the text of `Configurator.log`; with `explain`, every
    /// user and search term that was tried or left out.
    #[must_use]
    pub fn to_text(&self, explain: bool) -> String {
        render::text(self, explain)
    }
}
