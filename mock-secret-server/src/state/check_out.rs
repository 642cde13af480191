//! Check-out, check-in and password rotation (soap:§3.7). Nothing here runs by itself: whatever
//! has become due is settled when the secret is touched next, as of the moment when it was due.

use std::net::IpAddr;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::answer::{Answer, GetCheckOutStatusResult};
use super::audit::Event;
use super::contents::{CheckOutRule, FieldKind, Level};
use super::model::{CheckOut, SecretSlot, Value};
use super::refusal::{Refusal, RefusalKind};
use super::role::RolePermission;
use super::text::SecretText;
use super::{Caller, Vault};
use crate::settings::{FreeCheckIn, StatusItems};

/// Where the vault's own actions come from in the audit.
const ITSELF: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl CheckOut {
    /// Whole minutes left, rounded up.
    pub(super) fn minutes_left(self, now: SimTime) -> i32 {
        i32::try_from(self.until.since(now).as_secs().div_ceil(60)).unwrap_or(i32::MAX)
    }
}

impl Vault {
    /// Gives the secret to the caller when it is to be checked out and nobody holds it. The
    /// interval ends with the approval where both apply (documented soap:§3.7).
    pub(super) fn check_out(&mut self, caller: &Caller, slot: SecretSlot) {
        let secret = self.secret(slot);
        let Some(rule) = secret.rules().check_out else {
            return;
        };
        if secret.check_out().is_some() || self.unlimited(caller.user) {
            return;
        }
        let minutes = rule.minutes.unwrap_or(self.settings.check_out_minutes);
        let until = caller
            .now
            .plus(Duration::from_secs(60 * u64::from(minutes)));
        let until = match self.approved_until(caller, slot) {
            Some(end) if secret.rules().approval => until.min(end),
            _ => until,
        };
        let held = CheckOut {
            holder: self.holder_for(caller),
            until,
        };
        self.secret_mut(slot).rare_mut().check_out = Some(held);
        self.record(caller, slot, Event::of("CHECKOUT"));
    }

