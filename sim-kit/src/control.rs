//! The simulator's own surface, apart from the vendor's: JSON over HTTP under `/_sim/v1`, on a
//! listener of its own that stays on loopback.
//!
//! One table of routes drives the dispatch and the OpenAPI document, so the two cannot drift. A
//! test in the same process calls [`ControlPlane::dispatch`] and meets the same code as a client
//! on the socket.

mod builtin;
mod openapi;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::clock::SimClock;
use crate::config::without_value;
use crate::exchange::{HeaderValue, Method, Reply, Request, StatusCode, header};
use crate::fault::FaultRules;
use crate::journal::Journal;
use crate::serve::{Handler, Stats};

/// Path prefix of every control route.
pub const PREFIX: &str = "/_sim/v1";

/// What a simulator lends the control plane beside clock, faults and journal.
pub trait Simulator: Send + Sync + 'static {
    /// The state as JSON, every secret left out.
    fn state(&self) -> Value;
    /// Describes what [`Simulator::state`] gives, for the OpenAPI document.
    fn state_schema(&self) -> Option<Describe> {
        None
    }
    /// The operations that a fault rule can name; a rule that names another is refused. Nothing
    /// leaves the names unchecked.
    fn operations(&self) -> Option<Vec<&'static str>> {
        None
    }
    /// Back to the state after the start. Clock, faults and journal are the control plane's.
    fn reset(&self);
}

/// One call of a control route.
#[derive(Debug)]
pub struct ControlCall {
    params: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    body: Value,
}

impl ControlCall {
    /// A parameter of the path; empty when the route has none of this name.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// A parameter of the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body read as `T`; no body reads as an empty object.
    ///
    /// # Errors
    /// 400 when it is no object or does not fit; the message does not repeat values.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, ControlError> {
        let nothing = Value::Object(Map::new());
        let body = match &self.body {
            Value::Null => &nothing,
            Value::Object(_) => &self.body,
            // A list would be taken for the members in their order.
            _ => return Err(ControlError::bad_request("body: expected a JSON object")),
        };
        T::deserialize(body).map_err(|error| {
            let error = error.to_string();
            let safe = without_value(&error).unwrap_or(error);
            ControlError::bad_request(format!("body: {safe}"))
        })
    }
}

/// Why a control call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// HTTP status.
    pub status: StatusCode,
    /// What is wrong and what to do.
    pub message: String,
}

impl ControlError {
    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// 404.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
        }
    }

    /// 409: the state does not allow it.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            message: message.into(),
        }
    }
}

/// A control reply: a status and JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlReply {
    /// HTTP status.
    pub status: StatusCode,
    /// `{"error": …}` when it failed.
    pub body: Value,
    /// The methods that the path takes, where the call had another.
    pub allow: Option<String>,
}

type Outcome = Pin<Box<dyn Future<Output = Result<Value, ControlError>> + Send>>;
type Run = Box<dyn Fn(ControlCall) -> Outcome + Send + Sync>;
/// Makes the schema of a type.
pub type Describe = fn(&mut SchemaGenerator) -> schemars::Schema;

/// How the schema of a type is made.
#[must_use]
pub fn describe<T: JsonSchema>() -> Describe {
    SchemaGenerator::subschema_for::<T>
}

/// One route: how it is reached, what it takes and gives, and what it does.
pub struct Route {
    method: Method,
    path: &'static str,
    summary: &'static str,
    takes: Option<Describe>,
    gives: Option<Describe>,
    run: Run,
}

impl Route {
    /// A route below [`PREFIX`]; `{name}` in the path is a parameter.
    pub fn new<F, Fut>(method: Method, path: &'static str, summary: &'static str, run: F) -> Self
    where
        F: Fn(ControlCall) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, ControlError>> + Send + 'static,
    {
        let run: Run = Box::new(move |call| Box::pin(run(call)));
        Self {
            method,
            path,
            summary,
            takes: None,
            gives: None,
            run,
        }
    }

