//! One call after the other: request out, reply in, and what the vault's refusals mean. Tokens are
//! the caller's business; that one is dead is told by [`CallError::DeadToken`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use super::raw::Raw;
use super::refusals;
use super::settings::{Settings, is_cloud, is_platform};
use super::validity::Validity;
use super::wire::{
    self, CodeResponse, FileReply, ReplyError, Request, SecretReply, SecretSummary, TokenReply,
};
use super::xml::Element;
use crate::clock::Clock;
use crate::diagnosis::{self, Clocks, Symptom};
use crate::error::{Hop, PluginError, shortened};
use crate::identity::Candidate;
use crate::plugin_settings::no_trust;
use crate::secret::Secret;
use crate::vault_http::{Answer, READ_AT_ONCE_BYTES_MAX, VaultHttp, is_downgrade, read_aside};
use crate::wiped::Wiped;

/// Why a call made with a token failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// The vault does not accept the token any more, and has confirmed it.
    DeadToken,
    /// Anything else.
    Failed(PluginError),
}

impl From<PluginError> for CallError {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}

/// The vault's operations.
#[derive(Debug)]
pub(super) struct Client {
    http: VaultHttp,
    settings: Arc<Settings>,
    clocks: Clocks,
    /// Whether the Endpoint URL has given a reply before, so that it cannot be the wrong one.
    has_replied: AtomicBool,
    validity: Validity,
}

/// An answer that is no reply, with what is told about it.
struct NoReply {
    error: ReplyError,
    raw: Raw,
}

