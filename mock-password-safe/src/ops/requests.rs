//! Requests: asking, listing, deciding, giving back. psafe:§2.4, §2.8.

use std::collections::HashMap;

use sim_kit::exchange::StatusCode;

use super::{
    Access, Call, Gives, Param, Route, Run, created, flag, gives, int, nothing, ok, one_of, route,
    several_of, text,
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

/// `documented psafe:DOC-req`.
const ACCESS_TYPES: &[&str] = &["View", "RDP", "SSH", "App"];
const DURATION: Param = int("DurationMinutes").between(1, 525_600);
const WHY: Param = text("Reason").at_most(1000);
const SYSTEM: Param = int("SystemID").required();
const ACCOUNT: Param = int("AccountID").required();
/// Length of a ticket number (assumed).
const TICKET: Param = text("TicketNumber").at_most(100);
/// The kinds of a credential (`documented psafe:DOC-cred`).
pub(crate) const CREDENTIAL_TYPE: Param = one_of("type", &["password", "dsskey", "passphrase"]);
const ORDER: &[Param] = &[
    SYSTEM,
    ACCOUNT,
    int("ApplicationID"),
    DURATION.required(),
    one_of("AccessType", ACCESS_TYPES),
    WHY,
    int("AccessPolicyScheduleID"),
    one_of("ConflictOption", &["reuse", "renew"]),
    int("TicketSystemID"),
    TICKET,
    flag("RotateOnCheckin"),
];
/// The same for an alias, which knows system and account. The duration is not marked as required:
/// see the setting.
pub(crate) const ALIAS_ORDER: &[Param] = &[
    DURATION,
    one_of("AccessType", ACCESS_TYPES),
    WHY,
    int("AccessPolicyScheduleID"),
    one_of("ConflictOption", &["reuse", "renew"]),
    int("TicketSystemID"),
    TICKET,
    flag("RotateOnCheckin"),
];
const REASON: &[Param] = &[WHY];
const QUEUE: &[Param] = &[
    one_of("status", &["all", "active", "pending"]),
    one_of("queue", &["req", "app"]),
];
const QUARANTINE: Access = Access::Feature(Feature::GlobalQuarantine, Level::FullControl);
const DONE: Gives = nothing(204);

const fn put(name: &'static str, summary: &'static str, run: Run) -> Route {
    route(name, summary, Access::SignedIn, &[], REASON, DONE, run)
}

const fn terminating(name: &'static str, summary: &'static str, run: Run) -> Route {
    route(name, summary, QUARANTINE, &[], REASON, DONE, run)
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
        summary: "Live requests in the sets in which they were asked for; a request of its own is a set of one",
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
            several_of("AccessTypes", ACCESS_TYPES).required(),
            SYSTEM,
            ACCOUNT,
            int("ApplicationID"),
            DURATION.required(),
            WHY,
            int("TicketSystemID"),
            TICKET,
        ],
        gives: created(gives::<RequestSetRow>),
        run: post_set,
    },
    Route {
        name: "POST ISARequests",
        summary: "Release and credential in one, for ISA users",
        access: Access::SignedIn,
        query: &[CREDENTIAL_TYPE],
        body: &[
            SYSTEM,
            ACCOUNT,
            DURATION,
            WHY,
            one_of("AccessType", ACCESS_TYPES),
            int("ApplicationID"),
        ],
        gives: created(gives::<String>),
        run: isa,
    },
];

fn post(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let order = order(fields, system, account, None)?;
    answer_of(state.order(call.user()?, &order, call.now)?)
}

/// A bare integer: 201 for a new request, 200 for a reused one (`vendor-client psafe:C#-V3`).
pub(crate) fn answer_of(released: Released) -> Result<Answer, Refusal> {
    Ok(match released {
        Released::New(id) => Answer::created(&id.0),
        Released::Reused(id) => Answer::ok(&id.0),
    })
}

/// Reads the body of `POST Requests`, whose account is known. Words and bounds have been checked.
pub(crate) fn order(
    fields: &Fields,
    system: SystemId,
    account: AccountId,
    alias: Option<AliasId>,
) -> Result<Order, Refusal> {
    let access_type = fields.words("AccessType")?;
    let on_conflict = fields.words("ConflictOption")?;
    Ok(Order {
        system,
        account,
        application: fields.id("ApplicationID")?.map(ApplicationId),
        access_type: access_type
            .and_then(|word| AccessType::parse(&word))
            .unwrap_or(AccessType::View),
        duration_min: fields.int("DurationMinutes")?.unwrap_or(0),
        reason: fields.words("Reason")?,
        schedule: fields.int("AccessPolicyScheduleID")?,
        on_conflict: match on_conflict {
            None => OnConflict::Refuse,
            Some(word) if word.eq_ignore_ascii_case("reuse") => OnConflict::Reuse,
            Some(_) => OnConflict::Renew,
        },
        ticket_system: fields.id("TicketSystemID")?,
        ticket: fields.words("TicketNumber")?,
        rotate_on_checkin: fields.flag("RotateOnCheckin")?.unwrap_or(true),
        alias,
    })
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let rows = queue(state, call)?
        .into_iter()
        .map(|release| RequestRow::of(release, state, call.settings, call.now));
    Ok(Answer::ok(&rows.collect::<Vec<_>>()))
}