    /// Describes the body that the route takes.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(describe::<T>());
        self
    }

    /// Describes what the route gives.
    #[must_use]
    pub fn gives<T: JsonSchema>(mut self) -> Self {
        self.gives = Some(describe::<T>());
        self
    }

    /// The parameters, when method and path fit.
    fn fit(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let (mut want, mut have) = (self.path.split('/'), path.split('/'));
        let mut params = Vec::new();
        loop {
            match (want.next(), have.next()) {
                (None, None) => return Some(params),
                (Some(want), Some(have)) => match want.strip_prefix('{') {
                    Some(name) => params.push((name.trim_end_matches('}'), decoded(have)?)),
                    None if want == have => {}
                    None => return None,
                },
                _ => return None,
            }
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

/// Turns a value into JSON. A type that cannot be serialised is a bug of ours and reads as `null`.
#[must_use]
pub fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The control plane of one simulator. Clones share it.
#[derive(Clone)]
pub struct ControlPlane {
    inner: Arc<Inner>,
    token: Option<Arc<Zeroizing<String>>>,
}

struct Inner {
    name: &'static str,
    routes: Vec<Route>,
    counters: Counters,
}

/// The counters of the vendor port, once there is one.
type Counters = Arc<OnceLock<Arc<Stats>>>;

/// What the common routes work on.
#[derive(Clone)]
pub struct Parts {
    /// Name of the simulator.
    pub name: &'static str,
    /// Its clock.
    pub clock: SimClock,
    /// Its fault rules.
    pub faults: FaultRules,
    /// Its journal.
    pub journal: Journal,
    /// The rest.
    pub simulator: Arc<dyn Simulator>,
}

impl ControlPlane {
    /// A control plane with the common routes and `own` after them.
    #[must_use]
    pub fn new(parts: &Parts, own: Vec<Route>) -> Self {
        let name = parts.name;
        let counters = Counters::default();
        let mut routes = builtin::routes(parts, &counters);
        routes.extend(own);
        Self {
            inner: Arc::new(Inner {
                name,
                routes,
                counters,
            }),
            token: None,
        }
    }

    /// Shows the counters of this vendor port from now on; the first one stays.
    pub(crate) fn watch(&self, counters: Arc<Stats>) {
        let _ = self.inner.counters.set(counters);
    }

    /// The same control plane, which wants `Authorization: Bearer <token>` on every call that
    /// comes over a socket.
    #[must_use]
    pub fn with_token(mut self, token: Zeroizing<String>) -> Self {
        self.token = Some(Arc::new(token));
        self
    }

    /// Runs one control call. `path` is below [`PREFIX`] and may carry a query.
    pub async fn dispatch(&self, method: &Method, path: &str, body: Value) -> ControlReply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = if path.len() > 1 {
            path.trim_end_matches('/')
        } else {
            path
        };
        if path == "/openapi.json" && method == Method::GET {
            let body = openapi::document(self.inner.name, &self.inner.routes);
            return ControlReply {
                status: StatusCode::OK,
                body,
                allow: None,
            };
        }
        let mut others = Vec::new();
        for route in &self.inner.routes {
            let Some(params) = route.fit(path) else {
                continue;
            };
            if route.method != method {
                others.push(route.method.as_str());
                continue;
            }
            let call = ControlCall {
                params,
                query: query_of(query),
                body,
            };
            return match (route.run)(call).await {
                Ok(body) => ControlReply {
                    status: StatusCode::OK,
                    body,
                    allow: None,
                },
                Err(error) => failed(error.status, &error.message),
            };
        }
        if others.is_empty() {
            let message = format!("no control route {path}; GET {PREFIX}/openapi.json lists them");
            return failed(StatusCode::NOT_FOUND, &message);
        }
        let others = others.join(", ");
        let message = format!("{path} takes {others}");
        ControlReply {
            allow: Some(others),
            ..failed(StatusCode::METHOD_NOT_ALLOWED, &message)
        }
    }

    /// Whether a browser page elsewhere, or a stranger, may be behind this request.
    fn refuses(&self, request: &Request) -> Option<ControlReply> {
        if let Some(token) = &self.token {
            let given = request
                .header(header::AUTHORIZATION)
                .and_then(|v| v.strip_prefix("Bearer "));
            return (!given.is_some_and(|given| same(given.as_bytes(), token.as_bytes()))).then(
                || {
                    failed(
                        StatusCode::UNAUTHORIZED,
                        "the control token is missing or wrong",
                    )
                },
            );
        }
        let authority = request.authority();
        let host = authority
            .rsplit_once(':')
            .map_or(authority.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let foreign = request.headers.contains_key(header::ORIGIN);
        (!local || foreign).then(|| {
            failed(
                StatusCode::FORBIDDEN,
                "the control plane answers local, non-browser clients only",
            )
        })
    }
}

/// Compares without giving away where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

fn query_of(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(100);
    pairs
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(key)?, decoded(value)?))
        })
        .collect()
}

fn failed(status: StatusCode, message: &str) -> ControlReply {
    ControlReply {
        status,
        body: json!({ "error": message }),
        allow: None,
    }
}

impl Handler for ControlPlane {
    async fn handle(&self, request: Request) -> Reply {
        let reply = match (self.refuses(&request), request.path.strip_prefix(PREFIX)) {
            (Some(refusal), _) => refusal,
            (None, None) => {
                let message = format!("control routes are below {PREFIX}");
                failed(StatusCode::NOT_FOUND, &message)
            }
            (None, Some(path)) => match json_body(&request) {
                Err(refusal) => refusal,
                Ok(body) => {
                    let query = request
                        .query
                        .as_ref()
                        .map_or(String::new(), |q| format!("?{q}"));
                    self.dispatch(&request.method, &format!("{path}{query}"), body)
                        .await
                }
            },
        };
        let body = format!("{:#}\n", reply.body);
        let answer = Reply::new(reply.status, "application/json", body)
            .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match reply.allow.map(HeaderValue::try_from) {
            Some(Ok(allow)) => answer.with_header(header::ALLOW, allow),
            _ => answer,
        }
    }
}

fn json_body(request: &Request) -> Result<Value, ControlReply> {
    let body = request
        .body
        .as_ref()
        .map_err(|error| failed(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()))?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = format!(
            "body is not JSON at line {}, column {}",
            error.line(),
            error.column()
        );
        failed(StatusCode::BAD_REQUEST, &place)
    })
}

#[cfg(test)]
mod tests;
