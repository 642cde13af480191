//! The seam between the ECM and a vault: the calls of the vendor's SDK under our own names.
//!
//! Provenance: the member list is `vendor-client ecm:§2.2`; fields that no public text shows are
//! `assumed ecm:§2.3`. Every call is guarded by capability, deadline and panic boundary, and runs on
//! a thread of its own if it may block, so a plugin that misbehaves harms only the request that it
//! was serving.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::error::PluginError;
use crate::identity::{MappingRules, candidates};
use crate::secret::Secret;
use crate::trace::ExplainedLookup;

/// The future of one plugin call; boxed, so that a plugin can be held as `Arc<dyn Plugin>`.
pub type PluginFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PluginError>> + Send + 'a>>;

/// The future of an explained look-up, which always has an answer.
pub type ExplainFuture<'a> = Pin<Box<dyn Future<Output = ExplainedLookup> + Send + 'a>>;

/// A vault integration. Every call is independent of every other and may run beside it.
pub trait Plugin: Send + Sync {
    /// Short name shown on the appliance's ECM Clients page.
    fn name(&self) -> &str;

    /// One sentence about what the plugin reaches.
    fn description(&self) -> &str;

    /// The plugin's own version.
    fn version(&self) -> &str;

    /// Which optional calls the plugin serves.
    fn capabilities(&self) -> Capabilities;

    /// Whether a call may keep its thread for long: by waiting in any other way than by a future, or
    /// by computing. Each call has a thread of its own then, and goes there and back at every step.
    fn may_block(&self) -> bool {
        true
    }

    /// Where the vault is, for log lines; empty if there is nothing to say.
    fn vault_url(&self) -> &str {
        ""
    }

    /// The vault users on whose behalf the session's calls may be made, most likely first, from
    /// what is known without asking the vault. Two sessions with one in common may hold the same
    /// check-out.
    fn vault_users(&self, session: &Session) -> Vec<String> {
        vec![session.user.username.clone()]
    }

    /// Whether the vault can be reached and accepts the plugin's account.
    ///
    /// # Errors
    /// Only when the check itself could not be done; an ill vault is a [`Health`] that says so.
    fn health(&self) -> PluginFuture<'_, Health>;

    /// The credentials that the session's user may use on its Jump Item. An empty list is a
    /// success.
    fn find_credentials<'a>(
        &'a self,
        session: &'a Session,
    ) -> PluginFuture<'a, Vec<CredentialSummary>>;

    /// [`Plugin::find_credentials`] with the steps that led to its answer; a plugin that keeps no
    /// account of them answers without.
    fn explain_find<'a>(&'a self, session: &'a Session) -> ExplainFuture<'a> {
        Box::pin(async move {
            let result = self.find_credentials(session).await;
            ExplainedLookup {
                result,
                steps: Vec::new(),
                vault_user: None,
            }
        })
    }

    /// The credential of one entry of the list. It may be checked out afterwards, so a release is
    /// owed as soon as this is called, whatever it answers.
    fn get_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
    ) -> PluginFuture<'a, CredentialPackage>;

    /// Gives a credential back at session end (`ended_at_unix`, seconds). A repeat is a success.
    fn release_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
        ended_at_unix: i64,
    ) -> PluginFuture<'a, ()>;

    /// External Jump Items that match `query`, or the `most_recently_used` ones.
    fn find_endpoints<'a>(
        &'a self,
        _session: &'a Session,
        _types: &'a [EndpointType],
        _query: &'a str,
        _most_recently_used: Option<u32>,
    ) -> PluginFuture<'a, Vec<Endpoint>> {
        Box::pin(async { Err(PluginError::unsupported("endpoint search")) })
    }

    /// Lets the plugin start the session itself.
    fn start_session<'a>(
        &'a self,
        _session: &'a Session,
        _credential_id: &'a str,
    ) -> PluginFuture<'a, ()> {
        Box::pin(async { Err(PluginError::unsupported("starting a session")) })
    }

    /// Tells the plugin that a session began, with a link to its history that is valid for
    /// `history_url_expiry_s` seconds.
    fn session_started<'a>(
        &'a self,
        _session: &'a Session,
        _history_url: Option<&'a str>,
        _history_url_expiry_s: Option<u64>,
    ) -> PluginFuture<'a, ()> {
        Box::pin(async { Err(PluginError::unsupported("notice of a session's start")) })
    }

    /// Tells the plugin that a session ended.
    fn session_complete<'a>(&'a self, _session: &'a Session) -> PluginFuture<'a, ()> {
        Box::pin(async { Err(PluginError::unsupported("notice of a session's end")) })
    }
}