/// The sets in the order of their first request.
fn list_sets(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut sets: Vec<RequestSetRow> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for release in queue(state, call)? {
        let place = *places.entry(&release.set).or_insert_with(|| {
            sets.push(RequestSetRow {
                request_set_id: release.set.clone(),
                requests: Vec::new(),
            });
            sets.len() - 1
        });
        let row = RequestRow::of(release, state, call.settings, call.now);
        sets[place].requests.push(row);
    }
    Ok(Answer::ok(&sets))
}

/// The live requests that the query asks for. One's own are a requestor's to see, the others an
/// approver's (`documented psafe:DOC-req`).
fn queue<'a>(state: &'a State, call: &Call<'_>) -> Result<Vec<&'a Release>, Refusal> {
    let user = call.user()?;
    let word = |name: &str| -> Result<String, Refusal> {
        Ok(call.query.words(name)?.unwrap_or_default().to_lowercase())
    };
    let status = word("status")?;
    let wanted = |release: &&Release| match status.as_str() {
        "active" => release.is_active(call.now),
        "pending" => !release.is_active(call.now),
        _ => true,
    };
    if word("queue")? == "app" {
        if !state.is_approver(user) {
            return Err(Refusal::Forbidden(SubCode::ApproverOnly));
        }
        let decided = |release: &&Release| {
            state.decides_on(user, release)
                && (release.approved_by.contains(&user) || !release.is_active(call.now))
        };
        let live = state.releases.live(call.now).into_iter();
        return Ok(live.filter(decided).filter(wanted).collect());
    }
    if !state.may_have_releases(user) {
        return Err(Refusal::Forbidden(SubCode::ApproverOnly));
    }
    let own = state.releases.live_of_user(user, call.now);
    Ok(own.filter(wanted).collect())
}

fn check_in(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    state.check_in(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn approve(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = RequestId(call.id(0)?);
    state.approve(call.user()?, id, call.now, call.approval_at)?;
    Ok(Answer::no_content())
}

fn deny(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    state.deny(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn rotate_on_checkin(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    state.rotate_on_checkin(call.user()?, RequestId(call.id(0)?), call.now)?;
    Ok(Answer::no_content())
}

fn end_account(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = AccountId(call.id(0)?);
    state.terminate_account(id, call.now);
    Ok(Answer::no_content())
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
    state.terminate(concerns, call.now);
    Ok(Answer::no_content())
}

fn post_set(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let order = order(fields, system, account, None)?;
    let words = fields.texts("AccessTypes")?.unwrap_or_default();
    let types = words.iter().filter_map(|word| AccessType::parse(word));
    let orders: Vec<Order> = types
        .map(|access_type| Order {
            access_type,
            ..order.clone()
        })
        .collect();
    let ids = state.order_set(call.user()?, &orders, call.now)?;
    let releases: Vec<&Release> = ids
        .iter()
        .filter_map(|id| state.releases.get(*id))
        .collect();
    let set = RequestSetRow {
        request_set_id: releases
            .first()
            .map(|release| release.set.clone())
            .unwrap_or_default(),
        requests: releases
            .into_iter()
            .map(|release| RequestRow::of(release, state, call.settings, call.now))
            .collect(),
    };
    Ok(Answer::created(&set))
}

fn isa(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = &call.fields;
    let system = SystemId(fields.required_id("SystemID")?);
    let account = AccountId(fields.required_id("AccountID")?);
    let kind = credential_kind(call)?;
    let default = state
        .vault
        .accounts
        .get(&account)
        .map_or(1, |account| account.isa_release_min);
    let duration_min = fields
        .int("DurationMinutes")?
        .unwrap_or_else(|| i64::from(default));
    let order = Order {
        duration_min,
        ..order(fields, system, account, None)?
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
        Some("dsskey") => Ok(CredentialKind::Key),
        Some("passphrase") => Ok(CredentialKind::Passphrase),
        _ => Ok(CredentialKind::Password),
    }
}
