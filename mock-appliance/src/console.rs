//! What users of the access console do: pick a Jump Item, look at the list behind the key icon,
//! inject, end the session (sra:§6).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::injection::{CredentialKind, Injection, PlaintextError};
use crate::link::request::{Ask, Served};
use crate::link::{LinkCounters, LinkError};
use crate::seal::{BoundTo, SealError};
use crate::secret::Secret;
use crate::site::Site;
use crate::state::accounts::{ClientId, UnknownAccount};
use crate::state::directory::{ConsoleUser, JumpItem, JumpItemType, NotInDirectory};
use crate::state::ecms::EcmClient;
use crate::state::releases::{Release, ReleaseKey};
use crate::state::sessions::{
    CredentialSummary, InjectionRecord, Session, SessionError, SessionEvent, SessionId,
};
use crate::wire::{
    Answer, Endpoint, FindEndpoints, GetCredential, Health, InSession, NoMore, Package,
    SessionFrame, SessionStarted, ToEcm,
};

/// Seconds for which the address of a session's history works (assumed).
const HISTORY_URL_EXPIRY_S: u64 = 3600;

/// The appliance as its users and its administrator see it. Clones are the same appliance.
#[derive(Clone)]
pub struct Console {
    pub(crate) site: Arc<Site>,
}

/// Why something at the console failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// No such user or Jump Item.
    #[error(transparent)]
    Directory(#[from] NotInDirectory),
    /// The session does not allow it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The ECM could not be asked, or had no answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The credential did not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The credential opened and was not usable.
    #[error(transparent)]
    Plaintext(#[from] PlaintextError),
    /// The search for External Jump Items is off.
    #[error("\"Allow Search for External Jump Items\" is off; set external_search in the lab")]
    ExternalSearchOff,
}

/// An External Jump Item as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalJumpItem {
    /// What the ECM found.
    pub endpoint: Endpoint,
    /// The Jump Item that it becomes when it is picked.
    pub jump_item: JumpItem,
    /// What stands in the column "Comments".
    pub comments: String,
}

/// No ECM was welcomed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no ECM connected within {} ms", .0.as_millis())]
pub struct NoEcmInTime(pub Duration);

impl Console {
    /// A user picks a Jump Item.
    ///
    /// # Errors
    /// When there is no such user or Jump Item, or too many sessions run.
    pub async fn begin_session(
        &self,
        username: &str,
        jump_item: &str,
    ) -> Result<SessionId, ConsoleError> {
        let (user, item) = {
            let state = self.site.state();
            (
                state.directory.user(username)?.clone(),
                state.directory.jump_item(jump_item)?.clone(),
            )
        };
        self.begin(user, item)
    }

    /// A user picks an External Jump Item from a list that [`Console::find_endpoints`] gave.
    ///
    /// # Errors
    /// When there is no such user, or too many sessions run.
    pub async fn begin_external_session(
        &self,
        username: &str,
        picked: &ExternalJumpItem,
    ) -> Result<SessionId, ConsoleError> {
        let user = self.site.state().directory.user(username)?.clone();
        self.begin(user, picked.jump_item.clone())
    }

    fn begin(&self, user: ConsoleUser, item: JumpItem) -> Result<SessionId, ConsoleError> {
        let now = self.site.now();
        let (lsid, id) = {
            let lsid = self.site.random.lsid();
            let mut state = self.site.state();
            let group = state.directory.ecm_group(&item).to_owned();
            (
                lsid.clone(),
                state.sessions.begin(user, item, group, lsid, now)?,
            )
        };
        let site = Arc::clone(&self.site);
        self.site.background.spawn(async move {
            let history_url = format!("/login/session/{lsid}");
            let more = || SessionStarted {
                history_url: Some(&history_url),
                history_url_expiry_s: Some(HISTORY_URL_EXPIRY_S),
            };
            site.notify(
                id,
                "session_started",
                |InSession {
                     id,
                     deadline_ms,
                     session,
                     ..
                 }| {
                    let more = more();
                    ToEcm::SessionStarted(InSession {
                        id,
                        deadline_ms,
                        session,
                        more,
                    })
                    .text()
                },
            )
            .await;
        });
        Ok(id)
    }

