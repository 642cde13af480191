//! Fetching a credential: the debt first, then the vault, then the seal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Broker, Handled, Origin, guarded};
use crate::clock::within;
use crate::diagnosis::log_failure;
use crate::error::ErrorKind;
use crate::link::wire::{Answer, ErrorAnswer, SealedBox, SessionFrame};
use crate::outbox::DebtKey;
use crate::plugin::Session;
use crate::seal::{Binding, SealedCredential, seal};

/// A fetch may go on for so long after its request's deadline: dropping it earlier would leave it
/// open whether the vault checked the secret out after all.
const FETCH_GRACE: Duration = Duration::from_secs(60);

/// One credential on its way from the vault to a session.
pub(super) struct Fetch {
    pub(super) session: SessionFrame,
    pub(super) credential_id: String,
    pub(super) recipient_key: String,
    pub(super) origin: Origin,
}

impl Broker {
    /// The fetch runs by itself: whoever stops waiting for it does not stop it, since only its
    /// end shows what is owed to the vault.
    pub(super) async fn get_credential(
        self: &Arc<Self>,
        fetch: Fetch,
        permit: OwnedSemaphorePermit,
    ) -> Handled {
        let (to_link, fetched) = oneshot::channel();
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            this.fetch(&fetch, to_link).await;
            drop(permit);
        });
        fetched
            .await
            .unwrap_or_else(|_| own_error(ErrorKind::Unexpected, "the fetch broke down").into())
    }

    async fn fetch(&self, fetch: &Fetch, to_link: oneshot::Sender<Handled>) {
        if !self.plugin.capabilities().credentials_used {
            let answer = self
                .fetch_and_seal(fetch)
                .await
                .unwrap_or_else(Answer::Error);
            let _ = to_link.send(answer.into());
            return;
        }
        let key = match self.owe(fetch).await {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(%error, "a credential was not fetched");
                let _ = to_link.send(own_error(ErrorKind::Configuration, error).into());
                return;
            }
        };
        let answer = match self.fetch_and_seal(fetch).await {
            Ok(package) if self.may_deliver(&key).await => package,
            Ok(_) => own_error(
                ErrorKind::NotFound,
                "the session ended before its credential came",
            ),
            Err(error) => Answer::Error(error),
        };
        if !matches!(answer, Answer::Package { .. }) {
            // The vault may keep a request for it, which a further attempt goes on with.
            let waits = self.plugin.capabilities().session_complete && is_pending(&answer);
            let now_unix = self.now_unix();
            // Before the answer: whoever reads it may choose the credential again at once.
            self.on_disk(move |outbox| match waits {
                true => outbox.awaits_approval(&key),
                false => outbox.not_delivered(&key, now_unix),
            })
            .await;
            let _ = to_link.send(answer.into());
            return;
        }
        let (written, left) = oneshot::channel();
        let receipt = Some(written);
        let delivered = to_link.send(Handled { answer, receipt }).is_ok() && left.await.is_ok();
        let now_unix = self.now_unix();
        self.on_disk(move |outbox| match delivered {
            true => outbox.delivered(&key),
            false => outbox.not_delivered(&key, now_unix),
        })
        .await;
    }

    /// Whether the session still wants it; not if nobody can tell.
    async fn may_deliver(&self, key: &DebtKey) -> bool {
        let key = key.clone();
        self.on_disk(move |outbox| outbox.may_deliver(&key))
            .await
            .unwrap_or(false)
    }

    async fn owe(&self, fetch: &Fetch) -> Result<DebtKey, String> {
        let (session, credential_id) = (fetch.session.clone(), fetch.credential_id.clone());
        let owed = self
            .on_disk(move |outbox| outbox.owe(&session, &credential_id))
            .await;
        match owed {
            Some(Ok(key)) => Ok(key),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the outbox broke down".to_owned()),
        }
    }

    async fn fetch_and_seal(&self, fetch: &Fetch) -> Result<Answer, ErrorAnswer> {
        let Fetch {
            session,
            credential_id,
            recipient_key,
            origin,
        } = fetch;
        let plugin_session = Session::from(session.clone());
        let call = guarded(self.plugin.get_credential(&plugin_session, credential_id));
        let fetched = within(origin.limit + FETCH_GRACE, call).await;
        let late = || ErrorAnswer::own(ErrorKind::Timeout, "the vault did not answer in time");
        let package = fetched.ok_or_else(late)?.map_err(|error| {
            log_failure("get_credential", &error);
            ErrorAnswer::from(&error)
        })?;
        let binding = Binding {
            connection_id: &origin.connection_id,
            request_id: &origin.request_id,
            session_id: &session.session_id,
            credential_id,
        };
        let sealed = seal(&package, recipient_key, &binding).map_err(|error| {
            tracing::error!(%error, "a credential was not sealed");
            ErrorAnswer::own(ErrorKind::Unexpected, error.to_string())
        })?;
        let SealedCredential {
            kind,
            enc,
            ciphertext,
        } = sealed;
        Ok(Answer::Package {
            kind,
            sealed: SealedBox { enc, ciphertext },
        })
    }
}

fn is_pending(answer: &Answer) -> bool {
    matches!(answer, Answer::Error(error) if error.category == ErrorKind::PendingApproval.name())
}

fn own_error(kind: ErrorKind, message: impl Into<String>) -> Answer {
    Answer::Error(ErrorAnswer::own(kind, message))
}
