//! Serves one request of the appliance: the plugin does the vault's part, the outbox remembers
//! what is owed for it, and a credential leaves sealed.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, sleep, within};
use crate::entropy;
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::link::wire::{
    Answer, Call, CredentialEntry, EndpointEntry, ErrorAnswer, SealedBox, SessionFrame,
};
use crate::metrics::Metrics;
use crate::outbox::{DebtKey, DueCheckIn, Outbox, Release, Step};
use crate::plugin::{EndpointType, Plugin, Session};
use crate::seal::{Binding, SealedCredential, seal};

/// A fetch may go on for so long after its request's deadline: dropping it earlier would leave it
/// open whether the vault checked the secret out after all.
const FETCH_GRACE: Duration = Duration::from_secs(60);

/// Limit for one attempt to check a credential in.
const CHECK_IN_LIMIT: Duration = Duration::from_secs(60);

/// The worker looks at the outbox at least this often.
const IDLE_PAUSE: Duration = Duration::from_secs(3600);

/// Between the plugin, the outbox and the link.
pub struct Broker {
    plugin: Arc<dyn Plugin>,
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The connection.
    pub connection_id: Arc<str>,
    /// The request.
    pub request_id: String,
    /// How long an answer is worth anything.
    pub limit: Duration,
}

/// An answer, and who wants to know that it left.
#[derive(Debug)]
pub struct Handled {
    /// The answer.
    pub answer: Answer,
    /// To be told when the answer was written; to be dropped when it was not.
    pub receipt: Option<oneshot::Sender<()>>,
}

impl From<Answer> for Handled {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            receipt: None,
        }
    }
}

impl Broker {
    /// A broker that asks `plugin` and writes its debts to `outbox`.
    pub fn new(
        plugin: Arc<dyn Plugin>,
        outbox: Arc<Outbox>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            plugin,
            outbox,
            clock,
            metrics,
            tasks: TaskTracker::new(),
        }
    }

    /// The counters of this ECM.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Serves `call`. Dropping the future is safe at any time.
    pub async fn answer(
        self: &Arc<Self>,
        call: Call,
        origin: Origin,
        permit: OwnedSemaphorePermit,
    ) -> Handled {
        let answer = match call {
            Call::GetCredential {
                session,
                credential_id,
                recipient_key,
            } => {
                let fetch = Fetch {
                    session,
                    credential_id,
                    recipient_key,
                    origin,
                };
                return self.get_credential(fetch, permit).await;
            }
            Call::ReleaseCredential {
                session,
                credential_id,
                session_ended_at,
            } => {
                self.release_credential(session, credential_id, session_ended_at)
                    .await
            }
            other => {
                let answer = self.ask(&other).await;
                if let Err(error) = &answer {
                    log_failure(other.name(), error);
                }
                answer
            }
        };
        answer
            .unwrap_or_else(|error| Answer::Error(ErrorAnswer::from(&error)))
            .into()
    }

    /// The calls that leave nothing behind.
    async fn ask(&self, call: &Call) -> Result<Answer, PluginError> {
        let offered = self.plugin.capabilities();
        match call {
            Call::FindCredentials { session } => {
                let session = Session::from(session.clone());
                let found = guarded(self.plugin.find_credentials(&session)).await?;
                let credentials = found.into_iter().map(CredentialEntry::from).collect();
                Ok(Answer::Credentials { credentials })
            }
            Call::FindEndpoints {
                session,
                types,
                query,
                most_recently_used_count,
            } => {
                need(offered.endpoint_search, "endpoint search")?;
                let session = Session::from(session.clone());
                let known = types
                    .iter()
                    .filter_map(|name| EndpointType::from_name(name));
                let known: Vec<_> = known.collect();
                let search =
                    self.plugin
                        .find_endpoints(&session, &known, query, *most_recently_used_count);
                let endpoints = guarded(search)
                    .await?
                    .into_iter()
                    .map(EndpointEntry::from)
                    .collect();
                Ok(Answer::Endpoints { endpoints })
            }
            Call::StartSession {
                session,
                credential_id,
            } => {
                need(offered.start_session, "starting a session")?;
                let session = Session::from(session.clone());
                guarded(self.plugin.start_session(&session, credential_id)).await?;
                Ok(Answer::Done)
            }
            Call::SessionStarted {
                session,
                history_url,
                history_url_expiry_s,
            } => {
                if offered.session_started {
                    let session = Session::from(session.clone());
                    let url = history_url.as_deref();
                    guarded(
                        self.plugin
                            .session_started(&session, url, *history_url_expiry_s),
                    )
                    .await?;
                }
                Ok(Answer::Done)
            }
            Call::SessionComplete { session } => {
                if offered.session_complete {
                    guarded(
                        self.plugin
                            .session_complete(&Session::from(session.clone())),
                    )
                    .await?;
                }
                Ok(Answer::Done)
            }
            Call::Health => {
                if !offered.health_check {
                    let detail = "the plugin has no health check".to_owned();
                    return Ok(Answer::Health {
                        healthy: true,
                        detail,
                    });
                }
                let health = guarded(self.plugin.health()).await?;
                Ok(Answer::Health {
                    healthy: health.healthy,
                    detail: health.detail,
                })
            }
            Call::GetCredential { .. } | Call::ReleaseCredential { .. } => {
                Err(PluginError::unsupported("this call here"))
            }
        }
    }
}

