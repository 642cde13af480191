//! Telling ECMs that a session no longer uses a credential, until one of them confirms it
//! (`ECM-LINK.md` §4).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::link::LinkError;
use crate::link::request::Ask;
use crate::site::Site;
use crate::state::ecms::ConnectionId;
use crate::state::releases::ReleaseKey;
use crate::wire::{Answer, InSession, ReleaseCredential, SessionFrame, ToEcm};

const REQUEST: &str = "release_credential";

impl Site {
    /// Starts to release credentials. Returns at once.
    pub(crate) fn start_releases(self: &Arc<Self>, owed: Vec<ReleaseKey>) {
        for key in owed {
            let site = Arc::clone(self);
            self.spawn(async move { site.release(&key).await });
        }
    }

    /// A package came after the appliance had given up on it, or was perhaps lost with its
    /// connection. Unless the session got the same credential by another request, the vault has to
    /// have it back.
    pub(crate) fn release_in_vain(
        self: &Arc<Self>,
        key: ReleaseKey,
        served_by: Option<ConnectionId>,
    ) {
        let now = self.now();
        {
            let mut state = self.state();
            if state.releases.get(&key).is_some() {
                return;
            }
            state.releases.handed_out(key.clone(), served_by);
            state.releases.owe_now(&key, now);
        }
        self.start_releases(vec![key]);
    }

    /// Sends a release until it is confirmed, or no longer owed because the session took the
    /// credential up again.
    async fn release(&self, key: &ReleaseKey) {
        let mut welcomed = self.links.watch_welcomed();
        let mut pause_ms = self.settings.release_retry_ms;
        loop {
            welcomed.mark_unchanged();
            match self.release_once(key).await {
                Ok(()) => return self.state().releases.confirmed(key),
                Err(None) => return,
                Err(Some(error)) => {
                    tracing::info!(session = %key.session, %error, "release to be sent again");
                    self.state().releases.failed(key, error.to_string());
                    if matches!(error, LinkError::NoEcm { .. }) {
                        // Nobody is there: the next ECM to be welcomed ends the wait.
                        let _ = welcomed.changed().await;
                        continue;
                    }
                }
            }
            let _ = timeout(Duration::from_millis(pause_ms), welcomed.changed()).await;
            pause_ms = pause_ms
                .saturating_mul(2)
                .min(self.settings.release_retry_ms_max);
        }
    }

    /// One attempt. `Err(None)`: the credential is not owed any more.
    async fn release_once(&self, key: &ReleaseKey) -> Result<(), Option<LinkError>> {
        let (release, ended_at, session) = {
            let mut state = self.state();
            state.releases.attempted(key);
            let release = state.releases.get(key).cloned().ok_or(None)?;
            let ended_at = release.session_ended_at.ok_or(None)?;
            let session = state.sessions.get(key.session).map_err(|_| None)?.clone();
            (release, ended_at, session)
        };
        if !self.wants_releases(release.served_by, &session.ecm_group) {
            return Ok(());
        }
        let product = self.state().directory.product;
        let frame = SessionFrame::of(&session, product);
        let deadline_ms = self.settings.request_timeout_ms.release_credential;
        let mut ask = Ask::of(&session, REQUEST, deadline_ms, false);
        ask.prefer = release.served_by;
        let more = || ReleaseCredential {
            credential_id: &key.credential_id,
            session_ended_at: ended_at.unix_s(),
        };
        let served = self.ask(&ask, |id| {
            ToEcm::ReleaseCredential(InSession {
                id,
                deadline_ms,
                session: &frame,
                more: more(),
            })
            .text()
        });
        match served.await.map_err(Some)?.answer {
            Answer::Done => Ok(()),
            other => {
                let answer = other.name();
                Err(Some(LinkError::UnexpectedAnswer {
                    request: REQUEST,
                    answer,
                }))
            }
        }
    }

    /// Whether the ECM that would get the release wants to hear of it: the capability
    /// `credentials_used` (assumed ecm:§2.2). While nobody is there, it is taken to want to.
    fn wants_releases(&self, served_by: Option<ConnectionId>, group: &str) -> bool {
        let state = self.state();
        let ecm = served_by
            .and_then(|connection| state.ecms.get(connection))
            .or_else(|| state.ecms.route(group));
        let announced = ecm.and_then(|ecm| ecm.announced.as_ref());
        announced.is_none_or(|announced| announced.capabilities.credentials_used)
    }
}
