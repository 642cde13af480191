//! Who speaks with the vault: the API account's token, the token of the user on whose behalf the
//! call is made, and one new log-on when a token dies on the way (documented soap:§3.2, §3.11).

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::{CallError, Client};
use super::refusals::{self, Delegation};
use super::settings::Settings;
use crate::clock::Clock;
use crate::diagnosis::Symptom;
use crate::error::{Hop, PluginError};
use crate::identity::{self, Candidate, LeftOut, Mapping};
use crate::plugin::Session;
use crate::secret::Secret;
use crate::token_cache::{CachedToken, TokenCache, TokenKey, issued_not_before};
use crate::trace::{Step, Trace};

/// Everything that calls share.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) settings: Arc<Settings>,
    pub(super) client: Client,
    tokens: TokenCache,
    clock: Arc<dyn Clock>,
}

/// One request of the appliance: on whose behalf, and what was already tried.
pub(super) struct Errand {
    pub(super) mapping: Mapping,
    pub(super) trace: Trace,
    key: TokenKey,
    /// The token that was refused and replaced during this errand.
    replaced: Mutex<Option<Secret>>,
}

impl Conversation {
    pub(super) fn new(
        settings: Settings,
        tokens: TokenCache,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PluginError> {
        let settings = Arc::new(settings);
        let client = Client::new(Arc::clone(&settings), Arc::clone(&clock))?;
        Ok(Self {
            settings,
            client,
            tokens,
            clock,
        })
    }

    /// Begins an errand for the session's user.
    pub(super) fn errand(&self, session: &Session, trace: Trace) -> Result<Errand, PluginError> {
        let user = &session.user;
        let mapping = identity::candidates(
            &user.username,
            user.distinguished_name.as_deref(),
            &self.settings.mapping,
        );
        for left_out in &mapping.left_out {
            trace.add(Step::UserLeftOut(left_out.clone()));
        }
        if mapping.candidates.is_empty() {
            return Err(Symptom::NoUserName.at(Hop::Ecm, ""));
        }
        let users = mapping.candidates.iter().map(account_name).collect();
        let key = TokenKey {
            vault: self.vault(),
            users,
        };
        Ok(Errand {
            mapping,
            trace,
            key,
            replaced: Mutex::default(),
        })
    }

    /// Makes `call` with the user's token, and once more with a new one if the first was dead.
    pub(super) async fn as_user<T, F>(
        self: &Arc<Self>,
        errand: &Errand,
        call: impl Fn(Secret) -> F,
    ) -> Result<T, PluginError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        for _ in 0..2 {
            let token = self.user_token(errand).await?.token;
            match call(token.clone()).await {
                Ok(done) => return Ok(done),
                Err(CallError::Failed(error)) => return Err(error),
                Err(CallError::DeadToken) if errand.may_replace(&token) => {
                    tracing::info!("the vault refuses the user's cached token; asking for another");
                    errand.trace.add(Step::TokenReplaced);
                    self.tokens.forget(&errand.key, &token);
                }
                Err(CallError::DeadToken) => break,
            }
        }
        Err(self.refused_twice("ImpersonateUser"))
    }

    /// The API account's token: from the cache, or from one Authenticate that all who wait share.
    pub(super) async fn api_token(self: &Arc<Self>) -> Result<CachedToken, PluginError> {
        let load = || {
            let conversation = Arc::clone(self);
            async move {
                let token = conversation.client.authenticate().await?;
                let user = api_account(&conversation.settings);
                Ok(CachedToken {
                    token,
                    user,
                    issued_at: conversation.clock.now(),
                })
            }
        };
        self.tokens
            .get_or_load(&self.api_key(), self.not_before(), load)
            .await
    }

    pub(super) fn forget_api_token(&self, refused: &Secret) {
        self.tokens.forget(&self.api_key(), refused);
    }

    async fn user_token(self: &Arc<Self>, errand: &Errand) -> Result<CachedToken, PluginError> {
        let load = || {
            let conversation = Arc::clone(self);
            let candidates = errand.mapping.candidates.clone();
            let trace = errand.trace.clone();
            async move { conversation.impersonate(&candidates, &trace).await }
        };
        let found = self
            .tokens
            .get_or_load(&errand.key, self.not_before(), load)
            .await?;
        errand.trace.set_user(&found.user);
        Ok(found)
    }

