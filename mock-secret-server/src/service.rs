//! The vendor port: one request in, one reply out.
//!
//! ```text
//! path -> what is addressed -> call (SOAP, GET, POST) -> fault rules -> vault -> reply -> journal
//! ```

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sim_kit::clock::{SimClock, SimTime, Stopwatch};
use sim_kit::exchange::{Delivery, HeaderName, HeaderValue, Method, Reply, Request, header};
use sim_kit::fault::{Call, FaultRules, Met, Verdict};
use sim_kit::journal::{Entry, Journal, Outcome};
use sim_kit::serve::Handler;

use crate::awkward::Awkward;
use crate::bindings::{Invocation, Refused, RefusedWith, Style, form, soap};
use crate::config::{Protocol, is_local};
use crate::fault_codes::Fault;
use crate::ops::{self, Place};
use crate::pages::help::{self, Offered};
use crate::pages::{self, access, applications, discovery, discovery::Document};
use crate::reshape::reshape;
use crate::routes::{Layout, Target, resolved, written};
use crate::schema::Operation;
use crate::settings::RefusedPayload;
use crate::state::{Command, Operate, Refusal, RefusalKind, Vault};
use crate::wsdl::Flavor;

/// Everything behind the vendor port.
pub(crate) struct Service {
    pub(crate) layout: Layout,
    pub(crate) protocol: Protocol,
    pub(crate) clock: SimClock,
    pub(crate) faults: FaultRules,
    pub(crate) journal: Journal,
    pub(crate) vault: Mutex<Vault>,
    pub(crate) awkward: Option<Awkward>,
}

/// A request, as far as it was understood.
enum Understood {
    Call(Box<Invocation>),
    Refused(Box<Refused>),
    Page(Reply),
}

/// How a request ended, for the journal.
struct Ended {
    reply: Reply,
    outcome: Outcome,
    /// On whose behalf, when known.
    user: Option<Arc<str>>,
    detail: Vec<(&'static str, String)>,
}

impl Ended {
    fn with(reply: Reply, outcome: Outcome) -> Self {
        Self {
            reply,
            outcome,
            user: None,
            detail: Vec::new(),
        }
    }
}

impl Handler for Service {
    fn spelled(&self) -> &'static [&'static str] {
        &["X-AspNet-Version", "WWW-Authenticate"]
    }

    async fn handle(&self, request: Request) -> Reply {
        let watch = Stopwatch::start();
        let now = self.clock.now();
        let path = resolved(&request.path);
        let understood = self.understand(&request, &path, now);
        let operation = operation_name(&understood, &request);
        let mut met = self.meet(&understood, &operation, &path, now);
        let instead = match &mut met {
            Some((_, met)) => met.before().await,
            None => None,
        };
        let mut ended = match instead {
            Some(reply) => replaced(reply),
            None => {
                let verdict = met.as_ref().map(|(_, met)| &met.verdict);
                self.answer(understood, &request, verdict, now)
            }
        };
        let mut fault_rule = None;
        if let Some((user, met)) = met {
            // Whoever was behind the token when the rule was met.
            ended.user = user;
            let (reply, was_met) = damaged(&met, ended.reply);
            ended.reply = reply;
            fault_rule = was_met.then_some(met.rule_id);
        }
        if !matches!(
            ended.reply.delivery,
            Delivery::Whole | Delivery::Drip { .. } | Delivery::Twice
        ) {
            ended.outcome = Outcome::Dropped;
        }
        let reply = self.with_platform_headers(ended.reply);
        self.journal.record(Entry {
            seq: 0,
            at: now,
            operation,
            user: ended.user,
            outcome: ended.outcome,
            status: reply.status.as_u16(),
            connection: request.connection,
            request_bytes: request.body.as_ref().map_or(0, |body| body.len()),
            reply_bytes: reply.body.len(),
            elapsed_us: watch.elapsed_us(),
            fault_rule,
            detail: ended.detail,
        });
        reply
    }
}

