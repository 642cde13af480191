//! One request from arrival to reply: route, fault rule, sign-in, permission, operation, journal.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sim_kit::clock::{SimClock, SimTime, Stopwatch};
use sim_kit::exchange::{BodyError, Delivery, Method, Reply, Request, StatusCode, header};
use sim_kit::fault::{Call as FaultCall, FaultRules, Met, Verdict};
use sim_kit::journal::{Entry, Journal, Outcome};
use sim_kit::serve::Handler;

use crate::auth::{Authorization, session_in};
use crate::lab::Origin;
use crate::ops::params::check;
use crate::ops::{Access, Call, Identity, Route, auth};
use crate::routes::{self, Found};
use crate::settings::Settings;
use crate::state::State;
use crate::state::people::Source;
use crate::state::refusal::Refusal;
use crate::wire::answer::Answer;
use crate::wire::multipart::{self, Upload};
use crate::wire::read::Fields;

/// Characters of a path that belongs to nobody, as far as the journal keeps it.
const PATH_SHOWN_MAX: usize = 200;

/// Everything that a request meets.
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) clock: SimClock,
    pub(crate) faults: FaultRules,
    pub(crate) journal: Journal,
    origin: Origin,
    state: Mutex<State>,
}

impl Engine {
    /// An engine over a vault that the lab populated.
    pub(crate) fn new(settings: Settings, origin: Origin, clock: SimClock, state: State) -> Self {
        Self {
            settings,
            clock,
            faults: FaultRules::default(),
            journal: Journal::default(),
            origin,
            state: Mutex::new(state),
        }
    }

    /// The vault. Never held across an await.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the lab. A secret that can no longer be read leaves the vault as it is.
    pub(crate) fn reset(&self) {
        match self.origin.state(self.clock.now()) {
            Ok(fresh) => *self.lock() = fresh,
            Err(error) => tracing::error!(%error, "failed to reset the vault"),
        }
    }

    async fn answer(&self, request: &Request, note: &mut Note) -> Reply {
        let found = match routes::find(&request.method, &request.path, &self.settings) {
            Ok(found) => found,
            Err(refusal) => return self.refused(request, &refusal),
        };
        note.operation = found.route.name.into();
        let identity = identity(request);
        if !self.faults.is_empty() {
            note.user = user_of(&self.lock(), &identity, self.clock.now());
        }
        let call = FaultCall {
            operation: found.route.name,
            user: note.user.as_deref(),
            path: &request.path,
        };
        let approves = APPROVING.contains(&found.route.name);
        let can_happen = |verdict: &Verdict| {
            verdict.is_everybodys() || approves && matches!(verdict, Verdict::LateApproval { .. })
        };
        let Some(mut met) = self.faults.meet_where(&call, can_happen) else {
            note.answered = true;
            return self.handled(request, found, &identity, note);
        };
        note.fault_rule = Some(met.rule_id.clone());
        if let Some(instead) = met.before().await {
            return instead;
        }
        note.answered = true;
        match self.spoken(&met, request, &identity, note) {
            Some(instead) => instead,
            None => met.deliver(self.handled(request, found, &identity, note)),
        }
    }

    /// The verdicts that speak the vendor's protocol.
    fn spoken(
        &self,
        met: &Met,
        request: &Request,
        identity: &Identity,
        note: &mut Note,
    ) -> Option<Reply> {
        let answer = match &met.verdict {
            Verdict::Error { text } => business_error(text),
            Verdict::Fault { text } => Answer::json(StatusCode::INTERNAL_SERVER_ERROR, text),
            Verdict::ExpireToken => {
                let token = identity
                    .authorization
                    .as_ref()
                    .and_then(Authorization::bearer);
                self.lock()
                    .sign_ins
                    .expire(identity.session.as_deref(), token);
                return None;
            }
            Verdict::LateApproval { s } => {
                note.approval_late_by = Duration::from_secs(u64::from(*s));
                return None;
            }
            _ => return None,
        };
        Some(answer.into_reply(&self.settings, request.tls))
    }

