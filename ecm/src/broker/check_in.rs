//! Giving credentials back: when the appliance asks for it, and by the worker that pays what is
//! still owed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Broker, broke_down};
use crate::clock::{sleep, within};
use crate::diagnosis::log_failure;
use crate::entropy;
use crate::error::{ErrorKind, Hop, Owner, PluginError, shortened};
use crate::link::wire::{Answer, SessionFrame};
use crate::outbox::{DebtKey, DueCheckIn, Release, Retry, Step};
use crate::plugin::Session;

/// Limit for one attempt to check a credential in.
const CHECK_IN_LIMIT: Duration = Duration::from_secs(60);

/// The worker looks at the outbox at least this often.
const IDLE_PAUSE: Duration = Duration::from_secs(3600);

/// The worker begins anew after this pause when it broke down.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Longest name of a user, an item or a credential in a log line.
const NAME_CHARS_MAX: usize = 200;

impl Broker {
    pub(super) async fn release_credential(
        self: &Arc<Self>,
        session: SessionFrame,
        credential_id: String,
        ended_at_unix: i64,
    ) -> Result<Answer, PluginError> {
        let asked_for = Session::from(session.clone());
        let holders = self.calls.make("capabilities", move |plugin| async move {
            let used = plugin.capabilities().credentials_used;
            Ok(used.then(|| plugin.vault_users(&asked_for)))
        });
        // A plugin that cannot even tell is asked for the check-in all the same.
        let Some(holders) = holders.await.unwrap_or_else(|_| Some(Vec::new())) else {
            return Ok(Answer::Done);
        };
        let now_unix = self.now_unix();
        let release = self.on_disk(move |outbox| {
            outbox.release(&session, &credential_id, &holders, ended_at_unix, now_unix)
        });
        let due = match release.await {
            Some(Ok(Release::Pay(due))) => due,
            // Written down, so it will be paid whatever happens to this process.
            Some(Ok(Release::Paid | Release::Later)) => return Ok(Answer::Done),
            Some(Err(error)) => return Err(not_taken(&error.to_string())),
            None => return Err(not_taken("the outbox broke down")),
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
        let key = DebtKey::new(&due.session.session_id, &due.credential_id);
        let (session, credential_id) = (Session::from(due.session.clone()), &due.credential_id);
        let (wanted, ended_at_unix) = (credential_id.clone(), due.ended_at_unix);
        let call = self
            .calls
            .make("release_credential", move |plugin| async move {
                plugin
                    .release_credential(&session, &wanted, ended_at_unix)
                    .await
            });
        let paid = within(CHECK_IN_LIMIT, call)
            .await
            .unwrap_or_else(|| Err(late()));
        let attempt = due.attempts + 1;
        let session_id = &due.session.session_id;
        match &paid {
            Ok(()) => {
                tracing::info!(session_id, credential_id, attempt, "checked in");
                let now_unix = self.now_unix();
                self.on_disk(move |outbox| outbox.paid(&key, now_unix))
                    .await;
            }
            Err(error) => {
                log_failure("release_credential", error);
                self.metrics.check_in_failed();
                let fraction = entropy::fraction();
                let retry = self.on_disk(move |outbox| outbox.failed(&key, fraction));
                if let Some(retry) = retry.await.flatten() {
                    log_owed(due, retry);
                }
            }
        }
        paid
    }

    /// Pays what is due, one after the other, until `shutdown`.
    pub async fn pay_debts(&self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let working = AssertUnwindSafe(self.pay_debts_in_turn(&shutdown));
            if working.catch_unwind().await.is_ok() {
                return;
            }
            tracing::error!("the worker of the outbox broke down; it begins anew");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(RESTART_PAUSE) => {}
            }
        }
    }

    async fn pay_debts_in_turn(&self, shutdown: &CancellationToken) {
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
                    self.cry_out(&due);
                    continue;
                }
                Some(Step::Wait(pause)) => pause.unwrap_or(IDLE_PAUSE),
                None => RESTART_PAUSE,
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.outbox.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Everything that somebody needs to check the secret in by hand.
    fn cry_out(&self, due: &DueCheckIn) {
        let item = &due.session.jump_item;
        // A plugin that breaks down must not silence this line.
        let vault_url = catch_unwind(AssertUnwindSafe(|| self.plugin.vault_url().to_owned()));
        tracing::error!(
            session_id = shortened(&due.session.session_id, NAME_CHARS_MAX),
            user = shortened(&due.session.user.username, NAME_CHARS_MAX),
            jump_item = shortened(&item.name, NAME_CHARS_MAX),
            jump_item_type = item.item_type.name(),
            vault_url = vault_url.unwrap_or_default(),
            vault_user = shortened(&due.holders.join(" or "), NAME_CHARS_MAX),
            credential_id = shortened(&due.credential_id, NAME_CHARS_MAX),
            attempts = due.attempts,
            "GAVE UP a check-in: this secret may still be checked out; check it in by hand in the \
             vault"
        );
    }
}

/// One more attempt was in vain: how many there were, when the next one comes, and for how long this
/// has been going on.
fn log_owed(due: &DueCheckIn, retry: Retry) {
    let owed_since = Timestamp::from_second(retry.since_unix).ok();
    tracing::warn!(
        session_id = due.session.session_id,
        credential_id = due.credential_id,
        attempt = due.attempts + 1,
        retry_in = ?retry.pause,
        owed_since = owed_since.map(tracing::field::display),
        "the check-in stays owed"
    );
}

fn not_taken(reason: &str) -> PluginError {
    PluginError::new(
        ErrorKind::Connectivity,
        Hop::Ecm,
        format!("the check-in could not be taken on: {reason}"),
        "nothing; the appliance tries again",
        Owner::EcmAdministrator,
    )
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::log::tests::logged;

    #[test]
    fn a_check_in_that_stays_owed_says_since_when_and_when_it_is_tried_again() {
        let session = serde_json::json!({
            "session_id": "s-1", "product": "pra", "user": {"username": "joe"},
            "jump_item": {"type": "shell_jump", "name": "db01", "hostname": "db01"}
        });
        let due = DueCheckIn {
            session: serde_json::from_value(session).unwrap(),
            credential_id: "7".into(),
            holders: vec!["joe".into()],
            ended_at_unix: 0,
            attempts: 1,
        };
        let retry = Retry {
            pause: Duration::from_millis(1500),
            since_unix: 1_767_225_600,
        };
        let line = logged(|| log_owed(&due, retry));
        let words = "the check-in stays owed session_id=\"s-1\" credential_id=\"7\" attempt=2 \
                     retry_in=1.5s owed_since=2026-01-01T00:00:00Z\n";
        assert!(line.ends_with(words), "{line}");
    }
}
