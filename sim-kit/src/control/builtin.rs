//! The routes that every simulator has.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ControlCall, ControlError, Counters, Parts, Route, to_json};
use crate::clock::{Motion, SimClock, SimTime};
use crate::config::close;
use crate::exchange::Method;
use crate::fault::{Installed, Rule};
use crate::journal::Entry;
use crate::serve::StatsSnapshot;

/// Longest step of the clock in one call: a hundred years.
const ADVANCE_MS_MAX: u64 = 100 * 366 * 86_400 * 1000;
const JOURNAL_LIMIT: usize = 1_000;

/// The clock, as the control plane shows it.
#[derive(Serialize, JsonSchema)]
struct ClockState {
    /// Simulated time, RFC 3339 in UTC.
    now: String,
    /// The same in milliseconds since 1970.
    unix_ms: SimTime,
    /// Whether it moves by itself.
    motion: Motion,
}

/// A step of the clock.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// Seconds to go forward.
    #[serde(default)]
    seconds: u64,
    /// Milliseconds to go forward, added to the seconds.
    #[serde(default)]
    ms: u64,
}

/// Whether the simulator answers.
#[derive(Serialize, JsonSchema)]
struct ReadyState {
    name: String,
    ready: bool,
}

/// The name of an installed rule.
#[derive(Serialize, JsonSchema)]
struct RuleId {
    id: String,
}

/// A part of the journal.
#[derive(Serialize, JsonSchema)]
struct JournalPage {
    /// Calls ever recorded.
    recorded: u64,
    /// The calls after the asked number, oldest first.
    entries: Vec<Entry>,
}

pub(super) fn routes(parts: &Parts, counters: &Counters) -> Vec<Route> {
    let mut routes = vec![ready(parts), stats(counters)];
    routes.extend(clock(parts));
    routes.extend(faults(parts));
    routes.extend(journal(parts));
    routes.extend(state(parts));
    routes
}

fn ready(parts: &Parts) -> Route {
    let name = parts.name;
    Route::new(
        Method::GET,
        "/ready",
        "Whether the simulator answers",
        move |_| async move {
            Ok(to_json(&ReadyState {
                name: name.to_owned(),
                ready: true,
            }))
        },
    )
    .gives::<ReadyState>()
}

fn stats(counters: &Counters) -> Route {
    let counters = Counters::clone(counters);
    Route::new(
        Method::GET,
        "/stats",
        "Connections, TLS handshakes and requests of the vendor port since the start",
        move |_| {
            let counted = counters.get().map(|stats| stats.snapshot());
            async move { Ok(to_json(&counted.unwrap_or_default())) }
        },
    )
    .gives::<StatsSnapshot>()
}

fn clock_state(clock: &SimClock) -> Value {
    let now = clock.now();
    to_json(&ClockState {
        now: now.to_rfc3339(),
        unix_ms: now,
        motion: clock.motion(),
    })
}

fn clock(parts: &Parts) -> [Route; 2] {
    let (reading, moving) = (parts.clock.clone(), parts.clock.clone());
    [
        Route::new(Method::GET, "/clock", "The simulated time", move |_| {
            let state = clock_state(&reading);
            async move { Ok(state) }
        })
        .gives::<ClockState>(),
        Route::new(
            Method::POST,
            "/clock/advance",
            "Move the clock forward",
            move |call| {
                let moved = call.body::<Advance>().and_then(|step| {
                    let ms = step.seconds.saturating_mul(1000).saturating_add(step.ms);
                    if ms > ADVANCE_MS_MAX {
                        return Err(ControlError::bad_request(
                            "a step is at most a hundred years",
                        ));
                    }
                    moving.advance(Duration::from_millis(ms));
                    Ok(clock_state(&moving))
                });
                async move { moved }
            },
        )
        .takes::<Advance>()
        .gives::<ClockState>(),
    ]
}