    /// The list behind the key icon. An empty one is a success.
    ///
    /// # Errors
    /// When the session does not run, or the ECM cannot be asked or refuses.
    pub async fn find_credentials(
        &self,
        id: &SessionId,
    ) -> Result<Vec<CredentialSummary>, ConsoleError> {
        let (session, frame) = self.site.running(*id)?;
        let deadline_ms = self.site.settings.request_timeout_ms.find_credentials;
        let ask = Ask::of(&session, "find_credentials", deadline_ms, true);
        let served = self.site.ask(&ask, |id| {
            let request = InSession {
                id,
                deadline_ms,
                session: &frame,
                more: NoMore {},
            };
            ToEcm::FindCredentials(request).text()
        });
        match served.await?.answer {
            Answer::Credentials(offered) => {
                self.site.state().sessions.offer(*id, offered.clone());
                Ok(offered)
            }
            other => Err(unexpected("find_credentials", &other)),
        }
    }

    /// The user picks an entry of the list: the credential is fetched, opened and injected.
    /// Success and failure are events of the session.
    ///
    /// # Errors
    /// When the entry was not in the list, the ECM cannot be asked or refuses, or what it sent
    /// does not open.
    pub async fn inject(
        &self,
        id: &SessionId,
        credential_id: &str,
    ) -> Result<Injection, ConsoleError> {
        let attempt = self
            .site
            .state()
            .sessions
            .attempt(*id, credential_id, self.site.now())?;
        let outcome = self.fetch_and_inject(*id, credential_id).await;
        let now = self.site.now();
        let mut state = self.site.state();
        match &outcome {
            Ok(injection) => state.sessions.injected(
                *id,
                InjectionRecord {
                    at: now,
                    credential_id: credential_id.to_owned(),
                    kind: injection.kind.as_str(),
                    masked_username: injection.masked_username.clone(),
                    fingerprint: injection.fingerprint(),
                },
            ),
            Err(error) => {
                let reason = error.to_string();
                state
                    .sessions
                    .attempt_failed(*id, attempt, credential_id, reason, now);
            }
        }
        outcome
    }

    async fn fetch_and_inject(
        &self,
        id: SessionId,
        credential_id: &str,
    ) -> Result<Injection, ConsoleError> {
        let site = &self.site;
        let (session, frame) = site.running(id)?;
        let key = site.session_key(id);
        let release = ReleaseKey {
            session: id,
            credential_id: credential_id.to_owned(),
        };
        let deadline_ms = site.settings.request_timeout_ms.get_credential;
        let again = site.settings.retry_get_credential;
        let mut ask = Ask::of(&session, "get_credential", deadline_ms, again);
        ask.hands_out = Some(release.clone());
        let served = site
            .ask(&ask, |id| {
                let more = GetCredential {
                    credential_id,
                    recipient_key: key.public(),
                };
                ToEcm::GetCredential(InSession {
                    id,
                    deadline_ms,
                    session: &frame,
                    more,
                })
                .text()
            })
            .await?;
        let Served {
            answer,
            connection,
            request_id,
            wrong_aad,
        } = served;
        let package = match answer {
            Answer::Package(package) => package,
            other => return Err(unexpected("get_credential", &other)),
        };
        self.handed_out(release, connection)?;
        let bound_to = BoundTo {
            connection_id: &connection.to_string(),
            request_id: if wrong_aad {
                "another request"
            } else {
                &request_id
            },
            session_id: &id.to_string(),
            credential_id,
        };
        let Package { kind, sealed } = package;
        let kind = CredentialKind::parse(&kind)?;
        let plaintext = key.open(&sealed, bound_to)?;
        Ok(site.sink.inject(credential_id, kind, &plaintext)?)
    }

