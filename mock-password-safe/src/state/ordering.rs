//! Asking for a release, and deciding on it. psafe:§2.4, §4.2–4.4.

use sim_kit::clock::SimTime;

use super::State;
use super::ids::{AccountId, RequestId, SystemId, UserId};
use super::people::{Grant, Role};
use super::policy::{AccessRule, AccessType, Policy, Schedule};
use super::refusal::{Refusal, SubCode};
use super::release::{Filing, OnConflict, Order, Release, Released, Standing};
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
            .filter(|found| found.rare().dedicated_to.is_none_or(|owner| owner == user))
            .ok_or(Refusal::NO_PERMISSION)
    }

    /// Files a request, or finds the one to be reused.
    pub(crate) fn order(
        &mut self,
        user: UserId,
        order: &Order,
        now: SimTime,
    ) -> Result<Released, Refusal> {
        match self.plan(user, order, now)? {
            Plan::Reuse(id) => Ok(Released::Reused(id)),
            Plan::File(filing) => {
                self.check_room(1)?;
                let set = self.mint.guid();
                Ok(Released::New(self.carry_out(&filing, set, now)))
            }
        }
    }

    /// Files a request for each order, all in one set, or none of them.
    pub(crate) fn order_set(
        &mut self,
        user: UserId,
        orders: &[Order],
        now: SimTime,
    ) -> Result<Vec<RequestId>, Refusal> {
        self.check_room(orders.len())?;
        let plans = orders.iter().map(|order| self.plan(user, order, now));
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let set = self.mint.guid();
        let ids = plans.iter().map(|plan| match plan {
            Plan::Reuse(id) => *id,
            Plan::File(filing) => self.carry_out(filing, set.clone(), now),
        });
        Ok(ids.collect())
    }

    /// Everything that may be refused about an order is refused here, before anything changes.
    fn plan(&self, user: UserId, order: &Order, now: SimTime) -> Result<Plan, Refusal> {
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
        check_application(order, account)?;
        let ticket_system = self.ticket_system_of(order, schedule)?;
        let approvers_min = rule.approvers_min;
        if approvers_min > 0 && approvers_min > self.approvers_of(user, account) {
            return Err(Refusal::Forbidden(SubCode::NotEnoughApprovers));
        }
        let renews = match self.resolve_conflict(user, order, now)? {
            Conflict::Reuse(id) => return Ok(Plan::Reuse(id)),
            Conflict::Renew(ids) => ids,
        };
        self.check_concurrency(user, order, account, rule, now)?;
        Ok(Plan::File(Filing {
            user,
            order: Order {
                duration_min,
                rotate_on_checkin: order.rotate_on_checkin || !schedule.rotation_override,
                ticket_system,
                ..order.clone()
            },
            approvers_min,
            renews,
        }))
    }

    fn carry_out(&mut self, filing: &Filing, set: String, now: SimTime) -> RequestId {
        for id in &filing.renews {
            let rotate = self.rules.renew_rotates
                && self
                    .releases
                    .get(*id)
                    .is_some_and(|release| release.rotate_on_checkin);
            let released = self.releases.end(*id, Standing::Ended, now);
            self.rotate_after_release(released, rotate, now);
        }
        self.releases.file(filing, set, now)
    }

    pub(super) fn check_room(&self, more: usize) -> Result<(), Refusal> {
        if self.releases.has_room(more) {
            return Ok(());
        }
        Err(Refusal::malformed("There are too many live requests"))
    }

    /// Approves a request. `documented psafe:DOC-req`; approving twice counts once. What is approved
    /// is active from `effective_at` on.
    pub(crate) fn approve(
        &mut self,
        user: UserId,
        id: RequestId,
        now: SimTime,
        effective_at: SimTime,
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
                release.approved_at = Some(effective_at);
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

    /// Whether the user can have releases: somebody who asks, or has immediate access.
    pub(crate) fn may_have_releases(&self, user: UserId) -> bool {
        let administrator = self.people.users.get(&user);
        administrator.is_some_and(|person| person.administrator)
            || self.people.grants_of(user).any(|grant| grant.role.lists())
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

    /// What becomes of the caller's own live releases of the same kind.
    fn resolve_conflict(
        &self,
        user: UserId,
        order: &Order,
        now: SimTime,
    ) -> Result<Conflict, Refusal> {
        let same = || {
            self.releases
                .live_of(order.account, now)
                .filter(|release| release.is_same_kind(user, order))
        };
        let active = || same().filter(|release| release.is_active(now));
        match order.on_conflict {
            OnConflict::Refuse if same().next().is_some() => Err(Refusal::Conflict),
            OnConflict::Refuse => Ok(Conflict::Renew(Vec::new())),
            OnConflict::Reuse => Ok(active().next().map_or_else(
                || Conflict::Renew(Vec::new()),
                |release| Conflict::Reuse(release.id),
            )),
            OnConflict::Renew => Ok(Conflict::Renew(active().map(|old| old.id).collect())),
        }
    }

    /// Other users' live releases count against the account's limit, and those for the same access
    /// type against the policy's.
    fn check_concurrency(
        &self,
        user: UserId,
        order: &Order,
        account: &Account,
        rule: &AccessRule,
        now: SimTime,
    ) -> Result<(), Refusal> {
        if order.on_conflict != OnConflict::Refuse && self.rules.conflict_option_overrides_others {
            return Ok(());
        }
        let others = || {
            self.releases
                .live_of(order.account, now)
                .filter(|release| release.requestor != user)
        };
        let unlimited = account.concurrent_max == 0 && self.rules.zero_concurrency_is_unlimited;
        if !unlimited && others().count() >= usize::from(account.concurrent_max) {
            return Err(Refusal::Conflict);
        }
        let alike = others().filter(|release| release.access_type == order.access_type);
        if rule.concurrent_max > 0 && alike.count() >= usize::from(rule.concurrent_max) {
            return Err(Refusal::Conflict);
        }
        Ok(())
    }

    /// The ticket system of an order: the one named, the policy's, or the default one when there is
    /// a number to look up (`documented psafe:DOC-req`).
    fn ticket_system_of(&self, order: &Order, schedule: &Schedule) -> Result<Option<i32>, Refusal> {
        let Some(asked) = order.ticket_system else {
            let default = self.ticket_systems.values().find(|system| system.default);
            let default = default.map(|system| system.id);
            return Ok(schedule
                .ticket_system
                .or(default)
                .filter(|_| order.ticket.is_some()));
        };
        let known = self.ticket_systems.get(&asked);
        let fits = schedule.ticket_system.is_none_or(|only| only == asked);
        if fits && known.is_some_and(|system| system.active) {
            return Ok(Some(asked));
        }
        Err(Refusal::malformed(
            "TicketSystemID is not valid for this request",
        ))
    }
}

/// What an order that passes every check comes to.
enum Plan {
    Reuse(RequestId),
    File(Filing),
}

/// What becomes of releases that are in the way.
enum Conflict {
    Reuse(RequestId),
    /// These end when the new one begins.
    Renew(Vec<RequestId>),
}

/// Checks reason and ticket number. The texts are ours: none is public (`assumed psafe:§3`).
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
    Ok(())
}

/// An application has to be named for `App`, and has to be one of the account's (`documented
/// psafe:DOC-req`; the texts are ours).
fn check_application(order: &Order, account: &Account) -> Result<(), Refusal> {
    match order.application {
        Some(id) if !account.rare().applications.contains(&id) => Err(Refusal::malformed(
            "ApplicationID is not valid for this account",
        )),
        None if order.access_type == AccessType::App => Err(Refusal::malformed(
            "ApplicationID is required for access type App",
        )),
        _ => Ok(()),
    }
}
