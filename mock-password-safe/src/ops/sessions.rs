//! Sessions through Password Safe's proxy: filed and listed, never carried. psafe:§2.9.

use std::collections::HashSet;

use sim_kit::exchange::StatusCode;

use super::{
    Access, Call, Gives, Param, Route, Run, created, flag, gives, int, nothing, numbers, ok,
    one_of, route, text,
};
use crate::state::State;
use crate::state::ids::{AccountId, RemoteSessionId, RequestId, SystemId, UserId};
use crate::state::people::{Feature, Level, Role};
use crate::state::refusal::{Refusal, SubCode};
use crate::state::remote_session::{Intervention, RemoteSession, SessionStatus};
use crate::wire::answer::Answer;
use crate::wire::rows::session::{NODE, SessionRow, SessionTicket};

const FEEDBACK: &[Param] = &[flag("feedback")];
const DONE: Gives = nothing(204);
const SESSION_NOT_FOUND: Refusal = Refusal::NotFound("Session not found");

/// `documented psafe:§2.9`.
const SESSION_TYPE: Param = one_of(
    "SessionType",
    &[
        "SSH",
        "sshticket",
        "RDP",
        "rdpticket",
        "rdpfile",
        "app",
        "appfile",
    ],
)
.required();

const fn intervening(name: &'static str, summary: &'static str, run: Run) -> Route {
    route(name, summary, Access::SignedIn, FEEDBACK, &[], DONE, run)
}

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "POST Requests/{id}/Sessions",
        summary: "Start a session on an approved request of the caller's",
        access: Access::SignedIn,
        query: &[],
        body: &[
            SESSION_TYPE,
            text("NodeID").at_most(36),
            text("Resolution").at_most(50),
            flag("RDPAdminSwitch"),
            flag("SpanMultipleMonitors"),
        ],
        gives: created(gives::<SessionTicket>),
        run: start,
    },
    Route {
        name: "POST ISASessions",
        summary: "Start a session for an ISA user",
        access: Access::SignedIn,
        query: &[],
        body: &[
            int("SystemID").required(),
            int("AccountID").required(),
            SESSION_TYPE,
            int("DurationMinutes").between(1, 525_600),
            text("Reason").at_most(1000),
        ],
        gives: created(gives::<SessionTicket>),
        run: start_isa,
    },
    Route {
        name: "GET Sessions",
        summary: "Sessions; paging is ignored, as by the vendor",
        access: Access::SignedIn,
        query: &[numbers("status"), int("userID")],
        body: &[],
        gives: ok(gives::<Vec<SessionRow>>),
        run: list,
    },
    Route {
        name: "GET Sessions/{id}",
        summary: "One session",
        access: Access::SignedIn,
        query: &[],
        body: &[],
        gives: ok(gives::<SessionRow>),
        run: get,
    },
    intervening("POST Sessions/{id}/Lock", "Lock a session", lock),
    intervening("POST Sessions/{id}/Terminate", "Terminate a session", end),
    intervening(
        "POST ManagedAccounts/{id}/Sessions/Lock",
        "Lock an account's sessions",
        lock_account,
    ),
    intervening(
        "POST ManagedAccounts/{id}/Sessions/Terminate",
        "Terminate an account's sessions",
        end_account,
    ),
    intervening(
        "POST ManagedSystems/{id}/Sessions/Lock",
        "Lock a system's sessions",
        lock_system,
    ),
    intervening(
        "POST ManagedSystems/{id}/Sessions/Terminate",
        "Terminate a system's sessions",
        end_system,
    ),
];

fn start(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = call.user()?;
    let id = RequestId(call.id(0)?);
    let release = state
        .releases
        .get(id)
        .filter(|release| release.is_live(call.now))
        .ok_or(Refusal::NotFound("Request not found"))?;
    if release.requestor != user {
        return Err(Refusal::NO_PERMISSION);
    }
    if !release.is_active(call.now) {
        return Err(Refusal::Forbidden(SubCode::NotApproved));
    }
    let (system, account) = (release.system, release.account);
    open(state, call, system, account, Some(id))
}

fn start_isa(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let user = call.user()?;
    let fields = &call.fields;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let found = state.requestable(user, system, account)?;
    if !state.has_role(user, found, Role::is_isa) {
        return Err(Refusal::NO_PERMISSION);
    }
    open(state, call, system, account, None)
}