    /// Notes what the session owes. A session that ended meanwhile owes it at once.
    fn handed_out(
        &self,
        release: ReleaseKey,
        connection: crate::state::ecms::ConnectionId,
    ) -> Result<(), ConsoleError> {
        let session = release.session;
        let (running, owed) = {
            let mut state = self.site.state();
            state.releases.handed_out(release.clone(), connection);
            let running = state.sessions.running(session).map(drop);
            if running.is_err() {
                state.releases.owe_now(&release, self.site.now());
            }
            (running, release)
        };
        if running.is_err() {
            self.site.start_releases(vec![owed]);
        }
        Ok(running?)
    }

    /// The session ends. What it used is released in the background; see
    /// [`Console::wait_released`].
    ///
    /// # Errors
    /// When the session does not run.
    pub async fn end_session(&self, id: &SessionId) -> Result<(), ConsoleError> {
        let now = self.site.now();
        let owed = {
            let mut state = self.site.state();
            state.sessions.end(*id, now)?;
            state.releases.session_ended(*id, now)
        };
        self.site.forget_key(*id);
        self.site.start_releases(owed);
        let (site, id) = (Arc::clone(&self.site), *id);
        self.site.background.spawn(async move {
            site.notify(id, "session_complete", |request| {
                ToEcm::SessionComplete(request).text()
            })
            .await;
        });
        Ok(())
    }

    /// Waits until nothing that a session used is owed any more; false when `patience` ends first.
    pub async fn wait_released(&self, id: &SessionId, patience: Duration) -> bool {
        let owed = |console: &Self| {
            console
                .site
                .state()
                .releases
                .owed()
                .any(|release| release.key.session == *id)
        };
        self.wait_until(patience, |console| !owed(console)).await
    }

    /// Waits until an ECM is connected and welcomed.
    ///
    /// # Errors
    /// When `patience` ends first.
    pub async fn wait_for_ecm(&self, patience: Duration) -> Result<(), NoEcmInTime> {
        self.wait_for_ecms(1, patience).await
    }

    /// Waits until so many ECMs are connected and welcomed.
    ///
    /// # Errors
    /// When `patience` ends first.
    pub async fn wait_for_ecms(&self, count: usize, patience: Duration) -> Result<(), NoEcmInTime> {
        let there = |console: &Self| console.ecm_clients().len() >= count;
        match self.wait_until(patience, there).await {
            true => Ok(()),
            false => Err(NoEcmInTime(patience)),
        }
    }

