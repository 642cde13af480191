//! The Configurator's Test Settings form as a function: it simulates a request of the appliance
//! with the settings at hand, needs neither service nor appliance, saves nothing and never shows a
//! password (documented ecm:§5.2, §5.3).

mod render;

use std::net::IpAddr;

use url::Url;

use crate::error::PluginError;
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
    /// *Website URL*: Web Jump only.
    pub url: Option<String>,
    /// *Additional IP Address*: Jump Client only.
    pub additional_ips: Vec<String>,
    /// *Application Name*: RDP + SecureApp only.
    pub application_name: Option<String>,
    /// Which product asks; it only shows in comments.
    pub product: Product,
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
    /// What came of giving it back, when it was found.
    pub released: Option<Result<(), PluginError>>,
}

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
        use JumpItemType::{JumpClient, LocalJump, RemoteJump, SecureApp, WebJump};
        let web = self.item_type == WebJump;
        let mut problems = Vec::new();
        let mut refuse = |wrong: bool, label, problem| {
            if wrong {
                problems.push(FormProblem { label, problem });
            }
        };
        refuse(self.username.trim().is_empty(), USERNAME, "is required");
        let hostname = filled(&self.hostname);
        refuse(
            !web && hostname.is_none(),
            HOSTNAME,
            "is required for this Jump Item type",
        );
        refuse(
            web && hostname.is_some(),
            HOSTNAME,
            "does not apply to a Web Jump",
        );
        let url = filled(&self.url);
        refuse(web && url.is_none(), WEBSITE, "is required for a Web Jump");
        refuse(!web && url.is_some(), WEBSITE, "applies to a Web Jump only");
        refuse(
            web && url.is_some_and(|url| !looks_like_url(url)),
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

    fn inputs(&self) -> Vec<(&'static str, String)> {
        let optional = |label, text: &Option<String>| Some((label, filled(text)?.to_owned()));
        let mut inputs = vec![(USERNAME, self.username.trim().to_owned())];
        inputs.extend(optional(DISTINGUISHED, &self.distinguished_name));
        inputs.push((ITEM_TYPE, self.item_type.to_string()));
        inputs.extend(optional(HOSTNAME, &self.hostname));
        inputs.extend(optional(WEBSITE, &self.url));
        inputs.extend(
            self.additional_ips
                .iter()
                .map(|text| (ADDITIONAL, text.clone())),
        );
        inputs.extend(optional(APPLICATION, &self.application_name));
        inputs
    }
}

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
    let session = form.session()?;
    let lookup = plugin.explain_find(&session).await;
    let retrieval = match retrieve {
        Some(id) if lookup.result.is_ok() => Some(retrieval(plugin, &session, id).await),
        _ => None,
    };
    let plugin = plugin.name().to_owned();
    Ok(TestReport {
        plugin,
        inputs: form.inputs(),
        lookup,
        retrieval,
    })
}

async fn retrieval(plugin: &dyn Plugin, session: &Session, credential_id: &str) -> Retrieval {
    let found = plugin.get_credential(session, credential_id).await;
    let mut released = None;
    if plugin.capabilities().credentials_used {
        // Owed whatever the answer was; the session of a test ends where it begins.
        let answer = plugin.release_credential(session, credential_id, 0).await;
        released = found.is_ok().then_some(answer);
    }
    Retrieval {
        credential_id: credential_id.to_owned(),
        found,
        released,
    }
}

impl TestReport {
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
            .or_else(|| retrieval?.released.as_ref()?.as_ref().err())
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

/// Whether a text is an address of a web page (documented ecm:§5.2: the form checks it).
fn looks_like_url(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}
