//! Users and groups. psafe:§2.10, §2.11.

use super::{Access, Call, Route, created, flag, gives, many_or_one, ok, text};
use crate::state::State;
use crate::state::ids::{GroupId, UserId};
use crate::state::people::{Feature, Level};
use crate::state::refusal::Refusal;
use crate::wire::answer::Answer;
use crate::wire::rows::directory::{GroupRow, UserRow};

const READ: Access = Access::Feature(Feature::UserAccountsManagement, Level::Read);
const FULL: Access = Access::Feature(Feature::UserAccountsManagement, Level::FullControl);
const USER_NOT_FOUND: Refusal = Refusal::NotFound("User not found");

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Users",
        summary: "The users; one object when a name is given",
        access: READ,
        query: &[text("username"), flag("includeInactive")],
        body: &[],
        gives: ok(many_or_one::<UserRow>),
        run: users,
    },
    Route {
        name: "GET Users/{id}",
        summary: "One user",
        access: READ,
        query: &[],
        body: &[],
        gives: ok(gives::<UserRow>),
        run: user,
    },
    Route {
        name: "POST Users/{id}/Quarantine",
        // `vendor-client psafe:PYLIB` wants 201.
        summary: "Quarantine a user; the sessions of the user end",
        access: FULL,
        query: &[],
        body: &[],
        gives: created(gives::<UserRow>),
        run: quarantine,
    },
    Route {
        name: "GET UserGroups",
        summary: "The user groups; one object when a name is given",
        access: READ,
        query: &[text("name")],
        body: &[],
        gives: ok(many_or_one::<GroupRow>),
        run: groups,
    },
    Route {
        name: "GET UserGroups/{id}/Users",
        summary: "The users of a group",
        access: READ,
        query: &[],
        body: &[],
        gives: ok(gives::<Vec<UserRow>>),
        run: group_users,
    },
];

fn users(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    if let Some(name) = call.query.words("username")? {
        let found = state.people.find(&name).ok_or(USER_NOT_FOUND)?;
        return Ok(Answer::ok(&UserRow::of(found)));
    }
    let inactive_too = call.query.flag("includeInactive")?.unwrap_or(false);
    let all = state
        .people
        .users
        .values()
        .filter(|user| user.active || inactive_too);
    Ok(Answer::ok(&all.map(UserRow::of).collect::<Vec<_>>()))
}

fn user(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let found = state
        .people
        .users
        .get(&UserId(call.id(0)?))
        .ok_or(USER_NOT_FOUND)?;
    Ok(Answer::ok(&UserRow::of(found)))
}

fn quarantine(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = UserId(call.id(0)?);
    let found = state.people.users.get_mut(&id).ok_or(USER_NOT_FOUND)?;
    found.quarantined = true;
    let answer = Answer::created(&UserRow::of(found));
    state.sign_ins.expire_user(id);
    Ok(answer)
}

fn groups(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut all = state.people.groups.values();
    match call.query.words("name")? {
        None => Ok(Answer::ok(&all.map(GroupRow::of).collect::<Vec<_>>())),
        Some(name) => {
            let found = all.find(|group| group.name.eq_ignore_ascii_case(&name));
            Ok(Answer::ok(&GroupRow::of(
                found.ok_or(Refusal::NotFound("User Group not found"))?,
            )))
        }
    }
}

fn group_users(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = GroupId(call.id(0)?);
    if !state.people.groups.contains_key(&id) {
        return Err(Refusal::NotFound("User Group not found"));
    }
    let members = state
        .people
        .users
        .values()
        .filter(|user| user.groups.contains(&id));
    Ok(Answer::ok(&members.map(UserRow::of).collect::<Vec<_>>()))
}