    /// Polls a condition of the state, which changes by messages that no one signals.
    async fn wait_until(&self, patience: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let polling = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while !done(self) {
                ticks.tick().await;
            }
        };
        timeout(patience, polling).await.is_ok()
    }

    /// Status > Information > ECM Clients: those that said `hello`, in the order of connecting.
    #[must_use]
    pub fn ecm_clients(&self) -> Vec<EcmClient> {
        let state = self.site.state();
        state
            .ecms
            .iter()
            .filter(|ecm| ecm.announced.is_some())
            .cloned()
            .collect()
    }

    /// A session with its events, hops and injections.
    ///
    /// # Errors
    /// When there is none.
    pub fn session(&self, id: &SessionId) -> Result<Session, ConsoleError> {
        Ok(self.site.state().sessions.get(*id)?.clone())
    }

    /// All sessions, the oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.site.state().sessions.iter().cloned().collect()
    }

    /// The events of a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn events(&self, id: &SessionId) -> Result<Vec<SessionEvent>, ConsoleError> {
        Ok(self.session(id)?.events)
    }

    /// Releases that are owed and not confirmed.
    #[must_use]
    pub fn releases_owed(&self) -> Vec<Release> {
        self.site.state().releases.owed().cloned().collect()
    }

    /// How often something arrived on the link that no one waited for.
    #[must_use]
    pub fn link_counters(&self) -> LinkCounters {
        self.site.links.counters()
    }

    /// Asks the longest-connected ECM of a group how it is.
    ///
    /// # Errors
    /// When the ECM cannot be asked, refuses, or cannot tell.
    pub async fn health(&self, ecm_group: &str) -> Result<Health, ConsoleError> {
        let able = self.site.state().ecms.route(ecm_group).is_none_or(|ecm| {
            ecm.announced
                .as_ref()
                .is_some_and(|ecm| ecm.capabilities.health_check)
        });
        if !able {
            return Err(LinkError::Unsupported { request: "health" }.into());
        }
        let deadline_ms = self.site.settings.request_timeout_ms.other;
        let ask = Ask {
            request: "health",
            group: ecm_group,
            session: None,
            user: None,
            deadline_ms,
            prefer: None,
            again: true,
            hands_out: None,
        };
        let served = self
            .site
            .ask(&ask, |id| ToEcm::Health { id, deadline_ms }.text());
        match served.await?.answer {
            Answer::Health(health) => Ok(health),
            other => Err(unexpected("health", &other)),
        }
    }

    /// A user searches for External Jump Items (documented sra:§7). RDP and shell only.
    ///
    /// # Errors
    /// When the search is off, there is no such user, or the ECM cannot be asked or refuses.
    pub async fn find_endpoints(
        &self,
        username: &str,
        query: &str,
        most_recently_used_count: Option<u32>,
    ) -> Result<Vec<ExternalJumpItem>, ConsoleError> {
        let site = &self.site;
        if !site.settings.external_search {
            return Err(ConsoleError::ExternalSearchOff);
        }
        let (user, product) = {
            let state = site.state();
            (
                state.directory.user(username)?.clone(),
                state.directory.product,
            )
        };
        let group = crate::state::directory::DEFAULT_ECM_GROUP;
        let able = site.state().ecms.route(group).is_none_or(|ecm| {
            ecm.announced
                .as_ref()
                .is_some_and(|ecm| ecm.capabilities.endpoint_search)
        });
        if !able {
            return Err(LinkError::Unsupported {
                request: "find_endpoints",
            }
            .into());
        }
        let placeholder = external_item(&site.settings.external_group_name, None, None);
        let frame = SessionFrame::search(product, &user, &placeholder);
        let deadline_ms = site.settings.request_timeout_ms.find_endpoints;
        let ask = Ask {
            request: "find_endpoints",
            group,
            session: None,
            user: Some(&user.username),
            deadline_ms,
            prefer: None,
            again: true,
            hands_out: None,
        };
        let served = site.ask(&ask, |id| {
            let more = FindEndpoints {
                types: &["rdp", "shell"],
                query,
                most_recently_used_count,
            };
            ToEcm::FindEndpoints(InSession {
                id,
                deadline_ms,
                session: &frame,
                more,
            })
            .text()
        });
        match served.await?.answer {
            Answer::Endpoints(endpoints) => Ok(endpoints
                .into_iter()
                .filter_map(|endpoint| self.external(endpoint))
                .collect()),
            other => Err(unexpected("find_endpoints", &other)),
        }
    }

    /// One row of the external group; nothing for a type that the console cannot jump to.
    fn external(&self, endpoint: Endpoint) -> Option<ExternalJumpItem> {
        let kind = match endpoint.r#type.as_str() {
            "rdp" => JumpItemType::ExternalRdp,
            "shell" => JumpItemType::ExternalShell,
            _ => return None,
        };
        let settings = &self.site.settings;
        let jump_item = external_item(&settings.external_group_name, Some(kind), Some(&endpoint));
        let comments = match settings.external_jumpoint {
            true => endpoint.comments.clone().unwrap_or_default(),
            false => "Jumpoint for External Jump Items not configured".to_owned(),
        };
        Some(ExternalJumpItem {
            endpoint,
            jump_item,
            comments,
        })
    }

    /// Gives an API account a new secret, which is shown this once. Its tokens become invalid and
    /// its links are closed.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn regenerate_secret(&self, client_id: &ClientId) -> Result<Secret, UnknownAccount> {
        let secret = self.site.random.client_secret();
        self.site
            .state()
            .accounts
            .replace_secret(client_id, secret.digest())?;
        self.site.close_account(client_id);
        Ok(secret)
    }

    /// Sets the "Enabled" check box of an API account. Unchecking it closes its links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_account_enabled(
        &self,
        client_id: &ClientId,
        enabled: bool,
    ) -> Result<(), UnknownAccount> {
        self.site.state().accounts.set_enabled(client_id, enabled)?;
        if !enabled {
            self.site.close_account(client_id);
        }
        Ok(())
    }

    /// Grants or removes the ECM permission. Removing it closes the account's links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_ecm_permission(
        &self,
        client_id: &ClientId,
        allowed: bool,
    ) -> Result<(), UnknownAccount> {
        self.site
            .state()
            .accounts
            .set_ecm_permission(client_id, allowed)?;
        if !allowed {
            self.site.close_account(client_id);
        }
        Ok(())
    }

    /// Invalidates all tokens of an account and closes its links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn revoke_tokens(&self, client_id: &ClientId) -> Result<(), UnknownAccount> {
        self.site.state().accounts.revoke_tokens(client_id)?;
        self.site.close_account(client_id);
        Ok(())
    }
}

