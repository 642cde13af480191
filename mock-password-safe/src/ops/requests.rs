//! Requests: asking, listing, deciding, giving back. psafe:§2.4, §2.8.

use sim_kit::exchange::StatusCode;

use super::{
    Access, Call, Gives, Param, Route, created, flag, gives, int, nothing, ok, text, texts,
};
use crate::state::State;
use crate::state::credential::CredentialKind;
use crate::state::ids::{AccountId, AliasId, ApplicationId, RequestId, SystemId, UserId};
use crate::state::people::{Feature, Level};
use crate::state::policy::AccessType;
use crate::state::refusal::{Refusal, SubCode};
use crate::state::release::{OnConflict, Order, Release, Released};
use crate::wire::answer::Answer;
use crate::wire::read::Fields;
use crate::wire::rows::request::{RequestRow, RequestSetRow};

const ORDER: &[Param] = &[
    text("AccessType"),
    int("SystemID").required(),
    int("AccountID").required(),
    int("ApplicationID"),
    int("DurationMinutes").required(),
    text("Reason"),
    int("AccessPolicyScheduleID"),
    text("ConflictOption"),
    int("TicketSystemID"),
    text("TicketNumber"),
    flag("RotateOnCheckin"),
];
const REASON: &[Param] = &[text("Reason")];
const QUEUE: &[Param] = &[text("status"), text("queue")];
const QUARANTINE: Access = Access::Feature(Feature::GlobalQuarantine, Level::FullControl);
const DONE: Gives = nothing(204);

const fn put(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
) -> Route {
    Route {
        name,
        summary,
        access: Access::SignedIn,
        query: &[],
        body: REASON,
        gives: DONE,
        run,
    }
}

