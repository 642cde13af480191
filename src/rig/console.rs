//! What a user of the access console does and sees.

use std::time::Duration;

use mock_appliance::{ConsoleError, Injection, LinkError, MockAppliance, Part, SessionId};

use sim_kit::clock::{SimClock, Stopwatch};
use sim_kit::host::Hosting;
use sim_kit::seeded::Seed;

use super::RigError;
use super::control::{Operator, Reach};
use crate::lab::Lab;

/// Who sits at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUser {
    /// The name in the form that the security provider gives.
    pub username: String,
    /// Beside the name, from LDAP providers.
    pub distinguished_name: Option<String>,
}

impl ConsoleUser {
    /// A user of whom only the name is known.
    #[must_use]
    pub fn named(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            distinguished_name: None,
        }
    }
}

/// One entry of the list behind the key icon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the appliance hands back to fetch it.
    pub credential_id: String,
    /// What the user reads.
    pub display_value: String,
}

impl From<&ecm::plugin::CredentialSummary> for Entry {
    fn from(summary: &ecm::plugin::CredentialSummary) -> Self {
        Self {
            credential_id: summary.credential_id.clone(),
            display_value: summary.display_value.clone(),
        }
    }
}

/// An error at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The ECM's category, or what the appliance calls it.
    pub category: String,
    /// What the user reads.
    pub message: String,
    /// Where something can be done about it.
    pub action_url: Option<String>,
}

/// An ECM on the page "ECM Clients".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcmClient {
    /// Its connection.
    pub connection: String,
    /// Its group.
    pub ecm_group: String,
    /// The host that it runs on.
    pub hostname: String,
}

/// A request that went down the link for a session. Times count in microseconds from the start of
/// the rig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkHop {
    /// Type of the request.
    pub request: String,
    /// The connection that carried it.
    pub connection: String,
    /// When it was sent.
    pub sent_at_us: u64,
    /// When its answer came.
    pub answered_at_us: u64,
}

/// The appliance of a rig.
pub struct Appliance {
    /// Base URL of the site.
    pub url: String,
    /// Base URL of the control plane.
    pub control_url: String,
    /// The hand on its control plane.
    pub operator: Operator,
    pub(super) server: MockAppliance,
}

/// Starts the appliance of a lab. Hop times count from `began`.
pub(super) async fn start(
    lab: &Lab,
    seed: Seed,
    clock: SimClock,
    began: Stopwatch,
    reach: Reach,
    hosting: Hosting,
) -> Result<Appliance, RigError> {
    let server = MockAppliance::builder()
        .hosting(hosting)
        .lab(mock_appliance::Lab::read(&lab.path, &lab.text)?)
        .seed(seed)
        .clock(clock)
        .stopwatch(began)
        .start()
        .await
        .map_err(|source| RigError::Start {
            party: "the appliance",
            source,
        })?;
    let control_url = server.hosted().control_url();
    Ok(Appliance {
        url: server.hosted().url(),
        operator: reach.operator(server.hosted().control(), &control_url)?,
        control_url,
        server,
    })
}

impl Appliance {
    /// A user picks a Jump Item. Gives the session's id.
    ///
    /// # Errors
    /// When the appliance knows no such user or Jump Item.
    pub async fn begin(&self, user: &str, item: &str) -> Result<SessionId, ConsoleError> {
        self.server.begin_session(user, item).await
    }

    /// The list behind the key icon.
    ///
    /// # Errors
    /// What the console shows instead of it.
    pub async fn list(&self, session: &SessionId) -> Result<Vec<Entry>, Refusal> {
        let found = self
            .server
            .find_credentials(session)
            .await
            .map_err(refusal)?;
        let entry = |summary: mock_appliance::CredentialSummary| Entry {
            credential_id: summary.credential_id,
            display_value: summary.display_value,
        };
        Ok(found.into_iter().map(entry).collect())
    }

    /// The External Jump Items that a search shows, by the vault's id and the name.
    ///
    /// # Errors
    /// What the console shows instead of them.
    pub async fn search(&self, user: &str, query: &str) -> Result<Vec<Entry>, Refusal> {
        let found = self.server.find_endpoints(user, query, None).await;
        let entry = |item: mock_appliance::ExternalJumpItem| Entry {
            credential_id: item.endpoint.external_id,
            display_value: item.endpoint.name,
        };
        Ok(found.map_err(refusal)?.into_iter().map(entry).collect())
    }

    /// The user picks an entry; the credential goes into the session.
    ///
    /// # Errors
    /// What the console shows instead.
    pub async fn inject(
        &self,
        session: &SessionId,
        credential_id: &str,
    ) -> Result<Injected, Refusal> {
        self.server
            .inject(session, credential_id)
            .await
            .map(Injected)
            .map_err(refusal)
    }

    /// The session ends; what it used is given back in the background.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn end(&self, session: &SessionId) -> Result<(), ConsoleError> {
        self.server.end_session(session).await
    }

    /// Waits until nothing that the session used is owed any more.
    pub async fn wait_released(&self, session: &SessionId, patience: Duration) -> bool {
        self.server.wait_released(session, patience).await
    }

    /// The connected ECMs, the longest connected first.
    #[must_use]
    pub fn ecm_clients(&self) -> Vec<EcmClient> {
        let client = |ecm: mock_appliance::state::ecms::EcmClient| EcmClient {
            connection: ecm.connection.to_string(),
            ecm_group: ecm.group,
            hostname: ecm.announced.map(|said| said.hostname).unwrap_or_default(),
        };
        self.server.ecm_clients().into_iter().map(client).collect()
    }

    /// What went down the link for a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn hops(&self, session: &SessionId) -> Result<Vec<LinkHop>, ConsoleError> {
        let hop = |hop: mock_appliance::state::sessions::Hop| LinkHop {
            request: hop.request.to_owned(),
            connection: hop.connection,
            sent_at_us: hop.sent_at_us,
            answered_at_us: hop.answered_at_us,
        };
        Ok(self
            .server
            .session(session)?
            .hops
            .into_iter()
            .map(hop)
            .collect())
    }
}

/// A credential that went into a session: what can be asked about it.
#[derive(Clone, Debug)]
pub struct Injected(Injection);

impl Injected {
    /// `username_password` or `ssh_key`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.kind.as_str()
    }

    /// The user name with all but its ends hidden.
    #[must_use]
    pub fn masked_username(&self) -> &str {
        &self.0.masked_username
    }

    /// The domain, which is no secret.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.0.domain.as_deref()
    }

    /// A fingerprint that only this appliance can make.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    /// Whether the user name is this one.
    #[must_use]
    pub fn is_for(&self, username: &str) -> bool {
        self.0.matches_part(Part::Username, username.as_bytes())
    }

    /// Whether the password, or the private key, is exactly this.
    #[must_use]
    pub fn is(&self, secret: &str) -> bool {
        self.0.matches(secret.as_bytes())
    }
}

fn refusal(error: ConsoleError) -> Refusal {
    let message = error.to_string();
    match error {
        ConsoleError::Link(LinkError::Refused(problem)) => Refusal {
            category: problem.category,
            message: problem.message,
            action_url: problem.action_url,
        },
        ConsoleError::Link(link) => Refusal {
            category: link.category().to_owned(),
            message,
            action_url: None,
        },
        _ => Refusal {
            category: "appliance".to_owned(),
            message,
            action_url: None,
        },
    }
}
