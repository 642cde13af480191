//! Sessions through Password Safe's proxy: filed and listed, never carried. psafe:§2.9.

use sim_kit::exchange::StatusCode;

use super::{Access, Call, Gives, Param, Route, created, flag, gives, int, nothing, ok, text};
use crate::state::State;
use crate::state::ids::{AccountId, RemoteSessionId, RequestId, SystemId};
use crate::state::people::{Feature, Level, Role};
use crate::state::refusal::{Refusal, SubCode};
use crate::state::remote_session::{Intervention, RemoteSession, SessionStatus};
use crate::wire::answer::Answer;
use crate::wire::rows::session::{NODE, SessionRow, SessionTicket};

const QUARANTINE: Access = Access::Feature(Feature::GlobalQuarantine, Level::FullControl);
const FEEDBACK: &[Param] = &[flag("feedback")];
const DONE: Gives = nothing(204);
const SESSION_NOT_FOUND: Refusal = Refusal::NotFound("Session not found");

const fn intervening(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
) -> Route {
    Route {
        name,
        summary,
        access: QUARANTINE,
        query: FEEDBACK,
        body: &[],
        gives: DONE,
        run,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "POST Requests/{id}/Sessions",
        summary: "Start a session on an approved request of the caller's",
        access: Access::SignedIn,
        query: &[],
        body: &[
            text("SessionType").required(),
            text("NodeID"),
            text("Resolution"),
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
            text("SessionType").required(),
            int("DurationMinutes"),
            text("Reason"),
        ],
        gives: created(gives::<SessionTicket>),
        run: start_isa,
    },
    Route {
        name: "GET Sessions",
        summary: "Sessions; paging is ignored, as by the vendor",
        access: Access::SignedIn,
        query: &[text("status"), int("userID")],
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
    state.settle(call.now);
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
    let is_ssh = match session_type.as_str() {
        "ssh" | "sshticket" => true,
        "rdp" | "rdpticket" | "rdpfile" | "app" | "appfile" => false,
        _ => return Err(Refusal::malformed("SessionType is not valid")),
    };
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
    let user = call.query.id("userID")?;
    let wanted: Option<Vec<i32>> = call
        .query
        .words("status")?
        .map(|words| {
            words
                .split(',')
                .map(|word| word.trim().parse())
                .collect::<Result<_, _>>()
        })
        .transpose()
        .map_err(|_| Refusal::malformed("status is not a list of integers"))?;
    let rows = state
        .remote_sessions
        .all
        .values()
        .filter(|session| user.is_none_or(|user| session.user.0 == user))
        .filter(|session| {
            wanted
                .as_ref()
                .is_none_or(|list| list.contains(&(session.status as i32)))
        })
        .map(|session| SessionRow::of(session, state, call.now));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let session = state.remote_sessions.all.get(&RemoteSessionId(call.id(0)?));
    Ok(Answer::ok(&SessionRow::of(
        session.ok_or(SESSION_NOT_FOUND)?,
        state,
        call.now,
    )))
}

fn lock(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    one(state, call, Intervention::Lock)
}

fn end(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    one(state, call, Intervention::Terminate)
}

fn one(state: &mut State, call: &Call<'_>, what: Intervention) -> Result<Answer, Refusal> {
    let id = RemoteSessionId(call.id(0)?);
    if !state.remote_sessions.all.contains_key(&id) {
        return Err(SESSION_NOT_FOUND);
    }
    intervene(state, call, what, |session| session.id == id)
}

fn lock_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    intervene(state, call, Intervention::Lock, |session| {
        session.account == id
    })
}

fn end_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    intervene(state, call, Intervention::Terminate, |session| {
        session.account == id
    })
}

fn lock_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    intervene(state, call, Intervention::Lock, |session| {
        session.system == id
    })
}

fn end_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    intervene(state, call, Intervention::Terminate, |session| {
        session.system == id
    })
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