fn faults(parts: &Parts) -> [Route; 4] {
    let listing = parts.faults.clone();
    let adding = parts.faults.clone();
    let simulator = Arc::clone(&parts.simulator);
    let removing = parts.faults.clone();
    let clearing = parts.faults.clone();
    [
        Route::new(
            Method::GET,
            "/faults",
            "The fault rules with their counters",
            move |_| {
                let list = to_json(&listing.list());
                async move { Ok(list) }
            },
        )
        .gives::<Vec<Installed>>(),
        Route::new(
            Method::POST,
            "/faults",
            "Install a fault rule",
            move |call| {
                let added = call.body::<Rule>().and_then(|rule| {
                    check_operation(&rule, simulator.operations())?;
                    let guard = adding
                        .add(rule)
                        .map_err(|e| ControlError::bad_request(e.to_string()))?;
                    Ok(to_json(&RuleId { id: guard.keep() }))
                });
                async move { added }
            },
        )
        .takes::<Rule>()
        .gives::<RuleId>(),
        Route::new(
            Method::DELETE,
            "/faults/{id}",
            "Remove a fault rule",
            move |call: ControlCall| {
                let removed = match removing.remove(call.param("id")) {
                    true => Ok(json!({})),
                    false => Err(ControlError::not_found("no fault rule of this name")),
                };
                async move { removed }
            },
        ),
        Route::new(
            Method::DELETE,
            "/faults",
            "Remove all fault rules",
            move |_| {
                clearing.clear();
                async move { Ok(json!({})) }
            },
        ),
    ]
}

/// A rule for an operation that there is not would never be met.
fn check_operation(rule: &Rule, known: Option<Vec<&'static str>>) -> Result<(), ControlError> {
    let (Some(named), Some(known)) = (&rule.matcher.operation, known) else {
        return Ok(());
    };
    if known.iter().any(|name| name.eq_ignore_ascii_case(named)) {
        return Ok(());
    }
    let cure = match close(named, &known) {
        Some(meant) => format!("unknown operation \"{named}\" - did you mean \"{meant}\"?"),
        None => format!("unknown operation \"{named}\""),
    };
    Err(ControlError::bad_request(cure))
}

fn journal(parts: &Parts) -> [Route; 2] {
    let reading = parts.journal.clone();
    let clearing = parts.journal.clone();
    [
        Route::new(
            Method::GET,
            "/journal",
            "The calls that arrived; ?after=<seq>&limit=<n> pages",
            move |call: ControlCall| {
                let number = |name: &str, default: u64| match call.query(name) {
                    None => Ok(default),
                    Some(text) => text.parse::<u64>().map_err(|_| {
                        ControlError::bad_request(format!("query {name}: not a number"))
                    }),
                };
                let page = number("after", 0).and_then(|after| {
                    let limit = number("limit", JOURNAL_LIMIT as u64)?;
                    let limit = usize::try_from(limit)
                        .unwrap_or(JOURNAL_LIMIT)
                        .min(JOURNAL_LIMIT);
                    let entries = reading.after(after, limit);
                    Ok(to_json(&JournalPage {
                        recorded: reading.recorded(),
                        entries,
                    }))
                });
                async move { page }
            },
        )
        .gives::<JournalPage>(),
        Route::new(Method::DELETE, "/journal", "Forget the calls", move |_| {
            clearing.clear();
            async move { Ok(json!({})) }
        }),
    ]
}

fn state(parts: &Parts) -> [Route; 2] {
    let shown = parts.simulator.clone();
    let all = parts.clone();
    let schema = shown.state_schema();
    let mut reading = Route::new(
        Method::GET,
        "/state",
        "The state, without secrets",
        move |_| {
            let state = shown.state();
            async move { Ok(state) }
        },
    );
    reading.gives = schema;
    [
        reading,
        Route::new(
            Method::POST,
            "/reset",
            "Back to the state after the start; faults and journal are emptied, the clock stays",
            move |_| {
                all.simulator.reset();
                all.faults.clear();
                all.journal.clear();
                async move { Ok(json!({})) }
            },
        ),
    ]
}