impl Client {
    pub(super) fn new(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> Result<Self, PluginError> {
        let http = VaultHttp::new(settings.http.clone()).map_err(|error| no_trust(&error))?;
        Ok(Self {
            http,
            settings,
            clocks: Clocks::new(clock),
            has_replied: AtomicBool::new(false),
            validity: Validity::default(),
        })
    }

    /// Authenticate: the API account's own token.
    pub(super) async fn authenticate(&self) -> Result<Secret, PluginError> {
        let settings = &self.settings;
        let request = Request::authenticate(
            &settings.api_user,
            &settings.api_password,
            &settings.api_organization,
            &settings.api_domain,
        );
        let operation = request.operation;
        let reply = read(operation, wire::token_reply(&self.call(request).await?))?;
        match reply.token {
            Some(token) if reply.errors.is_empty() => Ok(token),
            // No errors and no token is a failure too (vendor-client soap:§3.1).
            _ => Err(refusals::log_on_refused(
                &reply.errors,
                &settings.api_account(),
            )),
        }
    }

    /// ImpersonateUser: the reply, whether or not it holds a token.
    pub(super) async fn impersonate_user(
        &self,
        token: &Secret,
        candidate: &Candidate,
    ) -> Result<TokenReply, CallError> {
        let request = Request::impersonate_user(
            token,
            &candidate.username,
            self.settings.user_organization(),
            candidate.domain.as_deref().unwrap_or_default(),
        );
        let operation = request.operation;
        let reply = read(operation, wire::token_reply(&self.call(request).await?))?;
        if reply.token.is_none() && reply.authorize_url.is_none() {
            self.refuse_if_dead(token, &reply.errors).await?;
        }
        Ok(reply)
    }

    /// SearchSecretsByFieldValue: the summaries that the token's user may see.
    pub(super) async fn search_secrets_by_field_value(
        &self,
        token: &Secret,
        field: &str,
        term: &str,
    ) -> Result<Vec<SecretSummary>, CallError> {
        let show_restricted = self.settings.show_restricted;
        let request = Request::search_secrets_by_field_value(token, field, term, show_restricted);
        let operation = request.operation;
        let result = self.call(request).await?;
        let reply = read(
            operation,
            wire::search_reply(&result, self.settings.results_max),
        )?;
        if reply.errors.is_empty() {
            return Ok(reply.summaries);
        }
        Err(self.refused(operation, token, &reply.errors).await)
    }

    /// GetSecret: the reply, whether or not it holds the secret. This checks the secret out.
    pub(super) async fn get_secret(
        &self,
        token: &Secret,
        secret_id: i32,
        responses: &[CodeResponse],
    ) -> Result<SecretReply, CallError> {
        let request = Request::get_secret(token, secret_id, responses);
        let operation = request.operation;
        let reply = read(operation, wire::secret_reply(&self.call(request).await?))?;
        if reply.hurdle.is_none() && reply.secret.is_none() {
            self.refuse_if_dead(token, &reply.errors).await?;
        }
        Ok(reply)
    }

    /// DownloadFileAttachmentByItemId: the file and its extension, `None` for an empty field.
    pub(super) async fn download_file_attachment_by_item_id(
        &self,
        token: &Secret,
        secret_id: i32,
        item_id: i32,
    ) -> Result<Option<(Wiped<Vec<u8>>, String)>, CallError> {
        let request = Request::download_file_attachment_by_item_id(token, secret_id, item_id);
        let operation = request.operation;
        let reply = read(operation, wire::file_reply(&self.call(request).await?))?;
        if reply.errors.is_empty() {
            let FileReply {
                content, extension, ..
            } = reply;
            Ok((!content.is_empty()).then_some((content, extension)))
        } else if refusals::no_attachment(&reply.errors) {
            Ok(None)
        } else {
            Err(self.refused(operation, token, &reply.errors).await)
        }
    }

    /// CheckIn: success also when there is nothing to check in.
    pub(super) async fn check_in(&self, token: &Secret, secret_id: i32) -> Result<(), CallError> {
        let request = Request::check_in(token, secret_id);
        let operation = request.operation;
        let errors = read(operation, wire::errors_of(&self.call(request).await?))?;
        if errors.is_empty() || refusals::nothing_to_check_in(&errors) {
            return Ok(());
        }
        Err(self.refused(operation, token, &errors).await)
    }

    /// GetTokenIsValid: whether the vault still accepts the token.
    pub(super) async fn get_token_is_valid(&self, token: &Secret) -> Result<bool, PluginError> {
        let request = Request::get_token_is_valid(token);
        let operation = request.operation;
        let errors = read(operation, wire::errors_of(&self.call(request).await?))?;
        Ok(errors.is_empty())
    }

    async fn refused(
        &self,
        operation: &'static str,
        token: &Secret,
        errors: &[String],
    ) -> CallError {
        match self.refuse_if_dead(token, errors).await {
            Err(dead) => dead,
            Ok(()) => refusals::refusal(operation, errors).into(),
        }
    }

    /// Asks the vault about the token when its words may mean that it is dead: once for all calls
    /// that are refused together.
    async fn refuse_if_dead(&self, token: &Secret, errors: &[String]) -> Result<(), CallError> {
        if !refusals::may_mean_dead_token(errors) {
            return Ok(());
        }
        let ask = || self.get_token_is_valid(token);
        match self.validity.of(token, ask).await? {
            true => Ok(()),
            false => Err(CallError::DeadToken),
        }
    }

    /// `error`, unless clocks that differ explain it better.
    pub(super) fn with_clocks(&self, error: PluginError) -> PluginError {
        self.clocks.explain(error)
    }

    async fn call(&self, request: Request<'_>) -> Result<Element, PluginError> {
        let operation = request.operation;
        match self.send(&self.settings.endpoint, request).await? {
            Ok(result) => {
                self.has_replied.store(true, Ordering::Relaxed);
                Ok(result)
            }
            Err(no_reply) => Err(self.explain(operation, &no_reply).await),
        }
    }

    async fn send(
        &self,
        endpoint: &Url,
        request: Request<'_>,
    ) -> Result<Result<Element, NoReply>, PluginError> {
        let operation = request.operation;
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/xml; charset=utf-8"),
        );
        if let Ok(action) = HeaderValue::try_from(request.soap_action()) {
            headers.insert("SOAPAction", action);
        }
        let confided = request.confided();
        let (answer, headers) = self
            .http
            .send(Method::POST, endpoint, headers, request.into_body())
            .await
            .map_err(|error| {
                let address = self.settings.address();
                tracing::debug!(operation, address, %error, "the vault was not reached");
                self.with_clocks(diagnosis::transport(&error, &address))
            })?;
        self.clocks.compare(&headers);
        let status = answer.status.as_u16();
        let (content_type, body_bytes) = (&*answer.content_type, answer.body.len());
        tracing::debug!(
            operation,
            status,
            content_type,
            body_bytes,
            "vault answered"
        );
        let mut reply = reply_in(operation, answer, confided).await;
        if let Err(no_reply) = &mut reply {
            no_reply.raw.wait = diagnosis::wait_asked(&headers);
        }
        Ok(reply)
    }

    /// Explains an answer that is no reply. Where the address may be at fault, the likely other one
    /// is asked for its version, which needs no token and changes nothing.
    async fn explain(&self, operation: &'static str, no_reply: &NoReply) -> PluginError {
        let NoReply { error, raw } = no_reply;
        tracing::debug!(
            operation,
            status = raw.status.as_u16(),
            content_type = raw.content_type,
            words = raw.words,
            "no reply of the vault: {error}"
        );
        if let ReplyError::Redirect(target) = error
            && let Some(host) = self.platform_host(target)
        {
            return Symptom::DelineaPlatform.at(Hop::Http, &format!("it redirects to {host}"));
        }
        if let ReplyError::Redirect(target) = error
            && is_downgrade(&self.settings.endpoint, target)
        {
            return Symptom::RedirectedToPlainHttp.at(Hop::Http, &shortened(target, 200));
        }
        let has_replied = self.has_replied.load(Ordering::Relaxed);
        let plain = refusals::no_reply(operation, error, raw, has_replied);
        let suspicious = match error {
            ReplyError::Status(status, _) => *status == StatusCode::NOT_FOUND,
            ReplyError::Html(..) | ReplyError::Redirect(_) => true,
            _ => false,
        };
        let Some((symptom, other)) =
            other_layout(&self.settings.endpoint).filter(|_| suspicious && !has_replied)
        else {
            return plain;
        };
        let answers = matches!(self.send(&other, Request::version_get()).await, Ok(Ok(_)));
        // A cloud tenant never has the segment (documented soap:§1.1), so there the other address
        // is the right one even while it does not answer.
        if answers || symptom == Symptom::CloudAddressHasVirtualDirectory && is_cloud(&other) {
            let came = match error {
                ReplyError::Redirect(target) => {
                    format!(" (it redirects to {})", shortened(target, 200))
                }
                _ => String::new(),
            };
            symptom
                .at(Hop::Http, &format!("use {other}{came}"))
                .with_action_url(other.as_str())
        } else {
            plain
        }
    }