const fn terminating(
    name: &'static str,
    summary: &'static str,
    run: fn(&mut State, &Call<'_>) -> Result<Answer, Refusal>,
) -> Route {
    Route {
        name,
        summary,
        access: QUARANTINE,
        query: &[],
        body: REASON,
        gives: DONE,
        run,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route {
        name: "GET Requests",
        summary: "Live requests: the caller's own, or those the caller decides on",
        access: Access::SignedIn,
        query: QUEUE,
        body: &[],
        gives: ok(gives::<Vec<RequestRow>>),
        run: list,
    },
    Route {
        name: "POST Requests",
        summary: "Ask for a release; 201 with a new number, 200 with a reused one",
        access: Access::SignedIn,
        query: &[],
        body: ORDER,
        gives: created(gives::<i32>),
        run: post,
    },
    put("PUT Requests/{id}/Checkin", "Give a release back", check_in),
    put(
        "PUT Requests/Release/{id}",
        "The same, deprecated",
        check_in,
    ),
    put("PUT Requests/{id}/Approve", "Approve a request", approve),
    put("PUT Requests/{id}/Deny", "Deny a request", deny),
    put(
        "PUT Requests/{id}/RotateOnCheckin",
        "Rotate on check-in after all",
        rotate_on_checkin,
    ),
    terminating(
        "POST ManagedAccounts/{id}/Requests/Terminate",
        "End the releases of an account",
        end_account,
    ),
    terminating(
        "POST ManagedSystems/{id}/Requests/Terminate",
        "End the releases of a system",
        end_system,
    ),
    terminating(
        "POST Users/{id}/Requests/Terminate",
        "End the releases of a user",
        end_user,
    ),
    Route {
        name: "GET RequestSets",
        summary: "Live requests in sets; the simulator makes one set of each request",
        access: Access::SignedIn,
        query: QUEUE,
        body: &[],
        gives: ok(gives::<Vec<RequestSetRow>>),
        run: list_sets,
    },
    Route {
        name: "POST RequestSets",
        summary: "Ask for several access types at once",
        access: Access::SignedIn,
        query: &[],
        body: &[
            texts("AccessTypes").required(),
            int("SystemID").required(),
            int("AccountID").required(),
            int("ApplicationID"),
            int("DurationMinutes").required(),
            text("Reason"),
            int("TicketSystemID"),
            text("TicketNumber"),
        ],
        gives: created(gives::<RequestSetRow>),
        run: post_set,
    },
    Route {
        name: "POST ISARequests",
        summary: "Release and credential in one, for ISA users",
        access: Access::SignedIn,
        query: &[text("type")],
        body: &[
            int("SystemID").required(),
            int("AccountID").required(),
            int("DurationMinutes"),
            text("Reason"),
        ],
        gives: created(gives::<String>),
        run: isa,
    },
];

fn post(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let order = order(&fields, system, account, None)?;
    answer_of(state.order(call.user()?, &order, call.now)?)
}

/// A bare integer: 201 for a new request, 200 for a reused one (`vendor-client psafe:C#-V3`).
pub(crate) fn answer_of(released: Released) -> Result<Answer, Refusal> {
    Ok(match released {
        Released::New(id) => Answer::created(&id.0),
        Released::Reused(id) => Answer::ok(&id.0),
    })
}

/// Reads the body of `POST Requests`, whose account is known.
pub(crate) fn order(
    fields: &Fields,
    system: SystemId,
    account: AccountId,
    alias: Option<AliasId>,
) -> Result<Order, Refusal> {
    let access_type = match fields.words("AccessType")? {
        None => AccessType::View,
        Some(word) => AccessType::parse(&word)
            .ok_or_else(|| Refusal::malformed("AccessType must be View, RDP, SSH or App"))?,
    };
    let on_conflict = match fields
        .words("ConflictOption")?
        .map(|word| word.to_ascii_lowercase())
    {
        None => OnConflict::Refuse,
        Some(word) if word == "reuse" => OnConflict::Reuse,
        Some(word) if word == "renew" => OnConflict::Renew,
        Some(_) => return Err(Refusal::malformed("ConflictOption must be reuse or renew")),
    };
    let duration_min = fields
        .int("DurationMinutes")?
        .ok_or_else(|| Refusal::malformed("DurationMinutes is required"))?;
    Ok(Order {
        system,
        account,
        application: fields.id("ApplicationID")?.map(ApplicationId),
        access_type,
        duration_min,
        reason: fields.words("Reason")?,
        schedule: fields.int("AccessPolicyScheduleID")?,
        on_conflict,
        ticket_system: fields.id("TicketSystemID")?,
        ticket: fields.words("TicketNumber")?,
        rotate_on_checkin: fields.flag("RotateOnCheckin")?.unwrap_or(true),
        alias,
    })
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(&rows(state, call)?))
}

fn list_sets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = rows(state, call)?;
    let sets = rows.into_iter().map(|row| RequestSetRow {
        request_set_id: state.mint.guid(),
        requests: vec![row],
    });
    Ok(Answer::ok(&sets.collect::<Vec<_>>()))
}

fn rows(state: &State, call: &Call<'_>) -> Result<Vec<RequestRow>, Refusal> {
    let user = call.user()?;
    let word = |name: &str, default: &str| -> Result<String, Refusal> {
        Ok(call
            .query
            .words(name)?
            .unwrap_or_else(|| default.to_owned())
            .to_ascii_lowercase())
    };
    let (pending, active) = match word("status", "all")?.as_str() {
        "all" => (true, true),
        "active" => (false, true),
        "pending" => (true, false),
        _ => return Err(Refusal::malformed("status must be all, active or pending")),
    };
    let queue = word("queue", "req")?;
    let concerns: &dyn Fn(&Release) -> bool = match queue.as_str() {
        "req" => &|release| release.requestor == user,
        "app" if !state.is_approver(user) => return Err(Refusal::Forbidden(SubCode::ApproverOnly)),
        "app" => &|release| {
            state.decides_on(user, release)
                && (release.approved_by.contains(&user) || !release.is_active(call.now))
        },
        _ => return Err(Refusal::malformed("queue must be req or app")),
    };
    Ok(state
        .releases
        .live(call.now)
        .into_iter()
        .filter(|release| concerns(release))
        .filter(|release| {
            if release.is_active(call.now) {
                active
            } else {
                pending
            }
        })
        .map(|release| RequestRow::of(release, state, call.settings, call.now))
        .collect())
}

