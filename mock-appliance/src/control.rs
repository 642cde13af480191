//! The appliance's own control routes: what a console user and an administrator do, for scripts.

use std::future::Future;
use std::str::FromStr as _;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sim_kit::control::{ControlCall, ControlError, Route, Simulator, to_json};
use sim_kit::exchange::{Method, StatusCode};

use crate::console::{Console, ConsoleError};
use crate::link::LinkError;
use crate::site::Site;
use crate::state::accounts::{ClientId, UnknownAccount};
use crate::state::directory::ConsoleUser;
use crate::state::sessions::{SessionError, SessionId};
use crate::view::{
    AccountView, CredentialView, EcmView, ExternalView, InjectedView, JumpItemView, NewSecretView,
    SessionView, StateView, UserView,
};

/// Who picks what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BeginSession {
    /// Console user name, as the lab writes it.
    user: String,
    /// Name of the Jump Item.
    jump_item: String,
}

/// Which entry of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inject {
    /// Id of the credential, from the session's list.
    credential_id: String,
}

/// A search for External Jump Items.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Console user name, as the lab writes it.
    user: String,
    /// What the user typed.
    #[serde(default)]
    query: String,
    /// How many recently used ones are wanted.
    #[serde(default)]
    most_recently_used_count: Option<u32>,
}

impl Simulator for Site {
    fn state(&self) -> Value {
        to_json(&StateView::of(self))
    }

    fn reset(&self) {
        Self::reset(self);
    }
}

/// The routes of the appliance.
pub(crate) fn routes(console: &Console) -> Vec<Route> {
    let mut routes = session_routes(console);
    routes.extend(account_routes(console));
    routes.extend(directory_routes(console));
    routes.push(
        route(
            console,
            Method::GET,
            "/ecm-clients",
            "The connected ECMs",
            |console, _| async move {
                let site = Arc::clone(&console.site);
                let clients: Vec<_> = console
                    .ecm_clients()
                    .iter()
                    .map(|ecm| EcmView::of(&site, ecm))
                    .collect();
                Ok(to_json(&clients))
            },
        )
        .gives::<Vec<EcmView>>(),
    );
    routes.push(
        route(
            console,
            Method::POST,
            "/endpoints",
            "Search for External Jump Items",
            endpoints,
        )
        .takes::<Search>()
        .gives::<Vec<ExternalView>>(),
    );
    routes
}

fn directory_routes(console: &Console) -> Vec<Route> {
    vec![
        route(
            console,
            Method::GET,
            "/console-users",
            "The users of the access console, with what they picked last",
            |console, _| async move {
                let users: Vec<_> = console
                    .site
                    .state()
                    .directory
                    .users
                    .values()
                    .cloned()
                    .collect();
                let view =
                    |user: &ConsoleUser| UserView::of(user, console.recently_used(&user.username));
                Ok(to_json(&users.iter().map(view).collect::<Vec<_>>()))
            },
        )
        .gives::<Vec<UserView>>(),
        route(
            console,
            Method::GET,
            "/jump-items",
            "What users can pick",
            |console, _| async move {
                let state = console.site.state();
                let items = state.directory.jump_items.values();
                let view = |item| JumpItemView::of(item, state.directory.ecm_group(item));
                Ok(to_json(&items.map(view).collect::<Vec<_>>()))
            },
        )
        .gives::<Vec<JumpItemView>>(),
    ]
}

fn session_routes(console: &Console) -> Vec<Route> {
    vec![
        route(
            console,
            Method::GET,
            "/sessions",
            "All sessions",
            |console, _| async move {
                let sessions: Vec<_> = console.sessions().iter().map(SessionView::of).collect();
                Ok(to_json(&sessions))
            },
        )
        .gives::<Vec<SessionView>>(),
        route(
            console,
            Method::POST,
            "/sessions",
            "A user picks a Jump Item",
            begin,
        )
        .takes::<BeginSession>()
        .gives::<SessionView>(),
        route(
            console,
            Method::GET,
            "/sessions/{id}",
            "A session with its events, injections and hops",
            |console, call| async move { shown(&console, session_id(&call)?) },
        )
        .gives::<SessionView>(),
        route(
            console,
            Method::POST,
            "/sessions/{id}/credentials",
            "The list behind the key icon",
            credentials,
        )
        .gives::<Vec<CredentialView>>(),
        route(
            console,
            Method::POST,
            "/sessions/{id}/inject",
            "The user picks an entry of the list",
            inject,
        )
        .takes::<Inject>()
        .gives::<InjectedView>(),
        route(
            console,
            Method::POST,
            "/sessions/{id}/end",
            "The session ends; what it used is released",
            end,
        )
        .gives::<SessionView>(),
    ]
}