    /// The host that a redirect leads to, if it is one of the Delinea Platform.
    fn platform_host(&self, target: &str) -> Option<String> {
        let url = self.settings.endpoint.join(target).ok()?;
        let host = url.host_str()?;
        is_platform(host).then(|| host.to_owned())
    }
}

/// The result in an answer, or why there is none, without the secret that the request confided.
async fn reply_in(
    operation: &'static str,
    answer: Answer,
    confided: Option<&Secret>,
) -> Result<Element, NoReply> {
    let body_bytes = answer.body.len();
    let read = move |confided: Option<&Secret>| {
        let mut result = wire::result_of(operation, &answer);
        if let Some(secret) = confided {
            wire::conceal(secret, &mut result);
        }
        result.map_err(|error| NoReply {
            error,
            raw: Raw::of(operation, &answer, confided),
        })
    };
    if body_bytes <= READ_AT_ONCE_BYTES_MAX {
        return read(confided);
    }
    // Another thread needs a secret of its own.
    let confided = confided.cloned();
    read_aside(body_bytes, move || read(confided.as_ref())).await
}

fn read<T>(operation: &'static str, reply: Result<T, ReplyError>) -> Result<T, PluginError> {
    reply.map_err(|error| refusals::not_a_reply(operation, &error))
}

/// The same service in the other of the two public layouts: with or without `/SecretServer/`.
fn other_layout(endpoint: &Url) -> Option<(Symptom, Url)> {
    const SEGMENT: &str = "/secretserver";
    let path = endpoint.path();
    let mut other = endpoint.clone();
    let lower = path.to_ascii_lowercase();
    if lower.starts_with("/secretserver/webservices/") {
        other.set_path(&path[SEGMENT.len()..]);
        Some((Symptom::CloudAddressHasVirtualDirectory, other))
    } else if lower.starts_with("/webservices/") {
        other.set_path(&format!("/SecretServer{path}"));
        Some((Symptom::AddressLacksVirtualDirectory, other))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_layout_has_its_counterpart() {
        let other = |url: &str| other_layout(&Url::parse(url).unwrap()).map(|(_, url)| url);
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(other(url).as_ref().map(Url::as_str), expected, "{url}");
        };
        check(
            "https://v/SECRETserver/webservices/S.asmx",
            Some("https://v/webservices/S.asmx"),
        );
        check(
            "https://v/webservices/S.asmx",
            Some("https://v/SecretServer/webservices/S.asmx"),
        );
        check("https://v/vault/webservices/S.asmx", None);
        check("https://v/winauthwebservices/S.asmx", None);
    }
    #[tokio::test]
    async fn an_answer_of_any_length_is_read_without_the_secret_of_its_request() {
        let token = Secret::from("hunter2:00ff");
        let answer = |content: &str, more_bytes: usize| Answer {
            status: StatusCode::OK,
            content_type: "text/xml".into(),
            location: None,
            body: format!(
                "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\
                 {content}</s:Body></s:Envelope><!--{}-->",
                "x".repeat(more_bytes)
            )
            .into_bytes()
            .into(),
        };
        for more_bytes in [0, READ_AT_ONCE_BYTES_MAX] {
            let refused = "<CheckInResponse xmlns='urn:thesecretserver.com'><CheckInResult><Errors>\
                           <string>no hunter2:00ff</string></Errors></CheckInResult></CheckInResponse>";
            let result = reply_in("CheckIn", answer(refused, more_bytes), Some(&token)).await;
            let errors = wire::errors_of(&result.ok().unwrap()).unwrap();
            assert_eq!(errors, ["no ***"], "{more_bytes}");

            let fault = "<s:Fault><faultstring>no hunter2:00ff</faultstring></s:Fault>";
            let result = reply_in("CheckIn", answer(fault, more_bytes), Some(&token)).await;
            let NoReply { error, raw } = result.err().unwrap();
            let shown = format!("{error:?} {}", raw.words);
            assert!(
                shown.contains("no ***") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
}
