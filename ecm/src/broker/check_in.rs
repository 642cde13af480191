//! Giving credentials back: when the appliance asks for it, and by the worker that pays what is
//! still owed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Broker, broke_down, guarded};
use crate::clock::{sleep, within};
use crate::diagnosis::log_failure;
use crate::entropy;
use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::link::wire::{Answer, SessionFrame};
use crate::outbox::{DebtKey, DueCheckIn, Release, Step};
use crate::plugin::Session;

/// Limit for one attempt to check a credential in.
const CHECK_IN_LIMIT: Duration = Duration::from_secs(60);

/// The worker looks at the outbox at least this often.
const IDLE_PAUSE: Duration = Duration::from_secs(3600);

impl Broker {
    pub(super) async fn release_credential(
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

    /// A session is over: what it asked for and never got is given back, by the worker.
    pub(super) async fn session_complete(&self, session_id: String) {
        let now_unix = self.now_unix();
        self.on_disk(move |outbox| outbox.session_complete(&session_id, now_unix))
            .await;
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