    /// Tries the candidates in order and stops at the first that the vault recognises.
    async fn impersonate(
        self: Arc<Self>,
        candidates: &[Candidate],
        trace: &Trace,
    ) -> Result<CachedToken, PluginError> {
        let mut last = None;
        for (at, candidate) in candidates.iter().enumerate() {
            let not_tried = |why| {
                for rest in &candidates[at + 1..] {
                    trace.add(Step::UserLeftOut(LeftOut::new(rest.to_string(), why)));
                }
            };
            let name = account_name(candidate);
            let reply = match self.impersonate_one(candidate).await {
                Ok(reply) => reply,
                Err(error) => {
                    trace.add(Step::user(candidate, &error.message));
                    return Err(error);
                }
            };
            if let Some(token) = reply.token {
                trace.add(Step::user(candidate, "recognised"));
                not_tried("an earlier one was recognised");
                let issued_at = self.clock.now();
                return Ok(CachedToken {
                    token,
                    user: name,
                    issued_at,
                });
            }
            match refusals::delegation(&reply, &name) {
                Delegation::Refused(error) => {
                    tracing::info!(user = %name, "{error}");
                    trace.add(Step::user(candidate, &error.message));
                    not_tried("the vault's answer for an earlier one is final");
                    return Err(error);
                }
                Delegation::NotRecognised(error) => {
                    tracing::info!(user = %name, reason = %candidate.reason, "{error}");
                    let words = error.vault_said.as_deref().unwrap_or("no reason given");
                    trace.add(Step::user(candidate, &format!("not recognised ({words})")));
                    last = Some(error);
                }
            }
        }
        let tried: Vec<_> = candidates.iter().map(account_name).collect();
        let mut error = last.unwrap_or_else(|| Symptom::NoUserName.at(Hop::Ecm, ""));
        if error.symptom == Some(Symptom::UserNotRecognised) {
            let words = error.vault_said.take().unwrap_or_default();
            let rules = &self.settings.mapping;
            error = refusals::nobody_recognised(candidates, &tried, rules, &words);
        }
        Err(error)
    }

    /// ImpersonateUser with the API token, and once more with a new one if the first was dead.
    async fn impersonate_one(
        self: &Arc<Self>,
        candidate: &Candidate,
    ) -> Result<super::wire::TokenReply, PluginError> {
        for _ in 0..2 {
            let token = self.api_token().await?.token;
            match self.client.impersonate_user(&token, candidate).await {
                Ok(reply) => return Ok(reply),
                Err(CallError::Failed(error)) => return Err(error),
                Err(CallError::DeadToken) => {
                    tracing::info!("the vault refuses the API account's cached token; logging on");
                    self.forget_api_token(&token);
                }
            }
        }
        Err(self.refused_twice("Authenticate"))
    }

    /// The failure to get a token from `operation` that the vault accepts.
    fn refused_twice(&self, operation: &'static str) -> PluginError {
        self.client
            .with_clocks(Symptom::TokenRefusedTwice.at(Hop::Vault(operation), ""))
    }

    fn not_before(&self) -> Option<jiff::Timestamp> {
        issued_not_before(self.clock.now(), self.settings.token_lifetime)
    }

    fn api_key(&self) -> TokenKey {
        TokenKey {
            vault: self.vault(),
            users: Vec::new(),
        }
    }

    /// Everything that decides whose token the vault would give.
    fn vault(&self) -> String {
        let settings = &self.settings;
        let parts = [
            settings.endpoint.as_str(),
            &settings.api_domain,
            &settings.api_user,
            &settings.api_organization,
            settings.user_organization(),
        ];
        parts.join("\n")
    }
}

impl Errand {
    /// Whether a refused token may be replaced: once for each errand, but calls that run together
    /// and are refused together count as one.
    fn may_replace(&self, refused: &Secret) -> bool {
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        match &*replaced {
            Some(before) => before == refused,
            None => {
                *replaced = Some(refused.clone());
                true
            }
        }
    }
}

/// The API account as `ecm clear-token-cache --user` may name it.
fn api_account(settings: &Settings) -> String {
    match settings.api_domain.as_str() {
        "" => settings.api_user.clone(),
        domain => format!("{domain}\\{}", settings.api_user),
    }
}

fn account_name(candidate: &Candidate) -> String {
    match &candidate.domain {
        Some(domain) => format!("{domain}\\{}", candidate.username),
        None => candidate.username.clone(),
    }
}
