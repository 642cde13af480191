//! `GET /api/ecm/v1/connect`: who may open a link, and the switch to a WebSocket.

use std::net::IpAddr;
use std::sync::Arc;

use sim_kit::exchange::{HeaderMap, HeaderValue, Method, Reply, Request, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{CloseReason, LinkEnds, connection};
use crate::oauth::{self, ErrorCode};
use crate::site::Site;
use crate::state::accounts::{BearerRefusal, ClientId, LinkRefusal};
use crate::state::ecms::ConnectionId;
use crate::wire::SUB_PROTOCOL;

/// Answers a request to open a link. The second value is the account that may, for the journal.
pub(crate) fn connect(site: &Arc<Site>, request: &Request) -> (Reply, Option<String>) {
    let admitted = match admit(site, request) {
        Ok(admitted) => admitted,
        Err(refusal) => return (*refusal, None),
    };
    let client_id = admitted.client_id.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUB_PROTOCOL),
    );
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, admitted.accept.clone());
    let reply = Reply::switch(
        headers,
        Box::new(move |socket, stopping| Box::pin(connection::run(admitted, socket, stopping))),
    );
    (reply, Some(client_id))
}

/// A connection that was let in. Whatever ends it, dropping this takes it off the books.
pub(crate) struct Admitted {
    pub(super) site: Arc<Site>,
    pub(super) connection: ConnectionId,
    pub(super) client_id: ClientId,
    pub(super) group: String,
    pub(super) address: IpAddr,
    accept: HeaderValue,
    /// Taken by the connection's task.
    pub(super) ends: Option<LinkEnds>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.site.state().ecms.leave(self.connection);
        self.site.links.gone(self.connection);
    }
}

fn admit(site: &Arc<Site>, request: &Request) -> Result<Admitted, Box<Reply>> {
    let address = request.peer.ip();
    let client_id = authenticated(site, request)?;
    let refuse = |status, code, message: &str| Box::new(oauth::refusal(status, code, message));
    let allowed = site.state().accounts.may_link(&client_id, address);
    let group = allowed.map_err(|refusal| {
        let message = match refusal {
            LinkRefusal::Disabled => "The API account is disabled.",
            LinkRefusal::NoPermission => {
                "The API account lacks the permission \"Endpoint Credential Manager API: Allow \
                 Access\"."
            }
            LinkRefusal::Address => "The API account may not be used from this address.",
        };
        refuse(StatusCode::FORBIDDEN, ErrorCode::PermissionDenied, message)
    })?;
    if !offers_our_protocol(request) {
        let message = format!("The sub-protocol {SUB_PROTOCOL} was not offered.");
        return Err(refuse(
            StatusCode::UPGRADE_REQUIRED,
            ErrorCode::VersionMismatch,
            &message,
        ));
    }
    let Some(accept) = accept_key(request) else {
        let message = "This path speaks WebSocket, version 13, over HTTP/1.1.";
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            ErrorCode::InvalidRequest,
            message,
        ));
    };
    let now = site.now();
    // Both books under one lock: whoever disconnects the link finds it in both or in neither.
    let mut state = site.state();
    let admitted = state
        .ecms
        .admit(client_id.clone(), group.clone(), address, now);
    let (connection, displaced) = admitted.map_err(|limit| {
        let message = format!("The limit of {} connected ECMs is reached.", limit.max);
        refuse(StatusCode::CONFLICT, ErrorCode::EcmLimitReached, &message)
    })?;
    let ends = site.links.open(connection);
    drop(state);
    if let Some(displaced) = displaced {
        site.links.close(displaced, CloseReason::Replaced);
    }
    let site = Arc::clone(site);
    Ok(Admitted {
        site,
        connection,
        client_id,
        group,
        address,
        accept,
        ends: Some(ends),
    })
}

fn authenticated(site: &Site, request: &Request) -> Result<ClientId, Box<Reply>> {
    let token = oauth::bearer_token(request).ok_or_else(|| Box::new(oauth::bad_bearer()))?;
    let outcome = site.state().accounts.bearer(token.digest(), site.now());
    match outcome {
        Ok((client_id, _)) => Ok(client_id),
        Err(BearerRefusal::NotValid) => Err(Box::new(oauth::bad_bearer())),
        Err(BearerRefusal::RateExceeded(rate)) => Err(Box::new(oauth::rate_exceeded(rate))),
    }
}

fn offers_our_protocol(request: &Request) -> bool {
    let offers = request.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let texts = offers.iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .any(|offer| offer.trim() == SUB_PROTOCOL)
}

/// The answer to the client's key, when the request is a complete WebSocket handshake.
fn accept_key(request: &Request) -> Option<HeaderValue> {
    let is = |name, value: &str| {
        let text = request.header(name).unwrap_or_default();
        text.split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(value))
    };
    let complete = request.method == Method::GET
        && is(header::UPGRADE, "websocket")
        && is(header::CONNECTION, "upgrade")
        && is(header::SEC_WEBSOCKET_VERSION, "13")
        && request.can_upgrade();
    let key = request
        .header(header::SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24)?;
    if !complete {
        return None;
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}
