//! The Password Safe plugin, over BeyondInsight's public API v3.
//!
//! The console user is the caller: one registration key signs in anybody who is named in `runas`
//! (documented psafe:§4.7), and the vault shows and releases what that user's roles allow. SignAppin
//! opens a session that is kept; ManagedAccounts makes the list; Requests and Credentials fetch one
//! entry; Checkin gives it back at session end, never earlier, since it may rotate the password.
//! A list costs one round trip warm and two cold, a fetch two warm and three cold.

mod check_in;
mod client;
mod conversation;
mod credential_id;
mod fetch;
mod listing;
mod releases;
mod sessions;
pub mod settings;
mod systems;
mod trouble;
mod wire;

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use self::client::{Call, CallError, Client};
use self::conversation::Conversation;
use self::credential_id::CredentialId;
use self::fetch::Exchange;
use self::releases::{Holder, Releases};
use self::sessions::Sessions;
use self::settings::Settings;
use self::systems::{Platforms, Wanted};
use crate::clock::Clock;
use crate::endpoint::search_terms;
use crate::error::PluginError;
use crate::plugin::{
    Capabilities, CredentialPackage, CredentialSummary, Endpoint, EndpointType, ExplainFuture,
    Health, Plugin, PluginFuture, Session,
};
use crate::token_cache::{Companion, TokenCache};
use crate::trace::{ExplainedLookup, Step, Trace};

/// The plugin. Clones share its connections and sessions.
#[derive(Clone)]
pub struct PasswordSafe {
    vault: Arc<Vault>,
}

struct Vault {
    settings: Settings,
    sessions: Sessions,
    releases: Releases,
    platforms: Platforms,
    clock: Arc<dyn Clock>,
}

impl PasswordSafe {
    /// Makes the plugin; nothing is sent yet. Its sessions are kept in memory, counted and forgotten
    /// with `tokens`.
    ///
    /// # Errors
    /// The CA file cannot be used, or no authority is there to trust.
    pub fn new(
        settings: Settings,
        tokens: &TokenCache,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PluginError> {
        let client = Client::new(&settings, Arc::clone(&clock))?;
        let idle = settings.session_idle;
        let sessions = Sessions::new(client, Arc::clone(&clock), idle, Companion::of(tokens));
        let (releases, platforms) = (Releases::default(), Platforms::default());
        let vault = Vault {
            settings,
            sessions,
            releases,
            platforms,
            clock,
        };
        Ok(Self {
            vault: Arc::new(vault),
        })
    }
}

impl fmt::Debug for PasswordSafe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PasswordSafe")
            .field("settings", &self.vault.settings)
            .finish_non_exhaustive()
    }
}

impl Plugin for PasswordSafe {
    fn name(&self) -> &str {
        "Password Safe"
    }

    fn description(&self) -> &str {
        "BeyondTrust Password Safe, over its public API v3"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            credentials_used: true,
            endpoint_search: true,
            health_check: true,
            // By it a request that nobody approved is given back: see `check_in`.
            session_complete: true,
            ..Capabilities::default()
        }
    }

    /// Every wait is a future's, and long answers are read on threads that may block.
    fn may_block(&self) -> bool {
        false
    }

    fn vault_url(&self) -> &str {
        self.vault.settings.endpoint.as_str()
    }

    fn vault_users(&self, session: &Session) -> Vec<String> {
        session.user.vault_users(&self.vault.settings.mapping)
    }

    fn health(&self) -> PluginFuture<'_, Health> {
        Box::pin(async {
            Ok(match self.vault.check().await {
                Ok(detail) => Health {
                    healthy: true,
                    detail,
                },
                Err(error) => Health {
                    healthy: false,
                    detail: format!("{error}; {}", error.next_action),
                },
            })
        })
    }

    fn find_credentials<'a>(
        &'a self,
        session: &'a Session,
    ) -> PluginFuture<'a, Vec<CredentialSummary>> {
        Box::pin(self.vault.find_credentials(session, Trace::default()))
    }

    fn explain_find<'a>(&'a self, session: &'a Session) -> ExplainFuture<'a> {
        Box::pin(async move {
            let trace = Trace::default();
            let result = self.vault.find_credentials(session, trace.clone()).await;
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
        Box::pin(async move { self.vault.exchange(session, credential_id)?.fetch().await })
    }

    fn release_credential<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &'a str,
        _ended_at_unix: i64,
    ) -> PluginFuture<'a, ()> {
        Box::pin(async move { self.vault.exchange(session, credential_id)?.release().await })
    }

    /// The ECM gives back what the session asked for, release by release; nothing else is to do.
    fn session_complete<'a>(&'a self, _session: &'a Session) -> PluginFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn find_endpoints<'a>(
        &'a self,
        session: &'a Session,
        types: &'a [EndpointType],
        query: &'a str,
        most_recently_used: Option<u32>,
    ) -> PluginFuture<'a, Vec<Endpoint>> {
        let wanted = Wanted {
            types,
            text: query,
            most_recently_used,
        };
        Box::pin(self.vault.find_endpoints(session, wanted))
    }
}

impl Vault {
    async fn user(&self, session: &Session, trace: Trace) -> Result<Conversation<'_>, PluginError> {
        Conversation::of_console_user(&self.sessions, &self.settings, &session.user, trace).await
    }

    async fn find_credentials(
        &self,
        session: &Session,
        trace: Trace,
    ) -> Result<Vec<CredentialSummary>, PluginError> {
        let plan = search_terms(&session.jump_item, &self.settings.endpoints);
        let searches = listing::searches(session.jump_item.item_type, &plan);
        if searches.is_empty() {
            return Ok(Vec::new());
        }
        let user = self.user(session, trace.clone()).await?;
        for left_out in plan.left_out {
            trace.add(Step::TermLeftOut(left_out));
        }
        listing::list(&user, &searches, self.settings.results_max).await
    }

    async fn find_endpoints(
        &self,
        session: &Session,
        wanted: Wanted<'_>,
    ) -> Result<Vec<Endpoint>, PluginError> {
        let user = self.user(session, Trace::default()).await?;
        systems::find(&user, &wanted, &self.platforms, self.clock.now()).await
    }

    fn exchange<'a>(
        &'a self,
        session: &'a Session,
        credential_id: &str,
    ) -> Result<Exchange<'a>, PluginError> {
        Ok(Exchange {
            sessions: &self.sessions,
            settings: &self.settings,
            releases: &self.releases,
            session,
            id: CredentialId::parse(credential_id)?,
            holder: Holder {
                session_id: session.session_id.clone(),
                credential_id: credential_id.to_owned(),
            },
            now: self.clock.now(),
        })
    }

    /// Whether the API answers and, as far as that can be known without a user, takes the key.
    async fn check(&self) -> Result<String, PluginError> {
        let call = Call::get("Configuration/Version", "Configuration/Version", &[]);
        let client = self.sessions.client();
        match client.call(call, None).await {
            Ok(_) => {}
            // Nobody is signed in, and it is the API that says so.
            Err(CallError::Refused(no))
                if matches!(no.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {}
            Err(CallError::Refused(no)) => return Err(client.refusal_of_fixed_call(&no)),
            Err(CallError::Failed(error)) => return Err(error),
        }
        if let Some(name) = &self.settings.global_approver {
            Conversation::of_approver(&self.sessions, name).await?;
        }
        Ok(if self.sessions.key_proved() {
            "the API answers and accepts the registration key".into()
        } else {
            "the API answers; the registration key is proved when the first user signs in".into()
        })
    }
}
