//! Release requests: asking, deciding, reading, checking in. psafe:§2.4, §4.2–4.5.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::ids::{AccountId, AliasId, ApplicationId, RequestId, SystemId, UserId};
use super::policy::AccessType;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) system: SystemId,
    pub(crate) account: AccountId,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) access_type: AccessType,
    pub(crate) duration_min: i64,
    pub(crate) reason: Option<String>,
    pub(crate) schedule: Option<i64>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) ticket_system: Option<i32>,
    pub(crate) ticket: Option<String>,
    pub(crate) rotate_on_checkin: bool,
    pub(crate) alias: Option<AliasId>,
}

/// What to do when the caller has a release of the same kind already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnConflict {
    #[default]
    Refuse,
    Reuse,
    Renew,
}

/// How a request stands. Expiry is not a state but a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    Approved,
    Denied,
    /// Checked in by its owner.
    Released,
    /// Ended by renewal, by termination or by expiry.
    Ended,
}

/// A release request.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) id: RequestId,
    pub(crate) requestor: UserId,
    pub(crate) system: SystemId,
    pub(crate) account: AccountId,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) alias: Option<AliasId>,
    /// The set that it was asked for in; a request that was asked for alone is a set of its own.
    pub(crate) set: String,
    pub(crate) access_type: AccessType,
    pub(crate) reason: Option<String>,
    pub(crate) ticket_system: Option<i32>,
    pub(crate) ticket: Option<String>,
    pub(crate) standing: Standing,
    pub(crate) created_at: SimTime,
    pub(crate) approved_at: Option<SimTime>,
    pub(crate) canceled_at: Option<SimTime>,
    pub(crate) expires_at: SimTime,
    pub(crate) approvers_min: u16,
    pub(crate) approved_by: Vec<UserId>,
    pub(crate) rotate_on_checkin: bool,
}

impl Release {
    /// Whether the request is pending or approved, and its time is not up.
    pub(crate) fn is_live(&self, now: SimTime) -> bool {
        matches!(self.standing, Standing::Pending | Standing::Approved) && now < self.expires_at
    }

    /// Whether the request is approved, and its time is not up. An approval may arrive late.
    pub(crate) fn is_active(&self, now: SimTime) -> bool {
        self.standing == Standing::Approved
            && now < self.expires_at
            && self.approved_at.is_none_or(|at| at <= now)
    }

    /// Whether the other asks for the same: user, system, account and access type.
    pub(crate) fn is_same_kind(&self, user: UserId, order: &Order) -> bool {
        self.requestor == user
            && self.system == order.system
            && self.account == order.account
            && self.access_type == order.access_type
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// A new request.
    New(RequestId),
    /// An approved request of the same kind.
    Reused(RequestId),
}

/// A request that passed every check and is filed as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Filing {
    pub(crate) user: UserId,
    pub(crate) order: Order,
    pub(crate) approvers_min: u16,
    /// Releases of the caller's that it takes the place of.
    pub(crate) renews: Vec<RequestId>,
}

/// Every request, with an index of those that are live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Releases {
    all: BTreeMap<RequestId, Release>,
    live_of_account: HashMap<AccountId, BTreeSet<RequestId>>,
    live_of_user: HashMap<UserId, BTreeSet<RequestId>>,
    expiry: BTreeSet<(SimTime, RequestId)>,
    last_id: i32,
}

/// Requests kept at most; the oldest that has ended goes first.
const KEPT_MAX: usize = 200_000;

/// Live requests at most: what keeps a client that asks without end from filling the memory.
const LIVE_MAX: usize = KEPT_MAX / 2;

/// The first request of a fresh vault is 1 above this.
const FIRST_ID: i32 = 100;