    pub(super) fn check_in(&mut self, caller: &Caller, id: i32) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        match self.secret(slot).check_out() {
            None => self.check_in_of_free_secret(),
            Some(held) if held.holder == self.holder_for(caller) => {
                self.give_back(caller, slot, "CHECKIN");
                Ok(Answer::WebService)
            }
            Some(_) if self.permits(caller.user, RolePermission::ForceCheckIn) => {
                self.give_back(caller, slot, "FORCE CHECKIN");
                Ok(Answer::WebService)
            }
            Some(held) => Err(Refusal::new(
                RefusalKind::CheckedOut,
                self.checked_out_text(held.holder),
            )),
        }
    }

    pub(super) fn check_in_by_key(
        &mut self,
        key: Option<&SecretText>,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Answer, Refusal> {
        let Some((slot, user)) = key.and_then(|key| self.launches.remove(key)) else {
            return Err(Refusal::new(
                RefusalKind::NotFound,
                "Session key is invalid.",
            ));
        };
        self.settle(slot, now);
        match self.secret(slot).check_out() {
            Some(held) if held.holder == user => {
                self.give_back(
                    &Caller {
                        user,
                        via: None,
                        from,
                        now,
                    },
                    slot,
                    "CHECKIN",
                );
                Ok(Answer::WebService)
            }
            _ => self.check_in_of_free_secret(),
        }
    }

    pub(super) fn get_check_out_status(
        &mut self,
        caller: &Caller,
        id: i32,
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        let mut secret = self.shown(caller, slot, true);
        if self.settings.check_out_status_items == StatusItems::Exposed {
            secret.items = self.exposed_secret(caller, slot).items;
        }
        Ok(Answer::GetCheckOutStatus(Box::new(
            GetCheckOutStatusResult {
                check_out_minutes_remaining: secret.check_out_minutes_remaining.unwrap_or(0),
                is_checked_out: secret.is_checked_out.unwrap_or(false),
                check_out_user_display_name: secret.check_out_user_display_name.clone(),
                check_out_user_id: secret
                    .check_out_user_id
                    .unwrap_or(self.settings.free_check_out_user_id),
                secret,
            },
        )))
    }

    /// `SetCheckOutEnabled`: for owners, also while it is checked out (documented soap:§3.7). The
    /// interval is looked at only when it is switched on (assumed): proxies without a null for
    /// numbers send 0.
    pub(super) fn set_check_out_enabled(
        &mut self,
        caller: &Caller,
        id: i32,
        enabled: bool,
        change_password: bool,
        interval: Option<i32>,
    ) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        let secret = self.secret(slot);
        if self.level_on(caller.user, secret) < Some(Level::Owner) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        if enabled && secret.rules().double_lock.is_some() {
            let text = "Check out cannot be enabled for a DoubleLocked Secret.";
            return Err(Refusal::new(RefusalKind::BadValue, text));
        }
        let minutes = match interval.filter(|_| enabled).map(u32::try_from) {
            Some(Ok(minutes)) if minutes > 0 => Some(minutes),
            None => None,
            Some(_) => {
                let text = "Check out interval is invalid.";
                return Err(Refusal::new(RefusalKind::BadValue, text));
            }
        };
        let rare = self.secret_mut(slot).rare_mut();
        rare.rules.check_out = enabled.then_some(CheckOutRule {
            minutes,
            change_password,
        });
        if !enabled {
            rare.check_out = None;
        }
        self.record(caller, slot, Event::of("UPDATE"));
        Ok(Answer::WebService)
    }

    /// `ExpireSecret`: changes the password where it rotates by itself (assumed).
    pub(super) fn expire_secret(&mut self, caller: &Caller, id: i32) -> Result<Answer, Refusal> {
        let slot = self.visible(caller, id)?;
        let secret = self.secret(slot);
        if self.level_on(caller.user, secret) < Some(Level::Edit) {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        let rotates = secret.rules().auto_change;
        self.record(caller, slot, Event::of("EXPIRE"));
        if rotates {
            self.start_change(slot, caller.now);
            self.settle(slot, caller.now);
        }
        Ok(Answer::WebService)
    }

    /// Does what has become due: the automatic check-in, and the end of a password change.
    pub(super) fn settle(&mut self, slot: SecretSlot, now: SimTime) {
        if let Some(held) = self.secret(slot).check_out()
            && now >= held.until
        {
            let itself = Caller {
                user: held.holder,
                via: None,
                from: ITSELF,
                now: held.until,
            };
            self.give_back(&itself, slot, "AUTOMATIC CHECKIN");
        }
        let due = |slot: SecretSlot, vault: &Self| {
            vault
                .secret(slot)
                .rare
                .as_ref()
                .and_then(|rare| rare.changing_until)
        };
        if due(slot, self).is_some_and(|until| now >= until) {
            self.secret_mut(slot).rare_mut().changing_until = None;
            self.rotate(slot);
        }
    }

    /// Ends a check-out, and starts the password change that hangs on it.
    pub(super) fn give_back(&mut self, caller: &Caller, slot: SecretSlot, action: &'static str) {
        let changes = self
            .secret(slot)
            .rules()
            .check_out
            .is_some_and(|rule| rule.change_password);
        let rare = self.secret_mut(slot).rare_mut();
        rare.check_out = None;
        rare.views.clear();
        self.launches.retain(|_, (launched, _)| *launched != slot);
        self.record(caller, slot, Event::of(action));
        if changes {
            self.start_change(slot, caller.now);
            self.settle(slot, caller.now);
        }
    }

    pub(super) fn start_change(&mut self, slot: SecretSlot, now: SimTime) {
        let span = Duration::from_secs(u64::from(self.settings.password_change_s));
        self.secret_mut(slot).rare_mut().changing_until = Some(now.plus(span));
    }

    /// Gives the first password field a new value. A passphrase, which comes later, stays: it
    /// belongs to the key and not to the account.
    pub(super) fn rotate(&mut self, slot: SecretSlot) {
        let fields = &self.template(self.secret(slot).template).fields;
        let Some(place) = fields
            .iter()
            .position(|field| field.kind == FieldKind::Password)
        else {
            return;
        };
        let password = self.source.password();
        self.secret_mut(slot).values[place] = Value::Hidden(password);
    }

    fn check_in_of_free_secret(&self) -> Result<Answer, Refusal> {
        match self.settings.check_in_of_free_secret {
            FreeCheckIn::Succeed => Ok(Answer::WebService),
            FreeCheckIn::Refuse => {
                let text = self.settings.free_check_in_text.clone();
                Err(Refusal::new(RefusalKind::BadValue, text))
            }
        }
    }
}