/// The six flags that a plugin announces (`vendor-client ecm:§2.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `release_credential` is served (assumed to be what `SupportsCredentialsUsed` gates).
    pub credentials_used: bool,
    /// `find_endpoints` is served.
    pub endpoint_search: bool,
    /// `health` is served.
    pub health_check: bool,
    /// `session_complete` is served.
    pub session_complete: bool,
    /// `session_started` is served.
    pub session_started: bool,
    /// `start_session` is served.
    pub start_session: bool,
}

/// The answer of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether a look-up would have a chance.
    pub healthy: bool,
    /// One line for an administrator.
    pub detail: String,
}

/// What the appliance tells about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The appliance's id of the session.
    pub session_id: String,
    /// Which product asks.
    pub product: Product,
    /// Who sits at the console.
    pub user: User,
    /// What the user wants to reach.
    pub jump_item: JumpItem,
}

/// The product behind the appliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// Privileged Remote Access.
    Pra,
    /// Remote Support.
    Rs,
}

/// The console user as the appliance's security provider knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Bare (`joe.user`), down-level (`ACME\joe.user`) or UPN (`joe.user@acme-inc.com`).
    pub username: String,
    /// Filled by LDAP providers, for example `uid=joe.user,ou=HelpDesk,dc=acme-inc,dc=com`.
    pub distinguished_name: Option<String>,
    /// For people to read.
    pub display_name: Option<String>,
    /// The kind of security provider, for example `ldap`.
    pub provider_type: Option<String>,
}

impl User {
    /// The vault users that this one may be, most likely first.
    #[must_use]
    pub fn vault_users(&self, rules: &MappingRules) -> Vec<String> {
        let mapping = candidates(&self.username, self.distinguished_name.as_deref(), rules);
        mapping.candidates.iter().map(ToString::to_string).collect()
    }
}

/// What the user wants to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JumpItem {
    /// Its kind, which decides what else is filled.
    pub item_type: JumpItemType,
    /// The name shown in the console.
    pub name: String,
    /// Host name or IP address; absent for a Web Jump.
    pub hostname: Option<String>,
    /// The address of a Web Jump.
    pub url: Option<String>,
    /// Public and private addresses that a Jump Client reported.
    pub additional_ips: Vec<String>,
    /// The application of an RDP + SecureApp item.
    pub application_name: Option<String>,
    /// The port, when the item has its own.
    pub port: Option<u16>,
    /// The Jump Group that the item belongs to.
    pub jump_group: Option<String>,
    /// The item's tag.
    pub tag: Option<String>,
}

impl JumpItem {
    /// An item of `item_type` called `name`, with nothing else known about it.
    #[must_use]
    pub fn new(item_type: JumpItemType, name: impl Into<String>) -> Self {
        Self {
            item_type,
            name: name.into(),
            hostname: None,
            url: None,
            additional_ips: Vec::new(),
            application_name: None,
            port: None,
            jump_group: None,
            tag: None,
        }
    }
}

/// The kinds of Jump Item (`documented ecm:§2.5`; the names on the link are our own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JumpItemType {
    /// An installed client that reports its host name and addresses.
    JumpClient,
    /// A host reached through a Jumpoint.
    RemoteJump,
    /// A host on the console user's own network.
    LocalJump,
    /// RDP through a Jumpoint.
    RemoteRdp,
    /// RDP on the console user's own network.
    LocalRdp,
    /// RDP that starts one application (PRA).
    SecureApp,
    /// VNC through a Jumpoint.
    RemoteVnc,
    /// VNC on the console user's own network.
    LocalVnc,
    /// SSH or Telnet.
    ShellJump,
    /// A web page (PRA).
    WebJump,
    /// A TCP, database or Kubernetes tunnel (PRA).
    ProtocolTunnel,
    /// Intel vPro (RS).
    Vpro,
    /// RDP to a host found by endpoint search.
    ExternalRdp,
    /// SSH to a host found by endpoint search.
    ExternalShell,
}