    fn handled(
        &self,
        request: &Request,
        found: Found,
        identity: &Identity,
        note: &mut Note,
    ) -> Reply {
        let done = self.run(request, found, identity, note);
        match done {
            Ok(answer) => answer.into_reply(&self.settings, request.tls),
            Err(refusal) => {
                note.code = refusal.code();
                self.refused(request, &refusal)
            }
        }
    }

    fn run(
        &self,
        request: &Request,
        found: Found,
        identity: &Identity,
        note: &mut Note,
    ) -> Result<Answer, Refusal> {
        let now = self.clock.now();
        let body = request.body.as_ref().map_err(|error| {
            note.user = user_of(&self.lock(), identity, now);
            match error {
                BodyError::TooLarge { .. } => Refusal::TooLarge,
                BodyError::TimedOut { .. } | BodyError::Broken => {
                    Refusal::malformed("The request body could not be read")
                }
            }
        })?;
        let Found { route, params } = found;
        // Read before anything is locked; what is wrong with it is told to whoever may call.
        let read = Read::of(route, request, body);
        let query = Fields::of_form(request.query.as_deref().unwrap_or_default().as_bytes());
        let mut call = Call {
            params,
            query,
            fields: Fields::default(),
            upload: None,
            identity,
            caller: None,
            now,
            approval_at: now.plus(note.approval_late_by),
            settings: &self.settings,
        };
        let mut state = self.settled(call.now);
        // Noted already where a rule may have ended the session since.
        if note.user.is_none() {
            note.user = user_of(&state, identity, now);
        }
        if route.access != Access::Open {
            let caller = auth::authenticate(&mut state, &call)?;
            note.user = state.people.full_name(caller.user);
            call.caller = Some(caller);
            if let Access::Feature(feature, level) = route.access
                && !state.people.may(caller.user, feature, level)
            {
                return Err(Refusal::PermissionMissing);
            }
        }
        check(route.query, &call.query)?;
        let read = read?;
        (call.fields, call.upload) = (read.fields, read.upload);
        match (route.run)(&mut state, &call) {
            Err(Refusal::NotSimulated { .. }) => Err(Refusal::NotSimulated {
                allow: routes::allowed(&request.path, &self.settings),
            }),
            done => done,
        }
    }

    /// The vault as it is at this time: what is over has ended, and rotated where it rotates.
    pub(crate) fn settled(&self, now: SimTime) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.settle(now);
        state
    }

    fn refused(&self, request: &Request, refusal: &Refusal) -> Reply {
        Answer::of_refusal(refusal, &self.settings).into_reply(&self.settings, request.tls)
    }
}

/// On whose behalf a call is made, before anything was checked: for fault rules and the journal.
/// The name is the user's full one, however it was spelled, and as spelled when nobody has it.
fn user_of(state: &State, identity: &Identity, now: SimTime) -> Option<Arc<str>> {
    if let Some(Authorization::Key(key)) = &identity.authorization {
        let name = key.run_as.as_ref()?;
        let known = state.people.find(name);
        return Some(
            known.map_or_else(|| name.as_str().into(), |user| Arc::clone(&user.full_name)),
        );
    }
    let token = identity
        .authorization
        .as_ref()
        .and_then(Authorization::bearer);
    let caller = identity
        .session
        .as_deref()
        .and_then(|session| state.sign_ins.peek(session))
        .or_else(|| token.and_then(|token| state.sign_ins.bearer(token, now).ok()))?;
    state.people.full_name(caller.user)
}

/// The body of a call, read as its route takes it.
struct Read {
    fields: Fields,
    upload: Option<Upload>,
}

impl Read {
    /// Every route reads its body, also one that wants nothing in it: what is not JSON is refused
    /// everywhere. The body of a GET is nobody's (`vendor-client psafe:KEYRING` sends one).
    fn of(route: &Route, request: &Request, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = request.header(header::CONTENT_TYPE);
        let read = || {
            if request.method == Method::GET || !route.is_simulated() {
                return Ok((Fields::default(), None));
            }
            let (fields, upload) = if route.is_multipart() {
                let (fields, upload) = multipart::upload(content_type, body)?;
                (fields, Some(upload))
            } else {
                (Fields::of_body(content_type, body)?, None)
            };
            check(route.body, &fields)?;
            Ok((fields, upload))
        };
        match read() {
            Ok((fields, upload)) => Ok(Self { fields, upload }),
            Err(_) if route.name == auth::TOKEN => Err(Refusal::InvalidClient),
            Err(refusal) => Err(refusal),
        }
    }
}