impl Releases {
    /// Files a new request and numbers it.
    pub(crate) fn file(&mut self, filing: &Filing, set: String, now: SimTime) -> RequestId {
        let Filing {
            user,
            ref order,
            approvers_min,
            ..
        } = *filing;
        self.forget_oldest();
        self.last_id = self.last_id.max(FIRST_ID).saturating_add(1);
        let id = RequestId(self.last_id);
        let minutes = u64::try_from(order.duration_min).unwrap_or(0);
        let expires_at = now.plus(Duration::from_secs(minutes.saturating_mul(60)));
        let approved = approvers_min == 0;
        self.all.insert(
            id,
            Release {
                id,
                requestor: user,
                system: order.system,
                account: order.account,
                application: order.application,
                alias: order.alias,
                set,
                access_type: order.access_type,
                reason: order.reason.clone(),
                ticket_system: order.ticket_system,
                ticket: order.ticket.clone(),
                standing: if approved {
                    Standing::Approved
                } else {
                    Standing::Pending
                },
                created_at: now,
                approved_at: approved.then_some(now),
                canceled_at: None,
                expires_at,
                approvers_min,
                approved_by: Vec::new(),
                rotate_on_checkin: order.rotate_on_checkin,
            },
        );
        self.live_of_account
            .entry(order.account)
            .or_default()
            .insert(id);
        self.live_of_user.entry(user).or_default().insert(id);
        self.expiry.insert((expires_at, id));
        id
    }

    /// The request of this number, whatever became of it.
    pub(crate) fn get(&self, id: RequestId) -> Option<&Release> {
        self.all.get(&id)
    }

    /// The same, to change it in place. Use [`Releases::end`] to end it.
    pub(crate) fn get_mut(&mut self, id: RequestId) -> Option<&mut Release> {
        self.all.get_mut(&id)
    }

    /// Whether so many more requests fit beside those that are live.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.expiry.len() + more <= LIVE_MAX
    }

    /// The live requests, in the order of filing.
    pub(crate) fn live(&self, now: SimTime) -> Vec<&Release> {
        let mut ids: Vec<_> = self.expiry.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        let open = ids.iter().filter_map(|id| self.all.get(id));
        open.filter(|release| release.is_live(now)).collect()
    }

    /// The live requests of a user, in the order of filing.
    pub(crate) fn live_of_user(
        &self,
        user: UserId,
        now: SimTime,
    ) -> impl Iterator<Item = &Release> {
        self.live_of_user
            .get(&user)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
            .filter(move |release| release.is_live(now))
    }

    /// Every request, in the order of filing.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Release> {
        self.all.values()
    }

    /// The live requests for an account.
    pub(crate) fn live_of(
        &self,
        account: AccountId,
        now: SimTime,
    ) -> impl Iterator<Item = &Release> {
        self.live_of_account
            .get(&account)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
            .filter(move |release| release.is_live(now))
    }

    /// Ends a request and returns its account when that was released until now.
    pub(crate) fn end(
        &mut self,
        id: RequestId,
        standing: Standing,
        now: SimTime,
    ) -> Option<AccountId> {
        let release = self.all.get_mut(&id)?;
        let was_approved = release.standing == Standing::Approved;
        release.standing = standing;
        release.canceled_at = Some(now);
        let (account, user) = (release.account, release.requestor);
        self.expiry.remove(&(release.expires_at, id));
        if let Some(live) = self.live_of_account.get_mut(&account) {
            live.remove(&id);
        }
        if let Some(live) = self.live_of_user.get_mut(&user) {
            live.remove(&id);
        }
        was_approved.then_some(account)
    }

    /// The requests whose time was up at `now` and that nobody ended yet, and when it was.
    pub(crate) fn overdue(&self, now: SimTime) -> Vec<(SimTime, RequestId)> {
        let expiry = self.expiry.iter();
        expiry.take_while(|(at, _)| *at <= now).copied().collect()
    }

    fn forget_oldest(&mut self) {
        if self.all.len() >= KEPT_MAX
            && let Some(id) = self
                .all
                .values()
                .find(|old| !matches!(old.standing, Standing::Pending | Standing::Approved))
                .map(|old| old.id)
        {
            self.all.remove(&id);
        }
    }
}
