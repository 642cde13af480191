//! Asking for a release, and deciding on it. psafe:§2.4, §4.2–4.4.

use sim_kit::clock::SimTime;

use super::State;
use super::ids::{AccountId, RequestId, SystemId, UserId};
use super::people::{Grant, Role};
use super::policy::{AccessRule, Policy, Schedule};
use super::refusal::{Refusal, SubCode};
use super::release::{OnConflict, Order, Release, Released, Standing};
use super::vault::Account;

/// Minutes that a release may last at most, whatever the account says (`documented psafe:DOC-req`).
const DURATION_MAX_MIN: i64 = 525_600;

/// Characters of a reason (`documented psafe:DOC-req`).
const REASON_MAX: usize = 1000;

const REQUEST_NOT_FOUND: &str = "Request not found";

impl State {
    /// The roles that a user has on an account.
    pub(crate) fn grants_on<'a>(
        &'a self,
        user: UserId,
        account: &'a Account,
    ) -> impl Iterator<Item = &'a Grant> {
        self.people.grants_of(user).filter(move |grant| {
            grant.smart_group == super::ids::SmartGroupId::ALL
                || account.smart_groups.contains(&grant.smart_group)
        })
    }

    /// Whether one of the user's roles on the account satisfies `wanted`. Administrators of the
    /// vault have the Administrator role everywhere.
    pub(crate) fn has_role(
        &self,
        user: UserId,
        account: &Account,
        wanted: fn(Role) -> bool,
    ) -> bool {
        let administrator = self
            .people
            .users
            .get(&user)
            .is_some_and(|person| person.administrator);
        (administrator && wanted(Role::Administrator))
            || self
                .grants_on(user, account)
                .any(|grant| wanted(grant.role))
    }

    /// The account, when it can be asked for on this system through the API at all; else 4031.
    pub(crate) fn requestable(
        &self,
        user: UserId,
        system: SystemId,
        account: AccountId,
    ) -> Result<&Account, Refusal> {
        self.vault
            .accounts
            .get(&account)
            .filter(|found| self.vault.is_valid_pair(system, found))
            .filter(|found| found.api_enabled)
            .filter(|found| found.dedicated_to.is_none_or(|owner| owner == user))
            .ok_or(Refusal::NO_PERMISSION)
    }

    /// Files a request, or finds the one to be reused.
    pub(crate) fn order(
        &mut self,
        user: UserId,
        order: &Order,
        now: SimTime,
    ) -> Result<Released, Refusal> {
        self.settle(now);
        let account = self.requestable(user, order.system, order.account)?;
        if !self.has_role(user, account, Role::requests) {
            let code = if self.has_role(user, account, Role::approves) {
                SubCode::RequestorOnly
            } else {
                SubCode::NoPermission
            };
            return Err(Refusal::Forbidden(code));
        }
        let duration_min = self.checked_duration(order.duration_min, account)?;
        let (schedule, rule) = self.schedule_for(user, account, order, now)?;
        check_words(order, schedule)?;
        let approvers_min = rule.approvers_min;
        let rotate_on_checkin = order.rotate_on_checkin || !schedule.rotation_override;
        let concurrent_max = account.concurrent_max;
        if approvers_min > 0 && approvers_min > self.approvers_of(user, account) {
            return Err(Refusal::Forbidden(SubCode::NotEnoughApprovers));
        }
        if let Some(reused) = self.resolve_conflict(user, order, concurrent_max, now)? {
            return Ok(Released::Reused(reused));
        }
        if self.releases.is_full() {
            return Err(Refusal::malformed("There are too many live requests"));
        }
        let order = Order {
            duration_min,
            rotate_on_checkin,
            ..order.clone()
        };
        Ok(Released::New(self.releases.file(
            user,
            &order,
            approvers_min,
            now,
        )))
    }

    /// Approves a request. `documented psafe:DOC-req`; approving twice counts once.
    pub(crate) fn approve(
        &mut self,
        user: UserId,
        id: RequestId,
        now: SimTime,
    ) -> Result<(), Refusal> {
        self.settle(now);
        let own_allowed = self.rules.self_approval;
        self.check_approver(user, id)?;
        let release = self
            .releases
            .get_mut(id)
            .filter(|release| release.is_live(now))
            .ok_or(Refusal::NotFound(REQUEST_NOT_FOUND))?;
        if release.requestor == user && !own_allowed {
            return Err(Refusal::NO_PERMISSION);
        }
        if release.standing == Standing::Pending && !release.approved_by.contains(&user) {
            release.approved_by.push(user);
            if release.approved_by.len() >= usize::from(release.approvers_min) {
                release.standing = Standing::Approved;
                release.approved_at = Some(now);
            }
        }
        Ok(())
    }

    /// Denies a request; one denial wins and is final.
    pub(crate) fn deny(
        &mut self,
        user: UserId,
        id: RequestId,
        now: SimTime,
    ) -> Result<(), Refusal> {
        self.settle(now);
        self.check_approver(user, id)?;
        let deniable = self.releases.get(id).is_some_and(|release| {
            release.is_live(now)
                && (release.standing == Standing::Pending || self.rules.denial_after_approval)
        });
        if !deniable {
            return Err(Refusal::NotFound(REQUEST_NOT_FOUND));
        }
        let released = self.releases.end(id, Standing::Denied, now);
        self.rotate_after_release(released, true, now);
        Ok(())
    }

    /// Whether the user approves anything at all.
    pub(crate) fn is_approver(&self, user: UserId) -> bool {
        self.people
            .grants_of(user)
            .any(|grant| grant.role.approves())
    }

    /// Whether the user may decide on this request.
    pub(crate) fn decides_on(&self, user: UserId, release: &Release) -> bool {
        self.vault
            .accounts
            .get(&release.account)
            .is_some_and(|account| self.has_role(user, account, Role::approves))
    }

    fn check_approver(&self, user: UserId, id: RequestId) -> Result<(), Refusal> {
        if !self.is_approver(user) {
            return Err(Refusal::Forbidden(SubCode::ApproverOnly));
        }
        let release = self
            .releases
            .get(id)
            .ok_or(Refusal::NotFound(REQUEST_NOT_FOUND))?;
        if self.decides_on(user, release) {
            Ok(())
        } else {
            Err(Refusal::NO_PERMISSION)
        }
    }

    fn checked_duration(&self, asked_min: i64, account: &Account) -> Result<i64, Refusal> {
        if !(1..=DURATION_MAX_MIN).contains(&asked_min) {
            return Err(Refusal::malformed(format!(
                "DurationMinutes must be between 1 and {DURATION_MAX_MIN}"
            )));
        }
        let max_min = i64::from(account.release_max_min);
        if asked_min > max_min && !self.rules.long_duration_is_clamped {
            return Err(Refusal::malformed(format!(
                "DurationMinutes is longer than the account's maximum of {max_min}"
            )));
        }
        Ok(asked_min.min(max_min))
    }

    /// The schedule that is open now, allows the access type, and asks the fewest approvers
    /// (`documented psafe:DOC-req`: the best one is chosen when none is named).
    pub(crate) fn schedule_for(
        &self,
        user: UserId,
        account: &Account,
        order: &Order,
        now: SimTime,
    ) -> Result<(&Schedule, &AccessRule), Refusal> {
        let open: Vec<_> = self
            .policies_for(user, account)
            .iter()
            .flat_map(|policy| policy.schedules.iter())
            .filter_map(|schedule| Some((schedule, schedule.rule(order.access_type, now)?)))
            .collect();
        match order.schedule {
            Some(wanted) => open
                .into_iter()
                .find(|(schedule, _)| i64::from(schedule.id.0) == wanted)
                .ok_or_else(|| {
                    Refusal::malformed("AccessPolicyScheduleID is not valid for this request")
                }),
            None => open
                .into_iter()
                .min_by_key(|(_, rule)| rule.approvers_min)
                .ok_or(Refusal::NO_PERMISSION),
        }
    }

    /// The policies under which a user may ask for an account: an application user's own, else
    /// those of the requestor roles.
    pub(crate) fn policies_for(&self, user: UserId, account: &Account) -> Vec<&Policy> {
        let own = self
            .people
            .users
            .get(&user)
            .and_then(|person| person.policy);
        let mut ids: Vec<_> = match own {
            Some(policy) => vec![policy],
            None => self
                .grants_on(user, account)
                .filter(|grant| grant.role.requests())
                .filter_map(|grant| grant.policy)
                .collect(),
        };
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.policies.get(id)).collect()
    }

    /// How many others could approve.
    fn approvers_of(&self, user: UserId, account: &Account) -> u16 {
        let count = self
            .people
            .users
            .values()
            .filter(|person| person.active && (self.rules.self_approval || person.id != user))
            .filter(|person| self.has_role(person.id, account, Role::approves))
            .count();
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    fn resolve_conflict(
        &mut self,
        user: UserId,
        order: &Order,
        concurrent_max: u16,
        now: SimTime,
    ) -> Result<Option<RequestId>, Refusal> {
        let same: Vec<(RequestId, bool)> = self
            .releases
            .live_of(order.account, now)
            .filter(|release| release.is_same_kind(user, order))
            .map(|release| (release.id, release.is_active(now)))
            .collect();
        match order.on_conflict {
            OnConflict::Refuse if !same.is_empty() => return Err(Refusal::Conflict),
            OnConflict::Reuse => {
                if let Some((id, _)) = same.iter().find(|(_, active)| *active) {
                    return Ok(Some(*id));
                }
            }
            OnConflict::Renew => {
                for (id, _) in same.iter().filter(|(_, active)| *active) {
                    self.releases.end(*id, Standing::Ended, now);
                }
            }
            OnConflict::Refuse => {}
        }
        let overridden =
            order.on_conflict != OnConflict::Refuse && self.rules.conflict_option_overrides_others;
        let unlimited = concurrent_max == 0 && self.rules.zero_concurrency_is_unlimited;
        let others = self
            .releases
            .live_of(order.account, now)
            .filter(|release| release.requestor != user);
        if !overridden && !unlimited && others.count() >= usize::from(concurrent_max) {
            return Err(Refusal::Conflict);
        }
        Ok(None)
    }
}

/// Checks reason, ticket and application. The texts are ours: none is public (`assumed psafe:§3`).
fn check_words(order: &Order, schedule: &Schedule) -> Result<(), Refusal> {
    let reason = order.reason.as_deref().unwrap_or("").trim();
    if reason.chars().count() > REASON_MAX {
        return Err(Refusal::malformed(format!(
            "Reason is longer than {REASON_MAX} characters"
        )));
    }
    if schedule.reason_required && reason.is_empty() {
        return Err(Refusal::malformed(
            "A reason is required by the access policy",
        ));
    }
    let ticket = order.ticket.as_deref().unwrap_or("").trim();
    if schedule.ticket_required && ticket.is_empty() {
        return Err(Refusal::malformed(
            "A ticket number is required by the access policy",
        ));
    }
    if order
        .ticket_system
        .is_some_and(|asked| Some(asked) != schedule.ticket_system)
    {
        return Err(Refusal::malformed(
            "TicketSystemID is not valid for this request",
        ));
    }
    if order.access_type == super::policy::AccessType::App && order.application.is_none() {
        return Err(Refusal::malformed(
            "ApplicationID is required for access type App",
        ));
    }
    Ok(())
}