/// One credential on its way from the vault to a session.
struct Fetch {
    session: SessionFrame,
    credential_id: String,
    recipient_key: String,
    origin: Origin,
}

/// Fetching a credential: the debt first, then the vault, then the seal.
impl Broker {
    /// The fetch runs by itself: whoever stops waiting for it does not stop it, since only its
    /// end shows what is owed to the vault.
    async fn get_credential(
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
            Ok(_) if !self.outbox.may_deliver(&key) => own_error(
                ErrorKind::NotFound,
                "the session ended before its credential came",
            ),
            Ok(package) => package,
            Err(error) => Answer::Error(error),
        };
        let holds_credential = matches!(answer, Answer::Package { .. });
        let (written, left) = oneshot::channel();
        let receipt = holds_credential.then_some(written);
        let waited_for = to_link.send(Handled { answer, receipt }).is_ok();
        let delivered = waited_for && holds_credential && left.await.is_ok();
        let now_unix = self.now_unix();
        self.on_disk(move |outbox| match delivered {
            true => outbox.delivered(&key),
            false => outbox.not_delivered(&key, now_unix),
        })
        .await;
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

/// Giving credentials back.
impl Broker {
    async fn release_credential(
        self: &Arc<Self>,
        session: SessionFrame,
        credential_id: String,
        ended_at_unix: i64,
    ) -> Result<Answer, PluginError> {
        if !self.plugin.capabilities().credentials_used {
            return Ok(Answer::Done);
        }
        let key = DebtKey::new(&session.session_id, &credential_id);
        let now_unix = self.now_unix();
        let release = self.on_disk(move |outbox| outbox.release(&key, ended_at_unix, now_unix));
        match release.await {
            // Written down, so it will be paid whatever happens to this process.
            Some(Release::Paid | Release::Later) => return Ok(Answer::Done),
            Some(Release::Pay) | None => {}
        }
        let due = DueCheckIn {
            session,
            credential_id,
            ended_at_unix,
            attempts: 0,
        };
        // By itself, so that a deadline of the appliance does not leave a payment half made.
        let this = Arc::clone(self);
        let payment = self.tasks.spawn(async move { this.pay(&due).await });
        payment
            .await
            .unwrap_or_else(|_| Err(broke_down()))
            .map(|()| Answer::Done)
    }

