//! One exchange with the API: sends a call with the proof of its caller and sorts what comes back
//! into success, the vault's own refusal, and everything that is not the API speaking.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use super::settings::Settings;
use super::trouble;
use super::wire::auth::{RegistrationKey, cookie_struck_from};
use super::wire::{self, NotUnderstood};
use crate::clock::Clock;
use crate::diagnosis::{self, Clocks};
use crate::error::PluginError;
use crate::plugin_settings::no_trust;
use crate::vault_http::{Answer, Body, VaultHttp, read_aside};

/// What is asked of the vault.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    /// The vendor's name of the operation, for errors.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    /// Below the API's base, for example `Requests/124/Checkin`.
    pub(super) endpoint: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// A JSON body; `None` sends an empty one without a type.
    pub(super) body: Option<Bytes>,
}

impl<'a> Call<'a> {
    /// A call that only reads.
    pub(super) fn get(
        operation: &'static str,
        endpoint: &'a str,
        query: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self {
            operation,
            method: Method::GET,
            endpoint,
            query,
            body: None,
        }
    }

    /// A call that changes something.
    pub(super) fn send(
        operation: &'static str,
        method: Method,
        endpoint: &'a str,
        body: Option<Bytes>,
    ) -> Self {
        Self {
            operation,
            method,
            endpoint,
            query: &[],
            body,
        }
    }
}

/// What proves the caller.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    /// Sent with every call beside the cookie: some registrations check it again (recorded
    /// psafe:§1.4), and the vendor's own clients send both (vendor-client psafe:PYLIB).
    pub(super) authorization: HeaderValue,
    /// The session's cookies.
    pub(super) cookie: Option<HeaderValue>,
}

/// An answer with a status of success.
pub(super) struct Success {
    pub(super) operation: &'static str,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Success {
    /// The body as `read` understands it.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: fn(&[u8]) -> Result<T, NotUnderstood>,
    ) -> Result<T, CallError> {
        let Self {
            operation, body, ..
        } = self;
        read_aside(body.len(), move || read(&body))
            .await
            .map_err(|error| CallError::Failed(trouble::not_understood(operation, &error)))
    }
}

/// A refusal in the API's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) operation: &'static str,
    pub(super) status: StatusCode,
    /// The sub-code, for example 4034 (documented psafe:§3).
    pub(super) code: Option<u16>,
    /// The vault's words, without the registration key and the session's cookies.
    pub(super) words: String,
    /// Whether a second factor is asked for (vendor-client psafe:PS1).
    pub(super) second_factor: bool,
}

/// Why a call gave no success.
#[derive(Debug, Clone)]
pub(super) enum CallError {
    /// The vault refuses; the caller may know what to do about it.
    Refused(Refusal),
    /// Nothing can be done about it in this request.
    Failed(PluginError),
}

impl From<PluginError> for CallError {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}

/// The way to one vault.
#[derive(Debug)]
pub(super) struct Client {
    http: VaultHttp,
    base: Url,
    key: RegistrationKey,
    clocks: Clocks,
}

impl Client {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// The CA file cannot be used, or no authority is there to trust.
    pub(super) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, PluginError> {
        let http = VaultHttp::new(settings.http.clone()).map_err(|error| no_trust(&error))?;
        Ok(Self {
            http,
            base: settings.endpoint.clone(),
            key: settings.key.clone(),
            clocks: Clocks::new(clock),
        })
    }

    pub(super) fn key(&self) -> &RegistrationKey {
        &self.key
    }

    /// `error`, unless clocks that differ explain it better.
    pub(super) fn with_clocks(&self, error: PluginError) -> PluginError {
        self.clocks.explain(error)
    }

    /// What a refusal means where it cannot be about the thing that was asked for: 404 for a call
    /// that every vault has is a wrong address.
    pub(super) fn refusal_of_fixed_call(&self, refusal: &Refusal) -> PluginError {
        if refusal.status == StatusCode::NOT_FOUND {
            trouble::not_the_api(refusal.operation, "status 404", &self.base)
                .with_vault_words(&refusal.words)
        } else {
            trouble::refused(refusal)
        }
    }

    /// Makes one call.
    pub(super) async fn call(
        &self,
        call: Call<'_>,
        proof: Option<&Proof>,
    ) -> Result<Success, CallError> {
        let Call {
            operation,
            method,
            endpoint,
            query,
            body,
        } = call;
        let url = wire::address(&self.base, endpoint, query);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(Proof {
            authorization,
            cookie,
        }) = proof
        {
            headers.insert(AUTHORIZATION, authorization.clone());
            if let Some(cookie) = cookie {
                headers.insert(COOKIE, cookie.clone());
            }
        }
        let (answer, headers) = self
            .http
            .send(method, &url, headers, body.unwrap_or_default())
            .await
            .map_err(|error| {
                let address = self.base.origin().ascii_serialization();
                self.with_clocks(diagnosis::transport(&error, &address))
            })?;
        self.clocks.compare(&headers);
        self.sort(operation, answer, headers, proof)
    }

    fn sort(
        &self,
        operation: &'static str,
        answer: Answer,
        headers: HeaderMap,
        proof: Option<&Proof>,
    ) -> Result<Success, CallError> {
        let status = answer.status;
        // A vault may repeat what it was sent.
        let words = || {
            let words = self.key.struck_from(&wire::refusal(&answer.body).words);
            match proof.and_then(|proof| proof.cookie.as_ref()) {
                Some(cookie) => cookie_struck_from(cookie, &words),
                None => words,
            }
        };
        let failed = if status.is_redirection() {
            trouble::redirected(operation, answer.location.as_deref(), &self.base)
        } else if status == StatusCode::GONE {
            // Whatever the body: IIS answers with a page here.
            trouble::version_disabled(operation)
        } else if let Some(failed) = trouble::on_the_way(operation, status, &headers) {
            failed
        } else if is_page(&answer) {
            trouble::page(operation, status, &self.base)
        } else if status.is_success() {
            return Ok(Success {
                operation,
                status,
                headers,
                body: answer.body,
            });
        } else if status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() {
            trouble::server_fault(operation, status, &words())
        } else {
            return Err(CallError::Refused(Refusal {
                operation,
                status,
                code: wire::refusal(&answer.body).code,
                words: words(),
                second_factor: headers.contains_key("WWW-Authenticate-2FA"),
            }));
        };
        Err(CallError::Failed(failed))
    }
}

/// Whether a web page came instead of an answer of the API, whatever its declared type.
fn is_page(answer: &Answer) -> bool {
    answer.content_type.starts_with("text/html") || answer.body.trim_ascii_start().starts_with(b"<")
}
