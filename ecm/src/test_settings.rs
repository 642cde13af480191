//! The Configurator's Test Settings form as a function: it simulates a request of the appliance
//! with the settings at hand, needs neither service nor appliance, saves nothing and never shows a
//! password (documented ecm:§5.2, §5.3).

mod render;

use std::net::IpAddr;
use std::time::Duration;

use url::Url;

use crate::clock::{Stopwatch, sleep};
use crate::diagnosis::{self, Symptom};
use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::plugin::{
    CredentialPackage, CredentialSummary, JumpItem, JumpItemType, Plugin, Product, Session, User,
};
use crate::trace::ExplainedLookup;

/// The inputs of the form, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestForm {
    /// *SRA Console Username*: bare, `ACME\joe.user` or UPN.
    pub username: String,
    /// *Distinguished Name*: what an LDAP provider would add.
    pub distinguished_name: Option<String>,
    /// *Jump Item Type*; Jump Client stands for Remote and Local Jump as well.
    pub item_type: JumpItemType,
    /// *Hostname / IP Address*: every type but Web Jump.
    pub hostname: Option<String>,
    /// *Website URL*: Web Jump, or Protocol Tunnel in place of a host name.
    pub url: Option<String>,
    /// *Additional IP Address*: Jump Client only.
    pub additional_ips: Vec<String>,
    /// *Application Name*: RDP + SecureApp only.
    pub application_name: Option<String>,
    /// Which product asks; it only shows in comments.
    pub product: Product,
}

/// The fields that are wrong, as an error of the form.
#[must_use]
pub fn wrong_form(problems: &[FormProblem]) -> PluginError {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    PluginError::new(
        ErrorKind::Configuration,
        Hop::Form,
        format!("the form cannot be sent: {}", problems.join("; ")),
        "correct the inputs named and run the test again",
        Owner::EcmAdministrator,
    )
}

/// A field that is wrong, by its label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label} {problem}")]
pub struct FormProblem {
    /// The label of the field.
    pub label: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// The plugin's name.
    pub plugin: String,
    /// The inputs, by label, as far as they were filled.
    pub inputs: Vec<(&'static str, String)>,
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
    pub released: Option<Result<(), PluginError>>,
}

/// How long a check-in that fails is tried again, and the first pause between two attempts, which
/// doubles. No outbox remembers it when the test has ended.
const CHECK_IN_TRIED_FOR: Duration = Duration::from_secs(15);
const CHECK_IN_FIRST_PAUSE: Duration = Duration::from_millis(250);

impl TestForm {
    /// A form with the two fields that most types need.
    #[must_use]
    pub fn new(username: &str, item_type: JumpItemType, hostname: &str) -> Self {
        Self {
            username: username.into(),
            distinguished_name: None,
            item_type,
            hostname: Some(hostname.into()).filter(|text: &String| !text.is_empty()),
            url: None,
            additional_ips: Vec::new(),
            application_name: None,
            product: Product::Pra,
        }
    }

    /// The session that the appliance would describe.
    ///
    /// # Errors
    /// Every field that is missing, wrong, or does not apply to the type.
    pub fn session(&self) -> Result<Session, Vec<FormProblem>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let tidy = |text: &Option<String>| filled(text).map(str::to_owned);
        Ok(Session {
            session_id: "test-settings".into(),
            product: self.product,
            user: User {
                username: self.username.trim().to_owned(),
                distinguished_name: tidy(&self.distinguished_name),
                ..User::default()
            },
            jump_item: JumpItem {
                hostname: tidy(&self.hostname),
                url: tidy(&self.url),
                additional_ips: self.additional_ips.clone(),
                application_name: tidy(&self.application_name),
                ..JumpItem::new(self.item_type, "Test Settings")
            },
        })
    }

    fn problems(&self) -> Vec<FormProblem> {
        use JumpItemType::{JumpClient, LocalJump, ProtocolTunnel, RemoteJump, SecureApp, WebJump};
        let web = self.item_type == WebJump;
        // Either will do (assumed ecm:§2.5).
        let tunnel = self.item_type == ProtocolTunnel;
        let mut problems = Vec::new();
        let mut refuse = |wrong: bool, label, problem| {
            if wrong {
                problems.push(FormProblem { label, problem });
            }
        };
        for (label, value) in self.filled_fields() {
            let is_long = value.chars().nth(FIELD_CHARS_MAX).is_some();
            refuse(is_long, label, "is longer than 1024 characters");
            let is_odd = value.contains(char::is_control);
            refuse(is_odd, label, "holds a control character; type it anew");
        }
        refuse(self.username.trim().is_empty(), USERNAME, "is required");
        let hostname = filled(&self.hostname);
        let url = filled(&self.url);
        refuse(
            !web && hostname.is_none() && !(tunnel && url.is_some()),
            HOSTNAME,
            "is required for this Jump Item type",
        );
        refuse(
            web && hostname.is_some(),
            HOSTNAME,
            "does not apply to a Web Jump",
        );
        refuse(web && url.is_none(), WEBSITE, "is required for a Web Jump");
        refuse(
            !web && !tunnel && url.is_some(),
            WEBSITE,
            "applies to a Web Jump or a Protocol Tunnel only",
        );
        refuse(
            (web || tunnel) && url.is_some_and(|url| !looks_like_url(url)),
            WEBSITE,
            "must be an address such as https://intranet.example/",
        );
        let client = matches!(self.item_type, JumpClient | RemoteJump | LocalJump);
        refuse(
            !client && !self.additional_ips.is_empty(),
            ADDITIONAL,
            "applies to a Jump Client only",
        );
        let is_ip = |text: &String| text.trim().parse::<IpAddr>().is_ok();
        refuse(
            !self.additional_ips.iter().all(is_ip),
            ADDITIONAL,
            "must be an IP address",
        );
        let application = filled(&self.application_name).is_some();
        let secure_app = self.item_type == SecureApp;
        refuse(
            application && !secure_app,
            APPLICATION,
            "applies to RDP + SecureApp only",
        );
        problems
    }