fn account_routes(console: &Console) -> Vec<Route> {
    let mut routes = vec![
        route(
            console,
            Method::GET,
            "/accounts",
            "The API accounts",
            |console, _| async move { Ok(to_json(&AccountView::all(&console.site))) },
        )
        .gives::<Vec<AccountView>>(),
        route(
            console,
            Method::POST,
            "/accounts/{client_id}/regenerate",
            "Give an account a new secret, shown this once; its tokens and links end",
            |console, call| async move {
                let client_id = client_id(&call);
                let secret = console.regenerate_secret(&client_id).map_err(no_account)?;
                Ok(to_json(&NewSecretView::reveal(&client_id, &secret)))
            },
        )
        .gives::<NewSecretView>(),
    ];
    type Change = fn(&Console, &ClientId) -> Result<(), UnknownAccount>;
    let changes: [(&'static str, &'static str, Change); 5] = [
        (
            "/accounts/{client_id}/disable",
            "Uncheck \"Enabled\"; its links end",
            |console, id| console.set_account_enabled(id, false),
        ),
        (
            "/accounts/{client_id}/enable",
            "Check \"Enabled\"",
            |console, id| console.set_account_enabled(id, true),
        ),
        (
            "/accounts/{client_id}/deny-ecm",
            "Remove the ECM permission; its links end",
            |c, id| c.set_ecm_permission(id, false),
        ),
        (
            "/accounts/{client_id}/allow-ecm",
            "Grant the ECM permission",
            |console, id| console.set_ecm_permission(id, true),
        ),
        (
            "/accounts/{client_id}/revoke-tokens",
            "Invalidate its tokens; its links end",
            |c, id| c.revoke_tokens(id),
        ),
    ];
    for (path, summary, change) in changes {
        let change = move |console: Console, call: ControlCall| async move {
            let client_id = client_id(&call);
            change(&console, &client_id).map_err(no_account)?;
            Ok(to_json(&AccountView::one(&console.site, &client_id)))
        };
        routes.push(route(console, Method::POST, path, summary, change).gives::<AccountView>());
    }
    routes
}

async fn begin(console: Console, call: ControlCall) -> Result<Value, ControlError> {
    let body: BeginSession = call.body()?;
    let id = console
        .begin_session(&body.user, &body.jump_item)
        .await
        .map_err(told)?;
    shown(&console, id)
}

async fn credentials(console: Console, call: ControlCall) -> Result<Value, ControlError> {
    let found = console
        .find_credentials(&session_id(&call)?)
        .await
        .map_err(told)?;
    Ok(to_json(
        &found.iter().map(CredentialView::of).collect::<Vec<_>>(),
    ))
}

async fn inject(console: Console, call: ControlCall) -> Result<Value, ControlError> {
    let (id, body) = (session_id(&call)?, call.body::<Inject>()?);
    let injection = console
        .inject(&id, &body.credential_id)
        .await
        .map_err(told)?;
    Ok(to_json(&InjectedView::of(&injection)))
}

async fn end(console: Console, call: ControlCall) -> Result<Value, ControlError> {
    let id = session_id(&call)?;
    console.end_session(&id).await.map_err(told)?;
    shown(&console, id)
}

async fn endpoints(console: Console, call: ControlCall) -> Result<Value, ControlError> {
    let body: Search = call.body()?;
    let found = console
        .find_endpoints(&body.user, &body.query, body.most_recently_used_count)
        .await;
    let found = found.map_err(told)?;
    Ok(to_json(
        &found.iter().map(ExternalView::of).collect::<Vec<_>>(),
    ))
}

fn route<F, Fut>(
    console: &Console,
    method: Method,
    path: &'static str,
    summary: &'static str,
    run: F,
) -> Route
where
    F: Fn(Console, ControlCall) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, ControlError>> + Send + 'static,
{
    let console = console.clone();
    Route::new(method, path, summary, move |call| {
        run(console.clone(), call)
    })
}

fn shown(console: &Console, id: SessionId) -> Result<Value, ControlError> {
    Ok(to_json(&SessionView::of(
        &console.session(&id).map_err(told)?,
    )))
}

fn session_id(call: &ControlCall) -> Result<SessionId, ControlError> {
    SessionId::from_str(call.param("id")).map_err(|error| told(error.into()))
}

fn client_id(call: &ControlCall) -> ClientId {
    ClientId(call.param("client_id").to_owned())
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` takes"
)]
fn no_account(error: UnknownAccount) -> ControlError {
    ControlError::not_found(error.to_string())
}

/// 404 for what is not there, 409 for what the state forbids, 502 and 504 for the ECM.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` takes"
)]
fn told(error: ConsoleError) -> ControlError {
    let message = error.to_string();
    let status = match error {
        ConsoleError::Directory(_) | ConsoleError::Session(SessionError::Unknown(_)) => {
            StatusCode::NOT_FOUND
        }
        ConsoleError::Session(_) | ConsoleError::ExternalSearchOff => StatusCode::CONFLICT,
        ConsoleError::Link(LinkError::NoEcm { .. } | LinkError::Busy) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ConsoleError::Link(LinkError::TimedOut { .. }) => StatusCode::GATEWAY_TIMEOUT,
        ConsoleError::Link(_) | ConsoleError::Seal(_) | ConsoleError::Plaintext(_) => {
            StatusCode::BAD_GATEWAY
        }
    };
    ControlError { status, message }
}