impl Site {
    /// A running session, and how the link tells of it.
    fn running(&self, id: SessionId) -> Result<(Session, SessionFrame), SessionError> {
        let state = self.state();
        let session = state.sessions.running(id)?.clone();
        let frame = SessionFrame::of(&session, state.directory.product);
        Ok((session, frame))
    }

    /// Tells the ECM of a session's start or end, if it wants to hear. Nobody waits for it, so a
    /// failure is only logged.
    async fn notify<F>(&self, id: SessionId, request: &'static str, frame: F)
    where
        F: Fn(InSession<'_, NoMore>) -> String + Sync,
    {
        let (session, session_frame) = {
            let state = self.state();
            let Ok(session) = state.sessions.get(id).cloned() else {
                return;
            };
            let ecm = state.ecms.route(&session.ecm_group);
            let wanted =
                ecm.and_then(|ecm| ecm.announced.as_ref())
                    .is_some_and(|ecm| match request {
                        "session_started" => ecm.capabilities.session_started,
                        _ => ecm.capabilities.session_complete,
                    });
            if !wanted {
                return;
            }
            let frame = SessionFrame::of(&session, state.directory.product);
            (session, frame)
        };
        let deadline_ms = self.settings.request_timeout_ms.other;
        let ask = Ask::of(&session, request, deadline_ms, false);
        let asked = self.ask(&ask, |id| {
            frame(InSession {
                id,
                deadline_ms,
                session: &session_frame,
                more: NoMore {},
            })
        });
        let outcome = tokio::select! {
            () = self.stopping.cancelled() => return,
            outcome = asked => outcome,
        };
        if let Err(error) = outcome {
            tracing::info!(session = %id, request, %error, "the ECM was not told");
        }
    }
}

fn unexpected(request: &'static str, answer: &Answer) -> ConsoleError {
    LinkError::UnexpectedAnswer {
        request,
        answer: answer.name(),
    }
    .into()
}

/// An External Jump Item, or what stands for one while it is searched for.
fn external_item(group: &str, kind: Option<JumpItemType>, found: Option<&Endpoint>) -> JumpItem {
    JumpItem {
        kind: kind.unwrap_or(JumpItemType::ExternalRdp),
        name: found.map_or_else(|| group.to_owned(), |endpoint| endpoint.name.clone()),
        hostname: found.map(|endpoint| endpoint.hostname.clone()),
        port: found.and_then(|endpoint| endpoint.port),
        url: None,
        additional_ips: Vec::new(),
        application_name: None,
        jump_group: Some(group.to_owned()),
        tag: None,
    }
}
