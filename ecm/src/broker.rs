//! Serves one request of the appliance: the plugin does the vault's part, the outbox remembers
//! what is owed for it, and a credential leaves sealed.

mod ask;
mod calls;
mod check_in;
mod fetch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::task::TaskTracker;

use self::ask::ask;
use self::calls::Calls;
use self::fetch::Fetch;
use crate::clock::{Clock, Stopwatch, within};
use crate::diagnosis::log_failure;
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::link::wire::{Answer, Call, ErrorAnswer};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::plugin::{Health, Plugin};

/// Limit for the answer of the plugin's health check.
const HEALTH_LIMIT: Duration = Duration::from_secs(10);

/// Between the plugin, the outbox and the link.
pub struct Broker {
    plugin: Arc<dyn Plugin>,
    calls: Calls,
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
    /// When it arrived.
    pub arrived: Stopwatch,
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
        let calls = Calls::new(Arc::clone(&plugin), Arc::clone(&metrics));
        Self {
            plugin,
            calls,
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
                if let Call::SessionComplete { session } = &other {
                    self.session_complete(session.session_id.clone()).await;
                }
                let name = other.name();
                let answer = ask(&self.calls, other, &origin).await;
                answer.inspect_err(|error| log_failure(name, error))
            }
        };
        answer
            .unwrap_or_else(|error| Answer::Error(ErrorAnswer::from(&error)))
            .into()
    }

    /// Waits until no fetch or check-in is running, at most for `limit`.
    pub async fn settle(&self, limit: Duration) {
        self.tasks.close();
        if within(limit, self.tasks.wait()).await.is_none() {
            tracing::warn!("shut down with a vault call still running; its check-in stays owed");
        }
    }

    /// Whether the vault can be reached and accepts the plugin's account; `None` if the plugin
    /// cannot tell.
    pub async fn vault_health(&self) -> Option<Health> {
        let asked = self.calls.make("health", |plugin| async move {
            if !plugin.capabilities().health_check {
                return Ok(None);
            }
            plugin.health().await.map(Some)
        });
        let asked = within(HEALTH_LIMIT, asked).await;
        let failed = |detail: String| {
            Some(Health {
                healthy: false,
                detail,
            })
        };
        match asked {
            Some(Ok(health)) => health,
            Some(Err(error)) => failed(error.to_string()),
            None => failed(format!("no answer within {} s", HEALTH_LIMIT.as_secs())),
        }
    }

    /// Drops what [`Broker::settle`] did not wait for.
    pub fn stop_calls(&self) {
        self.calls.stop();
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

fn broke_down() -> PluginError {
    PluginError::new(
        ErrorKind::Unexpected,
        Hop::Ecm,
        "the plugin broke down while serving this request",
        "report the place that the log names",
        Owner::Maintainer,
    )
}
