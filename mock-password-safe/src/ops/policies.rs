//! Access policies. psafe:§2.11.

use super::{Access, Call, Route, gives, int, ok};
use crate::state::State;
use crate::state::ids::{AccountId, SystemId};
use crate::state::people::{Feature, Level, Role};
use crate::state::refusal::Refusal;
use crate::wire::answer::Answer;
use crate::wire::rows::request::{PolicyRow, TicketSystemRow};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET AccessPolicies",
        summary: "The access policies",
        access: Access::Feature(Feature::RoleManagement, Level::Read),
        query: &[],
        body: &[],
        gives: ok(gives::<Vec<PolicyRow>>),
        run: list,
    },
    Route {
        name: "POST AccessPolicies/Test",
        summary: "The policies under which the caller could ask for an account",
        access: Access::SignedIn,
        query: &[],
        body: &[
            int("SystemId").required(),
            int("AccountId").required(),
            int("DurationMinutes").required().between(1, 525_600),
        ],
        gives: ok(gives::<Vec<PolicyRow>>),
        run: test,
    },
    Route {
        name: "GET TicketSystems",
        summary: "The ticket systems that requests may refer to",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<Vec<TicketSystemRow>>),
        run: ticket_systems,
    },
];

fn list(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(
        &state
            .policies
            .values()
            .map(PolicyRow::of)
            .collect::<Vec<_>>(),
    ))
}

fn test(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = call.user()?;
    let fields = &call.fields;
    let system = SystemId(fields.required_id("SystemId")?);
    let id = AccountId(fields.required_id("AccountId")?);
    let account = state.requestable(user, system, id)?;
    if !state.has_role(user, account, Role::requests) {
        return Err(Refusal::NO_PERMISSION);
    }
    let rows = state
        .policies_for(user, account)
        .into_iter()
        .map(PolicyRow::of);
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

fn ticket_systems(state: &mut State, _: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = state.ticket_systems.values().map(TicketSystemRow::of);
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}