fn open(
    state: &mut State,
    call: &Call<'_>,
    system: SystemId,
    account: AccountId,
    request: Option<RequestId>,
) -> Result<Answer, Refusal> {
    let session_type = call
        .fields
        .required_words("SessionType")?
        .to_ascii_lowercase();
    let is_ssh = session_type.starts_with("ssh");
    let session = RemoteSession {
        id: state.remote_sessions.next_id(),
        user: call.user()?,
        system,
        account,
        request,
        is_ssh,
        status: SessionStatus::NotStarted,
        started_at: call.now,
        ended_at: None,
        record_key: state.mint.guid(),
    };
    let ticket = state.mint.session();
    let (host, port) = ("127.0.0.1", if is_ssh { "4422" } else { "4489" });
    let (scheme, command) = match is_ssh {
        true => ("ssh", Some(format!("ssh -p {port} {ticket}@{host}"))),
        false => ("rdp", None),
    };
    let row = SessionTicket {
        id: session.record_key.clone(),
        ticket_at_host: format!("{ticket}@{host}"),
        link: format!("{scheme}://{ticket}@{host}:{port}"),
        host: host.to_owned(),
        port: port.to_owned(),
        command,
        ticket,
        session_id: session.id.0,
        node_id: NODE,
    };
    state.remote_sessions.file(session);
    if session_type.ends_with("file") {
        let text = format!(
            "full address:s:{host}:{port}\r\nusername:s:{}\r\n",
            row.ticket
        );
        return Ok(Answer::file(
            &format!("{}.rdp", row.session_id),
            text.into_bytes(),
        ));
    }
    Ok(Answer::created(&row))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let caller = call.user()?;
    let user = call.query.id("userID")?;
    let wanted = call.query.numbers("status")?;
    let rows = state
        .remote_sessions
        .all
        .values()
        .filter(|session| user.is_none_or(|user| session.user.0 == user))
        .filter(|session| session.user == caller || watches(state, caller, session))
        .filter(|session| {
            wanted
                .as_ref()
                .is_none_or(|list| list.contains(&(session.status as i32)))
        })
        .map(|session| SessionRow::of(session, state, call.now));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let caller = call.user()?;
    let session = state.remote_sessions.all.get(&RemoteSessionId(call.id(0)?));
    let session = session
        .filter(|session| session.user == caller || watches(state, caller, session))
        .ok_or(SESSION_NOT_FOUND)?;
    Ok(Answer::ok(&SessionRow::of(session, state, call.now)))
}

/// Who sees and ends other people's sessions: Password Safe API Global Quarantine, or the roles
/// Administrator and ISA on the account (`documented psafe:DOC-new`, sessions).
fn watches(state: &State, user: UserId, session: &RemoteSession) -> bool {
    watches_account(state, user, session.account)
}

fn watches_account(state: &State, user: UserId, account: AccountId) -> bool {
    state
        .people
        .may(user, Feature::GlobalQuarantine, Level::FullControl)
        || state
            .vault
            .accounts
            .get(&account)
            .is_some_and(|account| state.has_role(user, account, Role::is_isa))
}

fn lock(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    one(state, call, Intervention::Lock)
}

fn end(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    one(state, call, Intervention::Terminate)
}

fn one(state: &mut State, call: &Call<'_>, what: Intervention) -> Result<Answer, Refusal> {
    let id = RemoteSessionId(call.id(0)?);
    let session = state.remote_sessions.all.get(&id);
    let session = session.ok_or(SESSION_NOT_FOUND)?;
    if !watches(state, call.user()?, session) {
        return Err(Refusal::NO_PERMISSION);
    }
    intervene(state, call, what, |session| session.id == id)
}

fn lock_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    if !watches_account(state, call.user()?, id) {
        return Err(Refusal::NO_PERMISSION);
    }
    intervene(state, call, Intervention::Lock, |session| {
        session.account == id
    })
}

fn end_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    if !watches_account(state, call.user()?, id) {
        return Err(Refusal::NO_PERMISSION);
    }
    intervene(state, call, Intervention::Terminate, |session| {
        session.account == id
    })
}

fn lock_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    let accounts = watched_accounts(state, call.user()?, id)?;
    intervene(state, call, Intervention::Lock, |session| {
        session.system == id && accounts.contains(&session.account)
    })
}

fn end_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    let accounts = watched_accounts(state, call.user()?, id)?;
    intervene(state, call, Intervention::Terminate, |session| {
        session.system == id && accounts.contains(&session.account)
    })
}

/// The accounts with sessions on a system that the caller watches; none at all is a refusal.
fn watched_accounts(
    state: &State,
    user: UserId,
    system: SystemId,
) -> Result<HashSet<AccountId>, Refusal> {
    let sessions = state.remote_sessions.all.values();
    let on_system = sessions.filter(|session| session.system == system);
    let watched: HashSet<_> = on_system
        .filter(|session| watches(state, user, session))
        .map(|session| session.account)
        .collect();
    let may = !watched.is_empty()
        || state
            .people
            .may(user, Feature::GlobalQuarantine, Level::FullControl);
    if may {
        Ok(watched)
    } else {
        Err(Refusal::NO_PERMISSION)
    }
}

/// 204; 200 with the number of sessions when feedback is asked for. The form of that answer is
/// assumed: `documented psafe:DOC-new` says only that there is one.
fn intervene(
    state: &mut State,
    call: &Call<'_>,
    what: Intervention,
    concerns: impl Fn(&RemoteSession) -> bool,
) -> Result<Answer, Refusal> {
    let feedback = call.query.flag("feedback")?.unwrap_or(false);
    let count = state.remote_sessions.intervene(what, concerns, call.now);
    if feedback {
        Ok(Answer::json(StatusCode::OK, &count))
    } else {
        Ok(Answer::no_content())
    }
}
