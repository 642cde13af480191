//! Waiting for what happens in the background: for the level, with a deadline.

use std::time::Duration;

use super::control::ControlError;
use super::vault::Vault;
use super::{PATIENCE, Rig, RigError, SessionId};

const POLL: Duration = Duration::from_millis(5);

impl Rig {
    /// Waits until the vault's journal holds `count` calls of an operation that ended so.
    ///
    /// # Errors
    /// When it does not in time; the message holds what it has.
    pub async fn wait_for_call(
        &self,
        operation: &str,
        outcome: &str,
        count: usize,
    ) -> Result<(), RigError> {
        self.wait_for_call_of(&self.vault, operation, outcome, count)
            .await
    }

    async fn wait_for_call_of(
        &self,
        vault: &Vault,
        operation: &str,
        outcome: &str,
        count: usize,
    ) -> Result<(), RigError> {
        let what = format!("{count} call(s) of {operation} that ended in {outcome}");
        let operator = &vault.operator;
        wait_for(&what, || async {
            let calls = operator.journal().await?;
            let fitting = calls
                .iter()
                .filter(|call| call.operation == operation && call.outcome == outcome)
                .count();
            let all: Vec<_> = calls.iter().map(|c| (&c.operation, &c.outcome)).collect();
            Ok(if fitting >= count {
                Ok(())
            } else {
                Err(format!("the journal has {all:?}"))
            })
        })
        .await
    }

    /// Waits until the vault has confirmed `count` check-ins.
    ///
    /// # Errors
    /// As [`Rig::wait_for_call`].
    pub async fn wait_for_check_ins(&self, count: usize) -> Result<(), RigError> {
        self.wait_for_check_ins_of(&self.vault, count).await
    }

    /// The same for one of two vaults.
    ///
    /// # Errors
    /// As [`Rig::wait_for_call`].
    pub async fn wait_for_check_ins_of(&self, vault: &Vault, count: usize) -> Result<(), RigError> {
        let operation = vault.kind.check_in_operation();
        self.wait_for_call_of(vault, operation, "success", count)
            .await
    }

    /// Waits until the ECM has answered a request of the session.
    ///
    /// # Errors
    /// When it does not in time; a session that is unknown is not answered either.
    pub async fn wait_for_hop(&self, session: &SessionId, request: &str) -> Result<(), RigError> {
        wait_for(&format!("the answer to {request}"), || async {
            let hops = self.appliance.hops(session).unwrap_or_default();
            let seen: Vec<_> = hops.iter().map(|hop| hop.request.as_str()).collect();
            Ok(if seen.contains(&request) {
                Ok(())
            } else {
                Err(format!("answered were {seen:?}"))
            })
        })
        .await
    }

    /// Waits until `count` calls have met a fault rule of the vault.
    ///
    /// # Errors
    /// When they do not in time.
    pub async fn wait_for_met(&self, rule: &str, count: u64) -> Result<(), RigError> {
        let operator = &self.vault.operator;
        wait_for(
            &format!("{count} calls that meet the rule {rule:?}"),
            || async {
                let met = operator.fault_met(rule).await?;
                Ok(if met >= count {
                    Ok(())
                } else {
                    Err(format!("{met} calls have met it"))
                })
            },
        )
        .await
    }
}

/// Polls until `look` is satisfied; what it says meanwhile goes into the error.
pub(super) async fn wait_for<F>(what: &str, mut look: impl FnMut() -> F) -> Result<(), RigError>
where
    F: Future<Output = Result<Result<(), String>, ControlError>>,
{
    let mut seen = String::new();
    let polling = async {
        let mut ticks = tokio::time::interval(POLL);
        loop {
            ticks.tick().await;
            match look().await? {
                Ok(()) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    };
    match tokio::time::timeout(PATIENCE, polling).await {
        Ok(done) => done,
        Err(_) => Err(RigError::Waited {
            what: what.to_owned(),
            within_s: PATIENCE.as_secs(),
            seen,
        }),
    }
}
