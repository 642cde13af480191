//! The access token of the API account, by client credentials (documented: BeyondTrust, API
//! authentication).
//!
//! A token is fetched for every connect, so an expired one never has to be told from a revoked
//! one: the appliance refuses it and the next connect brings its own.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use url::Url;

use crate::error::shortened;
use crate::link::trouble::{self, LookupFailed, Obstacle, Redirect, TlsFault};
use crate::secret::Secret;
use crate::wiped::Wiped;

/// A token answer is a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The appliance's token endpoint, below the site.
const TOKEN_PATH: &str = "/oauth2/token";

/// Fetches access tokens from one site.
#[derive(Clone, Debug)]
pub struct TokenSource {
    http: reqwest::Client,
    endpoint: Url,
    client_id: String,
    client_secret: Secret,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token endpoint could not be reached.
    #[error("the token endpoint {endpoint} could not be reached: {reason}")]
    Unreachable {
        /// The address.
        endpoint: Url,
        /// What stands in the way.
        obstacle: Obstacle,
        /// What the network said.
        reason: Box<str>,
    },
    /// The appliance's certificate or TLS was not acceptable.
    #[error("TLS with {endpoint} failed: {reason}")]
    Tls {
        /// The address.
        endpoint: Url,
        /// Whether it was the certificate.
        fault: TlsFault,
        /// What was wrong with it.
        reason: Box<str>,
    },
    /// No answer in time.
    #[error("the token endpoint {endpoint} did not answer in time")]
    TimedOut {
        /// The address.
        endpoint: Url,
    },
    /// The appliance refused to give a token.
    #[error("the appliance gave no token (HTTP {status}, {code}): {message}")]
    Refused {
        /// The HTTP status; 401 for a wrong id or secret.
        status: u16,
        /// The appliance's error code.
        code: String,
        /// The appliance's words.
        message: String,
    },
    /// The token endpoint points elsewhere.
    #[error("the token endpoint {endpoint} redirects {redirect}")]
    Redirected {
        /// The address.
        endpoint: Url,
        /// Where to.
        redirect: Redirect,
    },
    /// An answer that is none of the documented ones.
    #[error("the token endpoint {endpoint} gave an answer that is not one: {reason}")]
    NotAnAnswer {
        /// The address.
        endpoint: Url,
        /// In what way.
        reason: &'static str,
    },
}

impl TokenSource {
    /// A source for `client_id` at `site`.
    ///
    /// # Errors
    /// The HTTP client cannot be built with the given TLS configuration.
    pub fn new(
        site: &Url,
        client_id: String,
        client_secret: Secret,
        tls: rustls::ClientConfig,
        limit: Duration,
    ) -> reqwest::Result<Self> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(SystemResolver))
            .connect_timeout(limit)
            .timeout(limit)
            // The next token is fetched at the next connect, when an idle connection is long dead.
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls);
        let mut endpoint = site.clone();
        endpoint.set_path(TOKEN_PATH);
        Ok(Self {
            http: builder.build()?,
            endpoint,
            client_id,
            client_secret,
        })
    }

    /// Fetches a new token.
    ///
    /// # Errors
    /// Each way in which the appliance may not give one.
    pub async fn fetch(&self) -> Result<Secret, TokenError> {
        let answer = self
            .http
            .post(self.endpoint.clone())
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .send()
            .await
            .map_err(|error| self.transport(&error))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(TokenError::Redirected {
                redirect: Redirect::of(&self.endpoint, answer.headers()),
                endpoint: self.endpoint.clone(),
            });
        }
        let body = self.read_bounded(answer).await?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &body));
        }
        self.accept(&body)
    }

    fn accept(&self, body: &[u8]) -> Result<Secret, TokenError> {
        #[derive(Deserialize)]
        struct Grant {
            access_token: String,
            token_type: String,
        }
        let Ok(Grant {
            access_token,
            token_type,
        }) = serde_json::from_slice(body)
        else {
            return Err(self.not_an_answer("it is not the JSON of a token"));
        };
        let token = Secret::new(access_token);
        if !token_type.eq_ignore_ascii_case("bearer") {
            return Err(self.not_an_answer("the token's type is not Bearer"));
        }
        if token.is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.not_an_answer("the token is empty or cannot stand in a header"));
        }
        Ok(token)
    }

    async fn read_bounded(
        &self,
        mut answer: reqwest::Response,
    ) -> Result<Wiped<Vec<u8>>, TokenError> {
        let mut body = Wiped::new(Vec::with_capacity(ANSWER_BYTES_MAX));
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.transport(&error))?
        {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.not_an_answer("it is longer than 64 KiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn transport(&self, error: &reqwest::Error) -> TokenError {
        let endpoint = self.endpoint.clone();
        if let Some((fault, reason)) = trouble::tls_reason(error) {
            return TokenError::Tls {
                endpoint,
                fault,
                reason: reason.into(),
            };
        }
        if error.is_timeout() {
            return TokenError::TimedOut { endpoint };
        }
        TokenError::Unreachable {
            endpoint,
            obstacle: Obstacle::of(error),
            reason: trouble::innermost(error).into(),
        }
    }

    fn not_an_answer(&self, reason: &'static str) -> TokenError {
        TokenError::NotAnAnswer {
            endpoint: self.endpoint.clone(),
            reason,
        }
    }
}

/// The system's resolver, with an error of our own so that a name is told from a connection.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            match tokio::net::lookup_host((host, 0)).await {
                Ok(found) => Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(error) => Err(Box::new(LookupFailed {
                    host: host.to_owned(),
                    reason: error.to_string(),
                }) as _),
            }
        })
    }
}

fn refusal(status: u16, body: &[u8]) -> TokenError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    let said: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let or = |text: String, fallback: &str| match text.is_empty() {
        true => fallback.to_owned(),
        false => shortened(&text, 200),
    };
    TokenError::Refused {
        status,
        code: or(said.error, "no code"),
        message: or(said.message, "it did not say why"),
    }
}
