//! What holds after any sequence of calls.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use sim_kit::clock::SimTime;
use sim_kit::seeded::Seed;

use super::State;
use super::credential::CredentialKind;
use super::ids::{AccountId, RequestId, SystemId, UserId};
use super::policy::AccessType;
use super::refusal::Refusal;
use super::release::{OnConflict, Order, Released};
use crate::lab::Lab;

const WEB01: SystemId = SystemId(1);
/// `administrator` of web01: one request at a time, rotates after release.
const ADMINISTRATOR: AccountId = AccountId(1);
const DB01: SystemId = SystemId(2);
/// `administrator` of db01: two approvers, reason and ticket.
const GUARDED: AccountId = AccountId(4);
const JOE: UserId = UserId(1);
const JANE: UserId = UserId(2);
const APPROVERS: [UserId; 2] = [UserId(6), UserId(7)];

#[derive(Clone, Debug)]
enum Step {
    Order {
        user: UserId,
        guarded: bool,
        on_conflict: OnConflict,
        minutes: i64,
    },
    Approve {
        by: UserId,
        id: i32,
    },
    Deny {
        by: UserId,
        id: i32,
    },
    CheckIn {
        user: UserId,
        id: i32,
    },
    Wait {
        minutes: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let user = prop_oneof![Just(JOE), Just(JANE)];
    let by = prop_oneof![Just(APPROVERS[0]), Just(APPROVERS[1]), Just(JOE)];
    let option = prop_oneof![
        Just(OnConflict::Refuse),
        Just(OnConflict::Reuse),
        Just(OnConflict::Renew)
    ];
    let id = 100..112_i32;
    prop_oneof![
        4 => (user.clone(), any::<bool>(), option, -1_i64..90).prop_map(
            |(user, guarded, on_conflict, minutes)| Step::Order { user, guarded, on_conflict, minutes }
        ),
        2 => (by.clone(), id.clone()).prop_map(|(by, id)| Step::Approve { by, id }),
        1 => (by, id.clone()).prop_map(|(by, id)| Step::Deny { by, id }),
        2 => (user, id).prop_map(|(user, id)| Step::CheckIn { user, id }),
        1 => (0_u64..45).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

fn order(guarded: bool, on_conflict: OnConflict, duration_min: i64) -> Order {
    let (system, account) = if guarded {
        (DB01, GUARDED)
    } else {
        (WEB01, ADMINISTRATOR)
    };
    Order {
        system,
        account,
        application: None,
        access_type: AccessType::View,
        duration_min,
        reason: Some("reason".into()),
        schedule: None,
        on_conflict,
        ticket_system: None,
        ticket: Some("INC-1".into()),
        rotate_on_checkin: true,
        alias: None,
    }
}

/// Does the step, and checks what it says of itself.
fn take(state: &mut State, step: &Step, now: &mut SimTime) {
    match *step {
        Step::Order {
            user,
            guarded,
            on_conflict,
            minutes,
        } => {
            let done = state.order(user, &order(guarded, on_conflict, minutes), *now);
            match done {
                Ok(Released::Reused(id)) => {
                    assert_eq!(on_conflict, OnConflict::Reuse);
                    assert!(state.releases.get(id).unwrap().is_active(*now));
                }
                Ok(Released::New(id)) => assert!(state.releases.get(id).unwrap().is_live(*now)),
                Err(Refusal::Malformed(_)) => assert!(minutes < 1),
                Err(refusal) => assert_eq!(refusal, Refusal::Conflict),
            }
        }
        Step::Approve { by, id } => {
            let _ = state.approve(by, RequestId(id), *now, *now);
        }
        Step::Deny { by, id } => {
            if state.deny(by, RequestId(id), *now).is_ok() {
                assert!(
                    state.approve(by, RequestId(id), *now, *now).is_err(),
                    "a denial is final"
                );
            }
        }
        Step::CheckIn { user, id } => {
            if state.check_in(user, RequestId(id), *now).is_ok() {
                let read = state.credential(user, RequestId(id), CredentialKind::Password, *now);
                assert!(
                    matches!(read, Err(Refusal::NotFound(_))),
                    "what is given back is gone"
                );
            }
        }
        Step::Wait { minutes } => *now = now.plus(Duration::from_secs(minutes * 60)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_at_a_time_and_only_what_is_approved_is_read(steps in prop::collection::vec(step(), 1..40)) {
        let mut now = SimTime::SCENARIO_START;
        let mut state = Lab::acme().unwrap().populate(Seed(1), now).unwrap().0;
        for step in &steps {
            take(&mut state, step, &mut now);
            state.settle(now);
            for account in [ADMINISTRATOR, GUARDED] {
                let mut users: Vec<_> = state.releases.live_of(account, now).map(|live| live.requestor).collect();
                users.dedup();
                prop_assert!(users.len() <= 1, "{users:?} share {account:?}");
            }
            let all: Vec<_> = state.releases.iter().cloned().collect();
            for release in &all {
                let read = state.credential(release.requestor, release.id, CredentialKind::Password, now);
                let approved = release.approved_by.len() >= usize::from(release.approvers_min);
                prop_assert_eq!(read.is_ok(), release.is_active(now));
                prop_assert!(!release.is_active(now) || approved, "{:?}", release);
                let stranger = if release.requestor == JOE { JANE } else { JOE };
                prop_assert!(state.credential(stranger, release.id, CredentialKind::Password, now).is_err());
            }
        }
    }
}