fn check_in(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    reason(call)?;
    state.check_in(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn approve(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    reason(call)?;
    state.approve(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn deny(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    reason(call)?;
    state.deny(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn rotate_on_checkin(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    state.rotate_on_checkin(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn end_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    terminate(state, call, |release| release.account == id)
}

fn end_system(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = SystemId(call.id(0)?);
    terminate(state, call, |release| release.system == id)
}

fn end_user(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = UserId(call.id(0)?);
    terminate(state, call, |release| release.requestor == id)
}

fn terminate(
    state: &mut State,
    call: &Call<'_>,
    concerns: impl Fn(&Release) -> bool,
) -> Result<Answer, Refusal> {
    reason(call)?;
    state.terminate(concerns, call.now);
    Ok(Answer::no_content())
}

fn post_set(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let user = call.user()?;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let words = fields
        .value("AccessTypes")
        .and_then(serde_json::Value::as_array);
    let words = words.ok_or_else(|| Refusal::malformed("AccessTypes is required"))?;
    let mut orders = Vec::new();
    for word in words {
        let access_type = word
            .as_str()
            .and_then(AccessType::parse)
            .ok_or_else(|| Refusal::malformed("AccessTypes must hold View, RDP, SSH or App"))?;
        orders.push(Order {
            access_type,
            ..order(&fields, system, account, None)?
        });
    }
    let mut requests = Vec::new();
    for order in &orders {
        let (Released::New(id) | Released::Reused(id)) = state.order(user, order, call.now)?;
        let release = state.releases.get(id).ok_or(Refusal::Conflict)?;
        requests.push(RequestRow::of(release, state, call.settings, call.now));
    }
    let set = RequestSetRow {
        request_set_id: state.mint.guid(),
        requests,
    };
    Ok(Answer::created(&set))
}

fn isa(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.fields()?;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let kind = credential_kind(call)?;
    let default = state
        .vault
        .accounts
        .get(&account)
        .map_or(1, |account| account.isa_release_min);
    let duration_min = match fields.int("DurationMinutes")? {
        None => i64::from(default),
        Some(minutes @ 1..=525_600) => minutes,
        Some(_) => {
            return Err(Refusal::malformed(
                "DurationMinutes must be between 1 and 525600",
            ));
        }
    };
    let order = Order {
        system,
        account,
        application: None,
        access_type: AccessType::View,
        duration_min,
        reason: fields.words("Reason")?,
        schedule: None,
        on_conflict: OnConflict::Refuse,
        ticket_system: None,
        ticket: None,
        rotate_on_checkin: true,
        alias: None,
    };
    let secret = state.isa(call.user()?, &order, kind, call.now)?;
    Ok(Answer::json(StatusCode::CREATED, &secret.expose()))
}

/// The `type` of a credential: password unless told otherwise.
pub(crate) fn credential_kind(call: &Call<'_>) -> Result<CredentialKind, Refusal> {
    match call
        .query
        .words("type")?
        .map(|word| word.to_ascii_lowercase())
        .as_deref()
    {
        None | Some("password") => Ok(CredentialKind::Password),
        Some("dsskey") => Ok(CredentialKind::Key),
        Some("passphrase") => Ok(CredentialKind::Passphrase),
        Some(_) => Err(Refusal::malformed(
            "type must be password, dsskey or passphrase",
        )),
    }
}

/// The optional reason of the body, at most 1000 characters (`documented psafe:DOC-req`).
fn reason(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let reason = call.fields()?.words("Reason")?;
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > 1000)
    {
        return Err(Refusal::malformed("Reason is longer than 1000 characters"));
    }
    Ok(reason)
}
