//! The operator's hand on a simulator. The same step drives a simulator in this process and one
//! behind a socket: both adapters meet the same routes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sim_kit::control::ControlPlane;
use sim_kit::exchange::Method;
use sim_kit::fault::Rule;

/// Longest that a control call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(100);

/// A control call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The simulator refused, and said why.
    #[error("{method} {path}: {message} (status {status})")]
    Refused {
        /// Method of the call.
        method: Method,
        /// Path below the prefix.
        path: String,
        /// HTTP status.
        status: u16,
        /// The simulator's words.
        message: String,
    },
    /// Nobody answered.
    #[error("{method} {path}: no answer from the control plane: {reason}")]
    Unreachable {
        /// Method of the call.
        method: Method,
        /// Path below the prefix.
        path: String,
        /// The system's words.
        reason: String,
    },
}

/// The answer of a control call, on its way.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<Value, ControlError>> + Send + 'a>>;

/// Whatever carries a control call to its simulator.
pub trait Control: Send + Sync {
    /// Calls `path` (below the prefix, with its query) and gives the JSON of the answer.
    fn call<'a>(&'a self, method: Method, path: &'a str, body: Value) -> Calling<'a>;
}

/// A simulator in this process.
pub struct Local(pub ControlPlane);

/// A simulator behind a socket.
pub struct Remote {
    base_url: String,
    client: reqwest::Client,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its TLS could not.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The client itself could not.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

impl Remote {
    /// `base_url` ends with the control prefix, as the ready line prints it.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base_url: &str) -> Result<Self, SetupError> {
        // Control planes speak plain HTTP on loopback; the client wants to be told of TLS anyway.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .build()?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { base_url, client })
    }
}

impl Control for Local {
    fn call<'a>(&'a self, method: Method, path: &'a str, body: Value) -> Calling<'a> {
        Box::pin(async move {
            let reply = self.0.dispatch(&method, path, body).await;
            judged(method, path, reply.status.as_u16(), reply.body)
        })
    }
}

impl Control for Remote {
    fn call<'a>(&'a self, method: Method, path: &'a str, body: Value) -> Calling<'a> {
        Box::pin(async move {
            let lost = |error: reqwest::Error| ControlError::Unreachable {
                method: method.clone(),
                path: path.to_owned(),
                reason: error.without_url().to_string(),
            };
            let mut request = self
                .client
                .request(method.clone(), format!("{}{path}", self.base_url));
            if !body.is_null() {
                request = request.json(&body);
            }
            let response = request.send().await.map_err(lost)?;
            let status = response.status().as_u16();
            let body = response.json().await.map_err(lost)?;
            judged(method, path, status, body)
        })
    }
}

fn judged(method: Method, path: &str, status: u16, body: Value) -> Result<Value, ControlError> {
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let message = body["error"]
        .as_str()
        .unwrap_or("no reason given")
        .to_owned();
    Err(ControlError::Refused {
        method,
        path: path.to_owned(),
        status,
        message,
    })
}

/// How the control plane of a simulator of this process is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By a call of the same process.
    InProcess,
    /// Over its socket, as a script would.
    Socket,
}

impl Reach {
    /// The operator of a simulator with this control plane and address.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn operator(self, plane: &ControlPlane, url: &str) -> Result<Operator, SetupError> {
        match self {
            Self::InProcess => Ok(Operator::new(Local(plane.clone()))),
            Self::Socket => Ok(Operator::new(Remote::new(url)?)),
        }
    }
}

/// What every simulator's control plane offers, as methods.
#[derive(Clone)]
pub struct Operator(Arc<dyn Control>);

impl Operator {
    /// An operator who works through `control`.
    #[must_use]
    pub fn new(control: impl Control + 'static) -> Self {
        Self(Arc::new(control))
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// When the simulator refuses or does not answer.
    pub async fn get(&self, path: &str) -> Result<Value, ControlError> {
        self.0.call(Method::GET, path, Value::Null).await
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, ControlError> {
        self.0.call(Method::POST, path, body).await
    }

    /// Deletes `path`.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn delete(&self, path: &str) -> Result<(), ControlError> {
        self.0
            .call(Method::DELETE, path, Value::Null)
            .await
            .map(drop)
    }

    /// Moves the simulator's clock forward.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn advance(&self, by: Duration) -> Result<(), ControlError> {
        self.post("/clock/advance", json!({ "seconds": by.as_secs() }))
            .await
            .map(drop)
    }

    /// Installs a fault rule.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn add_fault(&self, rule: &Rule) -> Result<(), ControlError> {
        self.post("/faults", json!(rule)).await.map(drop)
    }

    /// How many calls have met a fault rule; none when there is no such rule.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn fault_met(&self, id: &str) -> Result<u64, ControlError> {
        let rules = self.get("/faults").await?;
        let mut named = rules
            .as_array()
            .into_iter()
            .flatten()
            .filter(|rule| rule["id"] == id);
        Ok(named
            .next()
            .and_then(|rule| rule["met"].as_u64())
            .unwrap_or_default())
    }

    /// The calls that arrived, oldest first.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn journal(&self) -> Result<Vec<Call>, ControlError> {
        let page = self.get("/journal").await?;
        Ok(page["entries"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Call::read)
            .collect())
    }

    /// Names of the fault rules that no call has met.
    ///
    /// # Errors
    /// As [`Operator::get`].
    pub async fn faults_never_met(&self) -> Result<Vec<String>, ControlError> {
        let rules = self.get("/faults").await?;
        let idle = rules
            .as_array()
            .into_iter()
            .flatten()
            .filter(|rule| rule["met"] == 0);
        Ok(idle.map(|rule| text(&rule["id"])).collect())
    }
}

/// One call in a simulator's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Simulated time of arrival, milliseconds since 1970.
    pub at_ms: i64,
    /// The vendor's operation.
    pub operation: String,
    /// On whose behalf.
    pub user: Option<String>,
    /// `success`, `refused`, `fault`, `http_error` or `dropped`.
    pub outcome: String,
    /// HTTP status.
    pub status: u64,
    /// Real time that the simulator worked on it, microseconds.
    pub elapsed_us: u64,
    /// Number of its connection.
    pub connection: u64,
    /// Further facts by name.
    pub detail: Vec<(String, String)>,
}

impl Call {
    fn read(entry: &Value) -> Self {
        let pairs = entry["detail"].as_array().into_iter().flatten();
        Self {
            at_ms: entry["at"].as_i64().unwrap_or_default(),
            operation: text(&entry["operation"]),
            user: entry["user"].as_str().map(str::to_owned),
            outcome: text(&entry["outcome"]),
            status: entry["status"].as_u64().unwrap_or_default(),
            elapsed_us: entry["elapsed_us"].as_u64().unwrap_or_default(),
            connection: entry["connection"].as_u64().unwrap_or_default(),
            detail: pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        }
    }

    /// A further fact; empty when the journal does not have it.
    #[must_use]
    pub fn detail(&self, name: &str) -> &str {
        self.detail
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }
}

/// A JSON string's text; empty for anything else.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
