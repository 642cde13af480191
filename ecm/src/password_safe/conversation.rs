//! The calls of one request in the name of one user. A session that the vault has dropped is
//! replaced once in a conversation, however many of its calls notice.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;

use super::client::{Call, CallError, Success};
use super::sessions::{Sessions, SignInError, VaultSession};
use super::settings::{RunAsForm, Settings};
use super::trouble;
use super::wire::auth::RunAs;
use crate::error::{PluginError, shortened};
use crate::identity::{self, Candidate, CandidateReason, LeftOut};
use crate::plugin::User;
use crate::trace::{Step, Trace};

/// One user's part in one request.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    sessions: &'a Sessions,
    run_as: RunAs,
    /// The session that the conversation began with; any other one was made for it.
    first_serial: u64,
    current: Mutex<Arc<VaultSession>>,
    trace: Trace,
}

impl<'a> Conversation<'a> {
    /// Begins a conversation as the vault user that `user` is: the first candidate with an open
    /// session, else the first one that may sign in.
    pub(super) async fn of_console_user(
        sessions: &'a Sessions,
        settings: &Settings,
        user: &User,
        trace: Trace,
    ) -> Result<Self, PluginError> {
        let names = names_to_run_as(settings, user, &trace);
        let open = names
            .iter()
            .find_map(|name| Some((name, sessions.open_one(&name.run_as)?)));
        if let Some((name, session)) = open {
            name.tell(&trace, "has an open session");
            trace.set_user(&name.run_as.to_string());
            return Ok(Self::new(sessions, name.run_as.clone(), session, trace));
        }
        let mut last_words = None;
        for name in &names {
            match sessions.get(&name.run_as).await {
                Ok(session) => {
                    name.tell(&trace, "signed in");
                    trace.set_user(&name.run_as.to_string());
                    return Ok(Self::new(sessions, name.run_as.clone(), session, trace));
                }
                Err(SignInError::NotAccepted { words }) => {
                    name.tell(&trace, "not let in by the vault");
                    last_words = Some(words);
                }
                Err(SignInError::Failed(error)) => {
                    name.tell(&trace, &error.message);
                    return Err(error);
                }
            }
        }
        let Some(words) = last_words else {
            return Err(trouble::no_user(&user.username));
        };
        let tried: Vec<_> = names.iter().map(|name| name.run_as.to_string()).collect();
        let tried = shortened(&tried.join(", "), TRIED_CHARS_MAX);
        let key_proved = prove_key(sessions, settings).await;
        Err(trouble::nobody_signs_in(&tried, key_proved, &words))
    }

    /// Begins a conversation as the Global Approver `name`.
    pub(super) async fn of_approver(
        sessions: &'a Sessions,
        name: &str,
    ) -> Result<Self, PluginError> {
        let run_as = RunAs::new(name).ok_or_else(|| trouble::no_user(name))?;
        match sessions.get(&run_as).await {
            Ok(session) => Ok(Self::new(sessions, run_as, session, Trace::default())),
            Err(SignInError::NotAccepted { words }) => {
                Err(trouble::approver_signs_not_in(name, &words))
            }
            Err(SignInError::Failed(error)) => Err(error),
        }
    }

    fn new(
        sessions: &'a Sessions,
        run_as: RunAs,
        session: Arc<VaultSession>,
        trace: Trace,
    ) -> Self {
        let first_serial = session.serial;
        Self {
            sessions,
            run_as,
            first_serial,
            current: Mutex::new(session),
            trace,
        }
    }

    /// The vault user, in the form in which names are compared.
    pub(super) fn folded_name(&self) -> String {
        self.run_as.folded()
    }

    /// Where the steps of the request are written down.
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Makes a call in the user's name.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Success, CallError> {
        let operation = call.operation;
        let session = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        let client = self.sessions.client();
        let outcome = client.call(call.clone(), Some(&session.proof)).await;
        if !is_unauthenticated(&outcome) {
            return outcome;
        }
        if session.serial != self.first_serial {
            return Err(client.with_clocks(trouble::refused_twice(operation)).into());
        }
        let fresh = self.replaced(&session).await?;
        self.trace.add(Step::TokenReplaced);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        let outcome = client.call(call, Some(&fresh.proof)).await;
        if is_unauthenticated(&outcome) {
            return Err(client.with_clocks(trouble::refused_twice(operation)).into());
        }
        outcome
    }

    async fn replaced(&self, refused: &VaultSession) -> Result<Arc<VaultSession>, PluginError> {
        let outcome = self.sessions.instead_of(refused, &self.run_as).await;
        outcome.map_err(|error| match error {
            // The user could sign in before, so the key may be the one that changed.
            SignInError::NotAccepted { words } => {
                trouble::nobody_signs_in(&self.run_as.to_string(), false, &words)
            }
            SignInError::Failed(error) => error,
        })
    }
}

/// Whether the vault takes the registration key from this address. A 401 does not say whether key,
/// address or user is at fault (documented psafe:§1.4); that the Global Approver may sign in does.
async fn prove_key(sessions: &Sessions, settings: &Settings) -> bool {
    if let Some(approver) = settings.global_approver.as_deref().and_then(RunAs::new)
        && !sessions.key_proved()
    {
        let _ = sessions.get(&approver).await;
    }
    sessions.key_proved()
}

/// Longest list of names in an error.
const TRIED_CHARS_MAX: usize = 300;

/// No session or a dead one (recorded psafe:§1.4).
fn is_unauthenticated(outcome: &Result<Success, CallError>) -> bool {
    matches!(outcome, Err(CallError::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED)
}

/// A name to run as, and why.
struct Name {
    run_as: RunAs,
    reason: CandidateReason,
}

impl Name {
    fn tell(&self, trace: &Trace, outcome: &str) {
        let user = self.run_as.to_string();
        tracing::debug!(run_as = %user, outcome, "vault user");
        trace.add(Step::User {
            user,
            reason: self.reason,
            outcome: outcome.to_owned(),
        });
    }
}

/// The names to run as, in order. Names that the header cannot carry are left out.
fn names_to_run_as(settings: &Settings, user: &User, trace: &Trace) -> Vec<Name> {
    let dn = user.distinguished_name.as_deref();
    let mapping = identity::candidates(&user.username, dn, &settings.mapping);
    for left_out in mapping.left_out {
        trace.add(Step::UserLeftOut(left_out));
    }
    let mut names: Vec<Name> = Vec::new();
    for candidate in &mapping.candidates {
        let written = written(candidate, settings.run_as_form);
        let left_out = |why: &str| {
            trace.add(Step::UserLeftOut(LeftOut::new(
                shortened(&written, 80),
                why,
            )));
        };
        match RunAs::new(&written) {
            None => left_out("it cannot stand in a PS-Auth header"),
            Some(run_as)
                if names
                    .iter()
                    .any(|name| name.run_as.folded() == run_as.folded()) =>
            {
                left_out("it is there already in this form");
            }
            Some(run_as) => names.push(Name {
                run_as,
                reason: candidate.reason,
            }),
        }
    }
    names
}

fn written(candidate: &Candidate, form: RunAsForm) -> String {
    let name = &candidate.username;
    match (&candidate.domain, form) {
        (None, _) => name.clone(),
        (Some(domain), RunAsForm::Upn) => format!("{name}@{domain}"),
        (Some(domain), RunAsForm::ByDomain) if domain.contains('.') => format!("{name}@{domain}"),
        (Some(domain), RunAsForm::DownLevel | RunAsForm::ByDomain) => format!("{domain}\\{name}"),
    }
}