    /// Checks one credential in, and keeps the debt if the vault does not confirm.
    async fn pay(&self, due: &DueCheckIn) -> Result<(), PluginError> {
        let session = Session::from(due.session.clone());
        let key = DebtKey::new(&session.session_id, &due.credential_id);
        let call = self
            .plugin
            .release_credential(&session, &due.credential_id, due.ended_at_unix);
        let paid = within(CHECK_IN_LIMIT, guarded(call))
            .await
            .unwrap_or_else(|| Err(late()));
        let attempt = due.attempts + 1;
        let (session_id, credential_id) = (&key.session_id, &key.credential_id);
        match &paid {
            Ok(()) => {
                tracing::info!(session_id, credential_id, attempt, "checked in");
                self.on_disk(move |outbox| outbox.paid(&key)).await;
            }
            Err(error) => {
                log_failure("release_credential", error);
                tracing::warn!(
                    session_id,
                    credential_id,
                    attempt,
                    "the check-in stays owed"
                );
                self.metrics.check_in_failed();
                let fraction = entropy::fraction();
                self.on_disk(move |outbox| outbox.failed(&key, fraction))
                    .await;
            }
        }
        paid
    }

    /// Pays what is due, one after the other, until `shutdown`.
    pub async fn pay_debts(&self, shutdown: CancellationToken) {
        loop {
            let now_unix = self.now_unix();
            let step = self.on_disk(move |outbox| outbox.step(now_unix)).await;
            let pause = match step {
                Some(Step::Pay(due)) => {
                    // The outcome is in the outbox and in the log.
                    let _ = self.pay(&due).await;
                    if shutdown.is_cancelled() {
                        return;
                    }
                    continue;
                }
                Some(Step::GivenUp(due)) => {
                    self.metrics.check_in_given_up();
                    let DueCheckIn {
                        session,
                        credential_id,
                        attempts,
                        ..
                    } = due;
                    tracing::error!(
                        session_id = %session.session_id,
                        user = %session.user.username,
                        %credential_id,
                        attempts,
                        "GAVE UP a check-in: this secret may still be checked out; check it in by \
                         hand in the vault"
                    );
                    continue;
                }
                Some(Step::Wait(pause)) => pause.unwrap_or(IDLE_PAUSE),
                None => IDLE_PAUSE,
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.outbox.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Waits until no fetch or check-in is running, at most for `limit`.
    pub async fn settle(&self, limit: Duration) {
        self.tasks.close();
        if within(limit, self.tasks.wait()).await.is_none() {
            tracing::warn!("shut down with a vault call still running; its check-in stays owed");
        }
    }

    fn now_unix(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Runs `work` where it may block on the disk; `None` if it panicked.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Outbox) -> T + Send + 'static,
    ) -> Option<T> {
        let outbox = Arc::clone(&self.outbox);
        tokio::task::spawn_blocking(move || work(&outbox))
            .await
            .ok()
    }
}

/// The administrator's view of a failure: everything that the console user is not shown.
fn log_failure(call: &str, error: &PluginError) {
    tracing::warn!(
        call,
        kind = %error.kind,
        hop = %error.hop,
        vault_said = error.vault_said.as_deref(),
        next_action = %error.next_action,
        owner = %error.owner,
        "the plugin failed: {error}"
    );
}

fn own_error(kind: ErrorKind, message: impl Into<String>) -> Answer {
    Answer::Error(ErrorAnswer::own(kind, message))
}

fn late() -> PluginError {
    PluginError::new(
        ErrorKind::Timeout,
        Hop::Ecm,
        format!(
            "the vault did not take the check-in within {} s",
            CHECK_IN_LIMIT.as_secs()
        ),
        "nothing; the ECM tries again",
        Owner::VaultAdministrator,
    )
}

fn broke_down() -> PluginError {
    PluginError::new(
        ErrorKind::Unexpected,
        Hop::Ecm,
        "the plugin broke down while serving this request",
        "report the place that the log names",
        Owner::Maintainer,
    )
}

/// A notice that the plugin does not want is no error; a question that it does not answer is.
fn need(offered: bool, what: &str) -> Result<(), PluginError> {
    if offered {
        Ok(())
    } else {
        Err(PluginError::unsupported(what))
    }
}

/// A plugin that panics harms only the call that it was serving.
async fn guarded<T>(call: impl Future<Output = Result<T, PluginError>>) -> Result<T, PluginError> {
    AssertUnwindSafe(call)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(broke_down()))
}
