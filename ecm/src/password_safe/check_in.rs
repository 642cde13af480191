//! Giving a release back: at session end and never earlier, since a check-in may rotate the password
//! (documented psafe:§4.5). That goes for a request that still waits for its approval too: left
//! behind, it would keep everybody else from the account.

use http::{Method, StatusCode};
use jiff::Timestamp;

use super::client::{Call, CallError};
use super::conversation::Conversation;
use super::fetch::{Exchange, is_reason};
use super::releases::{Asked, Origin};
use super::settings::CheckIn;
use super::wire;
use crate::error::PluginError;

impl Exchange<'_> {
    /// Gives the release back. Only requests that this integration made are checked in, and only
    /// when no other session uses them.
    pub(super) async fn release(&self) -> Result<(), PluginError> {
        let left = self.releases.leave(&self.holder);
        // Before a restart, or by another ECM: a request tells by its reason whose it is.
        let look = !left.known || !left.unclear.is_empty();
        if self.settings.check_in == CheckIn::Never || (left.unused.is_empty() && !look) {
            return Ok(());
        }
        let checked_in = self.check_in(&left.unused, look).await;
        if checked_in.is_err() {
            // Still owed, and known to be.
            let hold = |id: &i32, origin| self.releases.hold(*id, origin, self.holder.clone());
            left.unused.iter().for_each(|id| hold(id, Origin::Ours));
            left.unclear.iter().for_each(|id| hold(id, Origin::Unclear));
        }
        checked_in
    }

    async fn check_in(&self, unused: &[i32], look: bool) -> Result<(), PluginError> {
        let user = self.conversation().await?;
        let mut ours = unused.to_vec();
        if look {
            let reason = self.reason();
            let rows = self.requests(&user, "all").await?;
            let found = rows
                .iter()
                .filter(|row| self.is_about(row) && is_reason(row, &reason))
                .map(|row| row.request_id);
            // Another session that came to use it gives it back.
            ours.extend(found.filter(|id| !self.releases.is_held_as_ours(*id)));
        }
        ours.sort_unstable();
        ours.dedup();
        for request_id in ours {
            check_in(&user, request_id).await?;
        }
        Ok(())
    }

    /// An earlier request of this very session may wait, from before a restart: approvers look at
    /// that one, so it is kept and `newer` is given back. Whatever goes wrong here, the end of the
    /// session gives back both.
    pub(super) async fn prefer_earlier(
        &self,
        user: &Conversation<'_>,
        asked: &Asked,
        newer: i32,
        until: Timestamp,
    ) {
        let reason = self.reason();
        let Ok(rows) = self.requests(user, "pending").await else {
            return;
        };
        let earlier = rows
            .iter()
            .filter(|row| self.is_about(row) && is_reason(row, &reason))
            .map(|row| row.request_id)
            .filter(|id| *id < newer)
            .min();
        let Some(earlier) = earlier else { return };
        let holder = self.holder.clone();
        self.releases.hold(earlier, Origin::Ours, holder);
        if check_in(user, newer).await.is_ok() {
            self.releases.gone(newer);
        }
        self.releases.await_approval(asked.clone(), earlier, until);
    }
}

async fn check_in(user: &Conversation<'_>, request_id: i32) -> Result<(), PluginError> {
    let endpoint = format!("Requests/{request_id}/Checkin");
    let body = wire::reason_body("session ended");
    match user
        .call(Call::send("Checkin", Method::PUT, &endpoint, Some(body)))
        .await
    {
        Ok(_) => Ok(()),
        // Checked in before, denied, or run out: there is nothing left to give back.
        Err(CallError::Refused(no)) if no.status == StatusCode::NOT_FOUND => Ok(()),
        Err(error) => Err(error.into()),
    }
}