impl JumpItemType {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::JumpClient,
        Self::RemoteJump,
        Self::LocalJump,
        Self::RemoteRdp,
        Self::LocalRdp,
        Self::SecureApp,
        Self::RemoteVnc,
        Self::LocalVnc,
        Self::ShellJump,
        Self::WebJump,
        Self::ProtocolTunnel,
        Self::Vpro,
        Self::ExternalRdp,
        Self::ExternalShell,
    ];

    /// The name on the link and on the command line, for example `remote_rdp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JumpClient => "jump_client",
            Self::RemoteJump => "remote_jump",
            Self::LocalJump => "local_jump",
            Self::RemoteRdp => "remote_rdp",
            Self::LocalRdp => "local_rdp",
            Self::SecureApp => "secure_app",
            Self::RemoteVnc => "remote_vnc",
            Self::LocalVnc => "local_vnc",
            Self::ShellJump => "shell_jump",
            Self::WebJump => "web_jump",
            Self::ProtocolTunnel => "protocol_tunnel",
            Self::Vpro => "vpro",
            Self::ExternalRdp => "external_rdp",
            Self::ExternalShell => "external_shell",
        }
    }

    /// The type of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for JumpItemType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// One entry of the list behind the console's key icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSummary {
    /// What the appliance hands back to fetch this entry.
    pub credential_id: String,
    /// What the user reads.
    pub display_value: String,
}

/// A credential on its way into a session. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialPackage {
    /// The account's name.
    pub username: String,
    /// The account's domain, when it has one.
    pub domain: Option<String>,
    /// What proves the account.
    pub proof: CredentialProof,
}

/// What proves an account, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialProof {
    /// A password.
    UsernamePassword {
        /// The password.
        password: Secret,
    },
    /// An SSH key.
    SshKey {
        /// The private key, in the text form that the vault keeps.
        private_key: Secret,
        /// The key's passphrase.
        passphrase: Option<Secret>,
        /// A certificate or public key that goes with it.
        certificate: Option<Secret>,
        /// A password of the same account.
        password: Option<Secret>,
    },
}

impl CredentialProof {
    /// The kind's name on the link.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::UsernamePassword { .. } => "username_password",
            Self::SshKey { .. } => "ssh_key",
        }
    }
}

/// The kinds of endpoint that a search may return (`assumed ecm:§2.3`: RDP and shell only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointType {
    /// Reached by RDP.
    Rdp,
    /// Reached by SSH.
    Shell,
}

impl EndpointType {
    /// The name on the link.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rdp => "rdp",
            Self::Shell => "shell",
        }
    }

    /// The type of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rdp, Self::Shell]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One result of an endpoint search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The vault's id of the system.
    pub external_id: String,
    /// What the user reads.
    pub name: String,
    /// Where it is reached.
    pub hostname: String,
    /// How it is reached.
    pub endpoint_type: EndpointType,
    /// The port, when not the usual one.
    pub port: Option<u16>,
    /// Free text.
    pub comments: Option<String>,
    /// The network that it belongs to.
    pub network_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_item_type_is_found_by_its_name() {
        for kind in JumpItemType::ALL {
            assert_eq!(JumpItemType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(JumpItemType::from_name("Remote_RDP"), None);
    }

    #[test]
    fn a_package_is_debugged_without_its_secrets() {
        let package = CredentialPackage {
            username: "root".into(),
            domain: None,
            proof: CredentialProof::SshKey {
                private_key: "canary-key".into(),
                passphrase: Some("canary-phrase".into()),
                certificate: None,
                password: Some("canary-word".into()),
            },
        };
        assert!(!format!("{package:?}").contains("canary"));
    }
}