impl Service {
    /// The vault. A poisoned lock is a panic that the listener has already kept; the vault's own
    /// invariants hold after each command.
    pub(crate) fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn understand(&self, request: &Request, path: &str, now: SimTime) -> Understood {
        let web_services = self.vault().settings().door();
        let read = match self.layout.target(path, web_services) {
            Target::Service if request.method == Method::POST => soap::read(request),
            Target::Method(method) => form::read(request, &method, &self.protocol),
            Target::Service if request.method == Method::GET => {
                return Understood::Page(self.document(request));
            }
            Target::Service => return Understood::Page(pages::method_not_allowed()),
            Target::WindowsService => return Understood::Page(pages::windows_authentication()),
            Target::Applications => {
                return Understood::Page(applications::answer(self, request, now));
            }
            Target::AccessApproval => {
                return Understood::Page(access::answer(self, request, now));
            }
            Target::LogIn => return Understood::Page(pages::log_in()),
            Target::SwitchedOff => {
                let back = percent_encoding::utf8_percent_encode(
                    &request.path,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                let location = format!("{}/Login.aspx?ReturnUrl={back}", self.layout.root);
                return Understood::Page(pages::redirect(&location));
            }
            Target::Nothing => {
                let page = self.protocol.not_found_page;
                return Understood::Page(pages::not_found(&request.path, page));
            }
        };
        match read {
            Ok(invocation) => Understood::Call(Box::new(invocation)),
            Err(refused) => Understood::Refused(refused),
        }
    }

    fn document(&self, request: &Request) -> Reply {
        let path = written(&request.path);
        let url = format!("{}://{}{path}", request.scheme(), request.authority());
        match Document::of(request.query.as_deref()) {
            Document::Wsdl => discovery::wsdl(self.protocol.wsdl.into(), &url),
            Document::SimSoapOnlyWsdl => discovery::wsdl(Flavor::SoapOnly, &url),
            Document::Disco => discovery::disco(&url),
            Document::NoSuchId => discovery::no_such_id(self.protocol.told(request)),
            Document::Help(None) => help::index(&path),
            Document::Help(Some(name)) => {
                let offered = Offered {
                    get: self.protocol.http_get,
                    post: form::takes_post(request, &self.protocol),
                    form: self.protocol.test_form && is_local(request),
                };
                help::operation(&path, &request.authority(), &name, offered)
            }
        }
    }

    /// The fault rule that the request meets, and the user whom it concerns.
    fn meet(
        &self,
        understood: &Understood,
        operation: &str,
        path: &str,
        now: SimTime,
    ) -> Option<(Option<Arc<str>>, Met)> {
        if self.faults.is_empty() {
            return None;
        }
        let command = match understood {
            Understood::Call(invocation) => invocation.command.as_ref(),
            _ => None,
        };
        let user = command.and_then(|command| self.vault().acting_user(command, now));
        let call = Call {
            operation,
            user: user.as_deref(),
            path,
        };
        let is_live = user.is_some();
        let can_happen = |verdict: &Verdict| can_happen(verdict, understood, is_live);
        let met = self.faults.meet_where(&call, can_happen)?;
        Some((user, met))
    }

    fn answer(
        &self,
        understood: Understood,
        request: &Request,
        verdict: Option<&Verdict>,
        now: SimTime,
    ) -> Ended {
        match understood {
            Understood::Call(invocation) => self.call(*invocation, request, verdict, now),
            Understood::Refused(refused) => self.refuse(refused.with, request),
            Understood::Page(reply) => replaced(reply),
        }
    }

    fn refuse(&self, with: RefusedWith, request: &Request) -> Ended {
        let told = self.protocol.told(request);
        let reply = match with {
            RefusedWith::Fault(version, fault) => {
                return self.fault(Style::Soap(version), &fault, request);
            }
            RefusedWith::Plain(chain) => pages::plain_error(&chain, told),
            RefusedWith::Http(reply) if self.protocol.iis_fills_empty_errors => {
                pages::iis_filling(reply.status).unwrap_or(reply)
            }
            RefusedWith::Http(reply) => reply,
        };
        Ended::with(reply, Outcome::HttpError)
    }

    fn call(
        &self,
        invocation: Invocation,
        request: &Request,
        verdict: Option<&Verdict>,
        now: SimTime,
    ) -> Ended {
        let Invocation {
            operation,
            command,
            style,
            not_understood,
        } = invocation;
        let place = Place {
            request,
            root: &self.layout.root,
        };
        match verdict {
            Some(Verdict::Fault { text }) => {
                return self.fault(style, &Fault::unprocessed(text.clone()), request);
            }
            Some(Verdict::Error { text }) => {
                let refused_payload = self.vault().settings().refused_payload;
                let refusal = Refusal {
                    payload_empty: refused_payload == RefusedPayload::Empty,
                    ..Refusal::new(RefusalKind::BadValue, text.clone())
                };
                let mut ended = self.refused(style, operation, &refusal, place);
                ended.detail.clear();
                return ended;
            }
            _ => {}
        }
        let Some(command) = command else {
            return self.fault(style, &Fault::not_mocked(operation.name), request);
        };
        let dies = matches!(verdict, Some(Verdict::ExpireToken))
            || self.awkward.as_ref().is_some_and(Awkward::ends_a_token);
        let detail = about(&command);
        let (user, outcome) = {
            let mut vault = self.vault();
            let user = vault.acting_user(&command, now);
            if let Some(token) = command.token().filter(|_| dies) {
                let token = token.clone();
                // A token that is dead already is as dead as it should be.
                let _ = vault.operate(Operate::ExpireToken { token }, now);
            }
            (user, vault.apply(command, now, request.peer.ip()))
        };
        let mut ended = match outcome {
            Ok(mut answer) => {
                if let Some(awkward) = &self.awkward {
                    awkward.reorder(&mut answer);
                }
                let body = style.result(operation, |w| ops::write_answer(w, &answer, place));
                Ended {
                    detail,
                    ..Ended::with(style.ok(self.dressed(body)), Outcome::Success)
                }
            }
            Err(refusal) => {
                let mut ended = self.refused(style, operation, &refusal, place);
                ended.detail.extend(detail);
                ended
            }
        };
        // Looked at only now, when the method has had its effect (documented soap:§1.5).
        if let Some(header) = not_understood {
            ended = self.fault(style, &Fault::not_understood(&header), request);
        }
        ended.user = user;
        ended
    }

    fn refused(
        &self,
        style: Style,
        operation: &'static Operation,
        refusal: &Refusal,
        place: Place<'_>,
    ) -> Ended {
        let body = style.result(operation, |w| {
            ops::write_refusal(w, operation, refusal, place);
        });
        Ended {
            detail: vec![("refusal", refusal.kind.name().to_owned())],
            ..Ended::with(style.ok(self.dressed(body)), Outcome::Refused)
        }
    }

    fn fault(&self, style: Style, fault: &Fault, request: &Request) -> Ended {
        let mut reply = style.fault(fault, self.protocol.told(request));
        if let (Some(awkward), Style::Soap(_)) = (&self.awkward, style) {
            reply.body = awkward.dress_fault(&reply.body).into();
        }
        Ended::with(reply, Outcome::Fault)
    }

    /// What IIS and ASP.NET put on every reply (assumed soap:§1.6).
    fn with_platform_headers(&self, mut reply: Reply) -> Reply {
        const VERSION: HeaderName = HeaderName::from_static("x-aspnet-version");
        const POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
        let headers = &mut reply.headers;
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        let protocol = &self.protocol;
        for (is_on, name, value) in [
            (protocol.server_header, header::SERVER, "Microsoft-IIS/10.0"),
            (protocol.aspnet_version_header, VERSION, "4.0.30319"),
            (protocol.powered_by_header, POWERED_BY, "ASP.NET"),
        ] {
            if is_on {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        reply
    }

    fn dressed(&self, body: String) -> String {
        match &self.awkward {
            Some(awkward) => awkward.dress(&body),
            None => body,
        }
    }
}

/// Whether a verdict would do anything to this request. One that would not leaves it alone, and the
/// rule unmet.
fn can_happen(verdict: &Verdict, understood: &Understood, is_live: bool) -> bool {
    let Understood::Call(invocation) = understood else {
        return !(verdict.speaks() || verdict.reshapes());
    };
    match verdict {
        Verdict::ExpireToken => {
            let token = invocation.command.as_ref().and_then(Command::token);
            is_live && token.is_some()
        }
        Verdict::Error { .. } | Verdict::Fault { .. } => true,
        // Words of other protocols.
        _ => !verdict.speaks(),
    }
}

/// The reply, damaged as the rule says, and whether there was anything to damage.
fn damaged(rule: &Met, mut reply: Reply) -> (Reply, bool) {
    if !rule.verdict.reshapes() {
        return rule.damage(reply);
    }
    let body = std::str::from_utf8(&reply.body).ok();
    match body.and_then(|body| reshape(&rule.verdict, body)) {
        Some(body) => {
            reply.body = body.into();
            (reply, true)
        }
        None => {
            rule.withdraw();
            (reply, false)
        }
    }
}

/// A reply that no operation gave.
fn replaced(reply: Reply) -> Ended {
    let status = reply.status;
    let good = status.is_success() || status.is_redirection();
    let outcome = if good {
        Outcome::Success
    } else {
        Outcome::HttpError
    };
    Ended::with(reply, outcome)
}

fn operation_name(understood: &Understood, request: &Request) -> Cow<'static, str> {
    let named = match understood {
        Understood::Call(invocation) => Some(invocation.operation.name),
        Understood::Refused(refused) => refused.operation,
        Understood::Page(_) => None,
    };
    match named {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{} {}", request.method, request.path)),
    }
}

/// What the journal tells of a call beside its user: ids and names, never a value of a field.
fn about(command: &Command) -> Vec<(&'static str, String)> {
    match command {
        Command::ImpersonateUser {
            username: Some(name),
            domain,
            ..
        } => {
            let user = match domain.as_deref() {
                Some(domain) if !domain.is_empty() => format!("{domain}\\{name}"),
                _ => name.clone(),
            };
            vec![("impersonated", user)]
        }
        Command::SearchSecretsByFieldValue {
            field_name: Some(field),
            ..
        } => {
            vec![("field", field.clone())]
        }
        Command::GetSecret { secret_id, .. }
        | Command::GetSecretLegacy { secret_id, .. }
        | Command::DownloadFileAttachment { secret_id, .. }
        | Command::DownloadFileAttachmentByItemId { secret_id, .. }
        | Command::GetCheckOutStatus { secret_id, .. }
        | Command::CheckIn { secret_id, .. } => vec![("secret_id", secret_id.to_string())],
        _ => Vec::new(),
    }
}
