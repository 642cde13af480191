//! The Secret Server plugin: the sequence that Delinea documents for this integration (documented
//! soap:§3.11) over the SOAP interface.
//!
//! Authenticate and ImpersonateUser give tokens that are cached; SearchSecretsByFieldValue makes
//! the list; GetSecret and DownloadFileAttachmentByItemId fetch one entry; CheckIn gives it back.
//! A warm list costs one round trip, a cold one three, a retrieval one, or two with attachments.

mod client;
mod conversation;
mod lookup;
mod package;
mod raw;
mod refusals;
mod retrieval;
pub mod settings;
mod validity;
mod wire;
mod xml;

use std::fmt;
use std::sync::Arc;

use self::conversation::Conversation;
use self::settings::Settings;
use crate::clock::Clock;
use crate::error::PluginError;
use crate::plugin::{
    Capabilities, CredentialPackage, CredentialSummary, ExplainFuture, Health, Plugin,
    PluginFuture, Session,
};
use crate::token_cache::TokenCache;
use crate::trace::{ExplainedLookup, Trace};

/// The plugin. Clones share its connections and tokens.
#[derive(Clone)]
pub struct SecretServer {
    conversation: Arc<Conversation>,
}

impl SecretServer {
    /// Makes the plugin; nothing is sent yet.
    ///
    /// # Errors
    /// The CA file cannot be used, or no authority is there to trust.
    pub fn new(
        settings: Settings,
        tokens: TokenCache,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PluginError> {
        let conversation = Arc::new(Conversation::new(settings, tokens, clock)?);
        Ok(Self { conversation })
    }

    async fn find(
        &self,
        session: &Session,
        trace: Trace,
    ) -> Result<Vec<CredentialSummary>, PluginError> {
        let errand = self.conversation.errand(session, trace)?;
        lookup::find(&self.conversation, &errand, &session.jump_item).await
    }

    async fn check(&self) -> Result<bool, PluginError> {
        let token = self.conversation.api_token().await?.token;
        if self.conversation.client.get_token_is_valid(&token).await? {
            return Ok(true);
        }
        self.conversation.forget_api_token(&token);
        let token = self.conversation.api_token().await?.token;
        self.conversation.client.get_token_is_valid(&token).await
    }
}

impl fmt::Debug for SecretServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SecretServer")
            .field("endpoint", &self.conversation.settings.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

impl Plugin for SecretServer {
    fn name(&self) -> &str {
        "Secret Server"
    }

    fn description(&self) -> &str {
        "Credentials from Delinea Secret Server by its SOAP interface"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            credentials_used: true,
            health_check: true,
            ..Capabilities::default()
        }
    }

    /// Every wait is a future's, and long answers are read on threads that may block.
    fn may_block(&self) -> bool {
        false
    }

    fn vault_url(&self) -> &str {
        self.conversation.settings.endpoint.as_str()
    }

    fn vault_users(&self, session: &Session) -> Vec<String> {
        session
            .user
            .vault_users(&self.conversation.settings.mapping)
    }

    fn health(&self) -> PluginFuture<'_, Health> {
        Box::pin(async {
            let account = &self.conversation.settings.api_user;
            let (healthy, detail) = match self.check().await {
                Ok(true) => (true, format!("the vault accepts the API account {account}")),
                Ok(false) => (
                    false,
                    "the vault refuses a token that it has just issued".into(),
                ),
                Err(error) => (false, format!("{error}; {}", error.next_action)),
            };
            Ok(Health { healthy, detail })
        })
    }

    fn find_credentials<'a>(
        &'a self,
        session: &'a Session,
    ) -> PluginFuture<'a, Vec<CredentialSummary>> {
        Box::pin(self.find(session, Trace::default()))
    }

    fn explain_find<'a>(&'a self, session: &'a Session) -> ExplainFuture<'a> {
        Box::pin(async move {
            let trace = Trace::default();
            let result = self.find(session, trace.clone()).await;
            ExplainedLookup {
                result,
                steps: trace.take_steps(),
                vault_user: trace.user(),
            }
        })
    }

    fn get_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
    ) -> PluginFuture<'a, CredentialPackage> {
        Box::pin(async move {
            let errand = self.conversation.errand(session, Trace::default())?;
            retrieval::get(&self.conversation, &errand, session, credential_id).await
        })
    }

    fn release_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
        _ended_at_unix: i64,
    ) -> PluginFuture<'a, ()> {
        Box::pin(async move {
            let errand = self.conversation.errand(session, Trace::default())?;
            retrieval::release(&self.conversation, &errand, credential_id).await
        })
    }
}