    /// What was typed, by label, in the order of the form.
    fn filled_fields(&self) -> Vec<(&'static str, &str)> {
        let optional = |label, text| Some((label, filled(text)?));
        let mut fields = vec![(USERNAME, self.username.trim())];
        fields.extend(optional(DISTINGUISHED, &self.distinguished_name));
        fields.push((ITEM_TYPE, self.item_type.name()));
        fields.extend(optional(HOSTNAME, &self.hostname));
        fields.extend(optional(WEBSITE, &self.url));
        let additional_ips = self.additional_ips.iter();
        fields.extend(additional_ips.map(|ip| (ADDITIONAL, ip.trim())));
        fields.extend(optional(APPLICATION, &self.application_name));
        fields
    }

    /// The fields as they are shown and logged.
    fn inputs(&self) -> Vec<(&'static str, String)> {
        let shown = |(label, value)| match label {
            WEBSITE => (label, shortened(&without_secrets(value), FIELD_CHARS_MAX)),
            _ => (label, shortened(value, FIELD_CHARS_MAX)),
        };
        self.filled_fields().into_iter().map(shown).collect()
    }
}

/// Longest value of a field; the appliance's own longest user name has 64 (documented ecm:§7.1).
const FIELD_CHARS_MAX: usize = 1024;

const USERNAME: &str = "SRA Console Username";
const DISTINGUISHED: &str = "Distinguished Name";
const ITEM_TYPE: &str = "Jump Item Type";
const HOSTNAME: &str = "Hostname / IP Address";
const WEBSITE: &str = "Website URL";
const ADDITIONAL: &str = "Additional IP Address";
const APPLICATION: &str = "Application Name";

/// Runs the test: the list, then the entry `retrieve` as it would be fetched for injection. What
/// the retrieval checked out is checked in again, also when it failed.
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
        report.retrieve(plugin, form, id).await?;
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
) -> Retrieval {
    let listed = list
        .iter()
        .any(|entry| entry.credential_id == credential_id);
    if !listed {
        let error = Symptom::EntryNotListed.at(Hop::Ecm, &shortened(credential_id, 100));
        return Retrieval {
            credential_id: credential_id.to_owned(),
            found: Err(error),
            released: None,
        };
    }
    tracing::debug!(credential_id, "retrieving as for injection");
    let found = plugin.get_credential(session, credential_id).await;
    if let Err(error) = &found {
        diagnosis::log_failure("get_credential", error);
    }
    let mut released = None;
    if plugin.capabilities().credentials_used {
        released = Some(release(plugin, session, credential_id).await);
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
) -> Result<(), PluginError> {
    let tried = Stopwatch::start();
    let mut pause = CHECK_IN_FIRST_PAUSE;
    loop {
        let answer = plugin.release_credential(session, credential_id, 0).await;
        let Err(error) = &answer else {
            tracing::debug!(credential_id, "checked in");
            return answer;
        };
        diagnosis::log_failure("release_credential", error);
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
            return answer;
        }
        sleep(pause).await;
        pause *= 2;
    }
}

impl TestReport {
    /// Runs the second half of the test: the entry `credential_id` of the list that was found, if
    /// any was. Dropping it may leave the entry checked out.
    ///
    /// # Errors
    /// Only a form that cannot be sent.
    pub async fn retrieve(
        &mut self,
        plugin: &dyn Plugin,
        form: &TestForm,
        credential_id: &str,
    ) -> Result<(), Vec<FormProblem>> {
        let session = form.session()?;
        if let Ok(list) = &self.lookup.result {
            self.retrieval = Some(retrieval(plugin, &session, list, credential_id).await);
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

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The address with a mark in place of a password and of what follows a `?` or `#`, which may be a
/// token. What is no address at all is treated with more suspicion.
fn without_secrets(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            if url.password().is_some() {
                // Only an address without a host cannot have one, and it has.
                let _ = url.set_password(Some("***"));
            } else if url.query().is_none() && url.fragment().is_none() {
                return text.to_owned();
            }
            let has_more = url.query().is_some() || url.fragment().is_some();
            url.set_query(has_more.then_some("***"));
            url.set_fragment(None);
            url.into()
        }
        _ => match text.rsplit_once('@') {
            Some((_, host)) => format!("***@{host}"),
            None => text.to_owned(),
        },
    }
}

/// Whether a text is an address of a web page (documented ecm:§5.2: the form checks it).
fn looks_like_url(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}
