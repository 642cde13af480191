//! Fetching a credential: the debt first, then the vault, then the seal.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::ask::Asked;
use super::{Broker, Handled, Origin, broke_down};
use crate::clock::within;
use crate::diagnosis::log_failure;
use crate::error::{ErrorKind, Hop, PluginError};
use crate::link::wire::{Answer, ErrorAnswer, SealedBox, SessionFrame};
use crate::outbox::{DebtKey, FetchEnd, OutboxError};
use crate::plugin::Session;
use crate::seal::{Binding, SealedCredential, seal};

/// A fetch may go on for so long after its request's deadline: dropping it earlier would leave it
/// open whether the vault checked the secret out after all.
const FETCH_GRACE: Duration = Duration::from_secs(60);

/// How a fetch left its debt.
enum Left {
    /// The credential went out to the appliance.
    Delivered,
    /// The vault waits for an approval.
    Waiting,
    /// The credential went nowhere.
    Owing(FetchEnd),
}

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
        let wanted = self.what_is_owed(fetch).await;
        let holders = match wanted {
            Ok(Some(holders)) => holders,
            Ok(None) => {
                let (answer, _) = self.fetch_and_seal(fetch).await;
                let _ = to_link.send(answer.unwrap_or_else(Answer::Error).into());
                return;
            }
            Err(error) => {
                log_failure("get_credential", &error);
                let _ = to_link.send(Answer::Error(ErrorAnswer::from(&error)).into());
                return;
            }
        };
        let key = match self.owe(fetch, holders).await {
            Ok(key) => key,
            Err(answer) => {
                let _ = to_link.send(answer.into());
                return;
            }
        };
        // A defect of this code must not leave the debt as one that is still being fetched.
        let served = AssertUnwindSafe(self.serve_fetch(fetch, &key, to_link));
        if served.catch_unwind().await.is_err() {
            tracing::error!("a fetch broke down; what it owes is checked in");
            self.write_down(&key, Left::Owing(FetchEnd::Unknown)).await;
        }
    }

    /// Fetches, hands over, and writes down what that left.
    async fn serve_fetch(&self, fetch: &Fetch, key: &DebtKey, to_link: oneshot::Sender<Handled>) {
        let (fetched, end) = self.fetch_and_seal(fetch).await;
        let answer = match fetched {
            Ok(package) if self.may_deliver(key).await => package,
            Ok(_) => own_error(
                ErrorKind::NotFound,
                "the session ended before its credential came",
            ),
            Err(error) => Answer::Error(error),
        };
        if !matches!(answer, Answer::Package { .. }) {
            // The vault may keep a request for it, which a further attempt goes on with.
            let waits = self.plugin.capabilities().session_complete && is_pending(&answer);
            // Before the answer: whoever reads it may choose the credential again at once.
            let left = if waits {
                Left::Waiting
            } else {
                Left::Owing(end)
            };
            self.write_down(key, left).await;
            let _ = to_link.send(answer.into());
            return;
        }
        let (written, left) = oneshot::channel();
        let receipt = Some(written);
        let delivered = to_link.send(Handled { answer, receipt }).is_ok() && left.await.is_ok();
        let left = if delivered {
            Left::Delivered
        } else {
            Left::Owing(end)
        };
        self.write_down(key, left).await;
    }

    async fn write_down(&self, key: &DebtKey, left: Left) {
        let (key, now_unix) = (key.clone(), self.now_unix());
        self.on_disk(move |outbox| match left {
            Left::Delivered => outbox.delivered(&key),
            Left::Waiting => outbox.awaits_approval(&key),
            Left::Owing(end) => outbox.not_delivered(&key, end, now_unix),
        })
        .await;
    }

    /// The vault users by one of which a check-in will be owed; `None` if the plugin takes none.
    async fn what_is_owed(&self, fetch: &Fetch) -> Result<Option<Vec<String>>, PluginError> {
        let session = Session::from(fetch.session.clone());
        let asked = self.calls.make("capabilities", move |plugin| async move {
            let owed = plugin.capabilities().credentials_used;
            Ok(owed.then(|| plugin.vault_users(&session)))
        });
        within(fetch.origin.limit, asked)
            .await
            .unwrap_or_else(|| Err(broke_down()))
    }

    /// Whether the session still wants it; not if nobody can tell.
    async fn may_deliver(&self, key: &DebtKey) -> bool {
        let key = key.clone();
        self.on_disk(move |outbox| outbox.may_deliver(&key))
            .await
            .unwrap_or(false)
    }

    /// Writes the debt down, after an earlier check-in of the same credential is over.
    async fn owe(&self, fetch: &Fetch, holders: Vec<String>) -> Result<DebtKey, Answer> {
        let holders: Arc<[String]> = holders.into();
        let owing = async {
            loop {
                let mut settled = pin!(self.outbox.settled());
                settled.as_mut().enable();
                let (session, holders) = (fetch.session.clone(), Arc::clone(&holders));
                let credential_id = fetch.credential_id.clone();
                let owed = self
                    .on_disk(move |outbox| outbox.owe(&session, &credential_id, &holders))
                    .await;
                match owed {
                    Some(Err(OutboxError::BeingCheckedIn)) => settled.await,
                    Some(Ok(key)) => return Ok(key),
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("the outbox broke down".to_owned()),
                }
            }
        };
        match within(fetch.origin.limit, owing).await {
            Some(Ok(key)) => Ok(key),
            Some(Err(error)) => {
                tracing::error!(%error, "a credential was not fetched");
                Err(own_error(ErrorKind::Configuration, error))
            }
            None => {
                let error = OutboxError::BeingCheckedIn;
                tracing::warn!(%error, "a credential was not fetched");
                Err(own_error(ErrorKind::Timeout, error.to_string()))
            }
        }
    }

    /// Asks the vault and seals what it gives; and whether it is known what the vault did.
    async fn fetch_and_seal(&self, fetch: &Fetch) -> (Result<Answer, ErrorAnswer>, FetchEnd) {
        let Fetch {
            session,
            credential_id,
            recipient_key,
            origin,
        } = fetch;
        let (plugin_session, wanted) = (Session::from(session.clone()), credential_id.clone());
        let asked = Asked::of("get_credential", origin);
        let call = self.calls.make("get_credential", move |plugin| async move {
            let fetched = plugin.get_credential(&plugin_session, &wanted).await;
            asked.tell(&plugin_session, None, &fetched, |_| 1);
            fetched
        });
        let package = match within(origin.limit + FETCH_GRACE, call).await {
            Some(Ok(package)) => package,
            Some(Err(error)) => {
                log_failure("get_credential", &error);
                return (Err(ErrorAnswer::from(&error)), end_of(&error));
            }
            None => {
                let late = "the vault did not answer in time";
                return (
                    Err(ErrorAnswer::own(ErrorKind::Timeout, late)),
                    FetchEnd::Unknown,
                );
            }
        };
        let binding = Binding {
            connection_id: &origin.connection_id,
            request_id: &origin.request_id,
            session_id: &session.session_id,
            credential_id,
        };
        let sealed = match seal(&package, recipient_key, &binding) {
            Ok(sealed) => sealed,
            Err(error) => {
                tracing::error!(%error, "a credential was not sealed");
                let answer = ErrorAnswer::own(ErrorKind::Unexpected, error.to_string());
                return (Err(answer), FetchEnd::Known);
            }
        };
        let SealedCredential {
            kind,
            enc,
            ciphertext,
        } = sealed;
        let answer = Answer::Package {
            kind,
            sealed: SealedBox { enc, ciphertext },
        };
        (Ok(answer), FetchEnd::Known)
    }
}

/// Whether the vault may still handle a fetch that failed with `error`: not if it has answered, nor
/// if nothing reached it.
fn end_of(error: &PluginError) -> FetchEnd {
    let unanswered = matches!(
        error.kind,
        ErrorKind::Timeout | ErrorKind::Connectivity | ErrorKind::Unexpected
    );
    let may_have_been_sent = matches!(error.hop, Hop::Http | Hop::Ecm | Hop::Vault(_));
    match unanswered && may_have_been_sent {
        true => FetchEnd::Unknown,
        false => FetchEnd::Known,
    }
}

fn is_pending(answer: &Answer) -> bool {
    matches!(answer, Answer::Error(error) if error.category == ErrorKind::PendingApproval.name())
}

fn own_error(kind: ErrorKind, message: impl Into<String>) -> Answer {
    Answer::Error(ErrorAnswer::own(kind, message))
}
