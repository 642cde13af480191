//! The vendor port: which path does what, fault rules, and the journal.

use std::sync::Arc;

use sim_kit::clock::Stopwatch;
use sim_kit::exchange::{HeaderValue, Method, Reply, Request, StatusCode, header};
use sim_kit::fault::{Call, Met, Verdict};
use sim_kit::journal::Outcome;
use sim_kit::serve::Handler;

use crate::link::connect;
use crate::oauth::{self, ErrorCode, TOKEN_PATH};
use crate::pages;
use crate::site::Site;
use crate::wire::CONNECT_PATH;

/// Answers requests on the vendor port.
pub(crate) struct VendorPort {
    pub(crate) site: Arc<Site>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Token,
    Connect,
    CheckHealth,
    Login,
    Unknown,
}

impl Operation {
    fn of(path: &str) -> Self {
        match path.trim_end_matches('/') {
            TOKEN_PATH => Self::Token,
            CONNECT_PATH => Self::Connect,
            "/check_health" => Self::CheckHealth,
            "/login" => Self::Login,
            _ => Self::Unknown,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Connect => "connect",
            Self::CheckHealth => "check_health",
            Self::Login => "login",
            Self::Unknown => "unknown_path",
        }
    }
}

impl Handler for VendorPort {
    async fn handle(&self, request: Request) -> Reply {
        let started = Stopwatch::start();
        let operation = Operation::of(&request.path);
        let call = Call {
            operation: operation.name(),
            user: None,
            path: &request.path,
        };
        let mut met = self.site.faults.meet(&call);
        let instead = match &mut met {
            Some(met) => met.before().await,
            None => None,
        };
        let (reply, user) = match instead.or_else(|| business_fault(met.as_ref())) {
            Some(reply) => (reply, None),
            None => self.answer(operation, &request, met.as_ref()),
        };
        let outcome = match reply.status {
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::OK => Outcome::Success,
            status if status.is_server_error() => Outcome::HttpError,
            _ => Outcome::Refused,
        };
        let reply = match &met {
            Some(met) => met.deliver(reply),
            None => reply,
        };
        let mut entry = self.site.note(operation.name(), outcome);
        entry.user = user.map(Into::into);
        entry.status = reply.status.as_u16();
        entry.connection = request.connection;
        entry.request_bytes = request.body.as_ref().map_or(0, |body| body.len());
        entry.reply_bytes = reply.body.len();
        entry.elapsed_us = started.elapsed_us();
        entry.fault_rule = met.map(|met| met.rule_id);
        self.site.journal.record(entry);
        reply
    }
}

impl VendorPort {
    /// Answers without regard to faults, and tells whose call it was.
    fn answer(
        &self,
        operation: Operation,
        request: &Request,
        met: Option<&Met>,
    ) -> (Reply, Option<String>) {
        let expire = met.is_some_and(|met| met.verdict == Verdict::ExpireToken);
        match operation {
            Operation::Token => oauth::token(&self.site, request),
            Operation::Connect => {
                if expire {
                    self.expire(request);
                }
                connect::connect(&self.site, request)
            }
            Operation::CheckHealth => (readable(request, pages::check_health()), None),
            Operation::Login => (readable(request, pages::login(&self.site)), None),
            Operation::Unknown => (pages::not_found(), None),
        }
    }

    /// Kills the token that the request carries, with all others of its account.
    fn expire(&self, request: &Request) {
        let Some(token) = oauth::bearer_token(request) else {
            return;
        };
        let mut state = self.site.state();
        if let Ok((client_id, _)) = state.accounts.bearer(token.digest(), self.site.now()) {
            let _ = state.accounts.revoke_tokens(&client_id);
        }
    }
}

/// The protocol's own way of failing, with the text of the rule.
fn business_fault(met: Option<&Met>) -> Option<Reply> {
    match &met?.verdict {
        Verdict::Error { text } => Some(oauth::refusal(
            StatusCode::UNAUTHORIZED,
            ErrorCode::AccessDenied,
            text,
        )),
        Verdict::Fault { text } => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Some(oauth::refusal(status, ErrorCode::ServerError, text))
        }
        _ => None,
    }
}

/// The page, for methods that read.
fn readable(request: &Request, page: Reply) -> Reply {
    if request.method == Method::GET || request.method == Method::HEAD {
        return page;
    }
    Reply::empty(StatusCode::METHOD_NOT_ALLOWED)
        .with_header(header::ALLOW, HeaderValue::from_static("GET, HEAD"))
}
