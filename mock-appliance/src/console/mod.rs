//! What users of the access console do: pick a Jump Item, look at the list behind the key icon,
//! inject, end the session (sra:§6).

mod admin;
mod external;

use std::sync::Arc;

use crate::injection::{CredentialKind, Injection, PlaintextError};
use crate::link::LinkError;
use crate::link::request::{Ask, Served};
use crate::seal::{BoundTo, SealError};
use crate::site::Site;
use crate::state::directory::{ConsoleUser, JumpItem, NotInDirectory};
use crate::state::ecms::ConnectionId;
use crate::state::releases::ReleaseKey;
use crate::state::sessions::{
    CredentialSummary, InjectionRecord, Session, SessionError, SessionEvent, SessionId,
};
use crate::wire::{
    Answer, GetCredential, InSession, NoMore, Package, SessionFrame, SessionStarted, ToEcm,
};
pub use admin::NoEcmInTime;
pub use external::ExternalJumpItem;

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
        self.site.spawn(async move {
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

    /// The list behind the key icon, what the user took before first. An empty one is a success.
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
            Answer::Credentials(offered) => Ok(self.site.state().sessions.offer(*id, offered)),
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
            .await;
        if let Err(LinkError::ConnectionLost { .. }) = &served {
            // The ECM may have answered, and cannot know that the answer was lost.
            site.release_in_vain(release.clone(), None);
        }
        let Served {
            answer,
            connection,
            request_id,
            wrong_aad,
        } = served?;
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
        let format = session.jump_item.username_format;
        Ok(site.sink.inject(credential_id, kind, &plaintext, format)?)
    }

    /// Notes what the session owes. A session that ended meanwhile owes it at once.
    fn handed_out(
        &self,
        release: ReleaseKey,
        connection: ConnectionId,
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
        self.site.spawn(async move {
            site.notify(id, "session_complete", |request| {
                ToEcm::SessionComplete(request).text()
            })
            .await;
        });
        Ok(())
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
        if let Err(error) = asked.await {
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