/// What the journal is told.
#[derive(Default)]
struct Note {
    operation: Cow<'static, str>,
    user: Option<Arc<str>>,
    fault_rule: Option<String>,
    /// An operation, or a rule that speaks for one, made the reply.
    answered: bool,
    /// How late an approval takes effect, by a rule.
    approval_late_by: Duration,
    /// The number that explains a refusal.
    code: Option<u16>,
}

/// Operations that can approve a request: an approver's, and a request under a policy that approves
/// by itself.
const APPROVING: [&str; 3] = [
    "PUT Requests/{id}/Approve",
    "POST Requests",
    "POST RequestSets",
];

impl Handler for Engine {
    fn spelled(&self) -> &'static [&'static str] {
        &["WWW-Authenticate-2FA"]
    }

    async fn handle(&self, request: Request) -> Reply {
        let watch = Stopwatch::start();
        let mut note = Note::default();
        let at = self.clock.now();
        let reply = self.answer(&request, &mut note).await;
        let outcome = outcome(&reply, &note);
        if note.operation.is_empty() {
            let path: String = request.path.chars().take(PATH_SHOWN_MAX).collect();
            note.operation = format!("{} {path}", request.method).into();
        }
        self.journal.record(Entry {
            seq: 0,
            at,
            operation: note.operation,
            user: note.user,
            outcome,
            status: reply.status.as_u16(),
            connection: request.connection,
            request_bytes: request.body.as_ref().map_or(0, |body| body.len()),
            reply_bytes: reply.body.len(),
            elapsed_us: watch.elapsed_us(),
            fault_rule: note.fault_rule,
            detail: note
                .code
                .map(|code| ("code", code.to_string()))
                .into_iter()
                .collect(),
        });
        reply
    }
}

/// How a call ended. What no operation of the vendor's answered, a rule or an unknown path, is
/// an HTTP error.
fn outcome(reply: &Reply, note: &Note) -> Outcome {
    let lost = matches!(
        reply.delivery,
        Delivery::Close | Delivery::Reset | Delivery::Truncate { .. }
    );
    match reply.status.as_u16() {
        _ if lost => Outcome::Dropped,
        200..=299 => Outcome::Success,
        _ if !note.answered => Outcome::HttpError,
        500..=599 => Outcome::Fault,
        _ => Outcome::Refused,
    }
}

/// The business errors of this protocol are numbers; any other text is a 400's reason.
fn business_error(text: &str) -> Answer {
    match text.trim().parse::<u16>() {
        Ok(number @ 4031..=4036) => Answer::json(StatusCode::FORBIDDEN, &number),
        Ok(4091) => Answer::json(StatusCode::CONFLICT, &4091),
        _ => Answer::json(StatusCode::BAD_REQUEST, &text),
    }
}

/// Reads who a request is from. A name beyond ASCII is in UTF-8 (assumed). Several `Cookie` header
/// lines are refused by the product (`documented psafe:§1.4`), which a session that is not there
/// does.
fn identity(request: &Request) -> Identity {
    let mut cookies = request.headers.get_all(header::COOKIE).iter();
    let (first, second) = (cookies.next(), cookies.next());
    let cookie = first
        .filter(|_| second.is_none())
        .and_then(|value| value.to_str().ok());
    let several = second.is_some().then(String::new);
    Identity {
        authorization: request
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
            .map(Authorization::parse),
        session: cookie.and_then(session_in).map(str::to_owned).or(several),
        source: Source {
            address: request.peer.ip().to_canonical(),
            forwarded_for: request.header("x-forwarded-for").and_then(first_address),
        },
    }
}

/// The address that a chain of proxies says is the client's.
fn first_address(chain: &str) -> Option<IpAddr> {
    chain.split(',').next()?.trim().parse().ok()
}
