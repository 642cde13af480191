//! Sessions of the access console and what happened in them (sra:§4.3, sra:§6).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sim_kit::clock::SimTime;

use super::directory::{ConsoleUser, JumpItem};

/// Sessions that may run at the same time. More are refused.
pub const RUNNING_MAX: usize = 1_000;
/// Ended sessions that are remembered; the oldest goes first.
pub const ENDED_MAX: usize = 1_000;
/// Events, hops and injections that one session remembers of each.
pub const ENTRIES_MAX: usize = 1_000;
/// Preferred credentials that are remembered.
const PREFERRED_MAX: usize = 10_000;

/// Number of a session, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s-{}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = SessionError;

    fn from_str(text: &str) -> Result<Self, SessionError> {
        let number = text
            .strip_prefix("s-")
            .and_then(|digits| digits.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| SessionError::Unknown(text.to_owned()))
    }
}

/// One entry of the list behind the key icon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSummary {
    /// The ECM's name for it.
    pub credential_id: String,
    /// What the console user reads.
    pub display_value: String,
    /// Whether it stands under "Recommended Accounts": the user took it for this Jump Item before
    /// (documented sra:§6).
    pub recommended: bool,
}

/// One event of a session: the vendor's event name and its `data` keys (documented sra:§4.3, §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// When.
    pub at: SimTime,
    /// The vendor's name of the event.
    pub event_type: &'static str,
    /// Who did it: the user's name, or the product.
    pub performed_by: String,
    /// Its data, in the order of the report.
    pub data: Vec<(&'static str, String)>,
}

/// One request that went down the link for a session. Times are microseconds since the start of
/// the appliance, of real time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Type of the request.
    pub request: &'static str,
    /// Its id on the link.
    pub request_id: String,
    /// The connection that carried it.
    pub connection: String,
    /// When it was handed to the socket; when it was to be, if it never was.
    pub sent_at_us: u64,
    /// When its answer had been read, or when the appliance gave up.
    pub answered_at_us: u64,
    /// `ok`, or why not: a category of the link or `timed_out`, `connection_lost`.
    pub outcome: String,
}

/// What is remembered of an injected credential: nothing that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectionRecord {
    /// When.
    pub at: SimTime,
    /// Which credential.
    pub credential_id: String,
    /// Kind of the credential on the link.
    pub kind: &'static str,
    /// The user name with all but its ends hidden.
    pub masked_username: String,
    /// Keyed fingerprint of the secret, in hexadecimal, shortened.
    pub fingerprint: String,
}

/// One session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// The vendor's session identifier: 32 hexadecimal digits (documented sra:§4.2).
    pub lsid: String,
    /// Who.
    pub user: ConsoleUser,
    /// Where.
    pub jump_item: JumpItem,
    /// The ECM Group that serves it.
    pub ecm_group: String,
    /// When it started.
    pub started_at: SimTime,
    /// When it ended; nothing while it runs.
    pub ended_at: Option<SimTime>,
    /// The list that the user saw last.
    pub offered: Vec<CredentialSummary>,
    /// What was injected.
    pub injections: Vec<InjectionRecord>,
    /// What happened.
    pub events: Vec<SessionEvent>,
    /// What went down the link for it.
    pub hops: Vec<Hop>,
    attempts: u64,
}

/// Why something cannot be done with a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is none with that id.
    #[error("there is no session {0:?}")]
    Unknown(String),
    /// It has ended.
    #[error("session {0} has ended")]
    Ended(SessionId),
    /// The credential is not in the list that the user saw.
    #[error("credential {credential_id:?} is not in the list of session {session}; list it first")]
    NotOffered {
        /// The session.
        session: SessionId,
        /// What was picked.
        credential_id: String,
    },
    /// Too many sessions run.
    #[error("{RUNNING_MAX} sessions are running already; end one first")]
    TooMany,
}

/// All sessions of the site.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    sessions: BTreeMap<SessionId, Session>,
    last: u64,
    /// The credential that a user last took for a Jump Item; only its id.
    preferred: BTreeMap<(String, String), String>,
}

impl Sessions {
    /// Starts a session.
    ///
    /// # Errors
    /// [`SessionError::TooMany`] when [`RUNNING_MAX`] sessions run.
    pub fn begin(
        &mut self,
        user: ConsoleUser,
        jump_item: JumpItem,
        ecm_group: String,
        lsid: String,
        now: SimTime,
    ) -> Result<SessionId, SessionError> {
        let (ended, running): (Vec<_>, Vec<_>) = self
            .sessions
            .values()
            .partition(|session| session.ended_at.is_some());
        if running.len() >= RUNNING_MAX {
            return Err(SessionError::TooMany);
        }
        if ended.len() >= ENDED_MAX
            && let Some(oldest) = ended.first().map(|session| session.id)
        {
            self.sessions.remove(&oldest);
        }
        self.last += 1;
        let id = SessionId(self.last);
        let start = SessionEvent {
            at: now,
            event_type: "Session Start",
            performed_by: user.username.clone(),
            data: Vec::new(),
        };
        let session = Session {
            id,
            lsid,
            user,
            jump_item,
            ecm_group,
            started_at: now,
            ended_at: None,
            offered: Vec::new(),
            injections: Vec::new(),
            events: vec![start],
            hops: Vec::new(),
            attempts: 0,
        };
        self.sessions.insert(id, session);
        Ok(id)
    }

    /// No sessions, but numbers that go on where these left off.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            last: self.last,
            ..Self::default()
        }
    }

    /// One session, running or ended.
    ///
    /// # Errors
    /// [`SessionError::Unknown`].
    pub fn get(&self, id: SessionId) -> Result<&Session, SessionError> {
        self.sessions
            .get(&id)
            .ok_or_else(|| SessionError::Unknown(id.to_string()))
    }

    /// One session that still runs.
    ///
    /// # Errors
    /// [`SessionError::Unknown`], [`SessionError::Ended`].
    pub fn running(&self, id: SessionId) -> Result<&Session, SessionError> {
        match self.get(id)? {
            session if session.ended_at.is_some() => Err(SessionError::Ended(id)),
            session => Ok(session),
        }
    }

    /// All sessions, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Remembers the list that the user sees, and gives it: the recommended entry first.
    pub fn offer(
        &mut self,
        id: SessionId,
        mut offered: Vec<CredentialSummary>,
    ) -> Vec<CredentialSummary> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return offered;
        };
        let preferred = self.preferred.get(&session.preference());
        for entry in &mut offered {
            entry.recommended = preferred == Some(&entry.credential_id);
        }
        offered.sort_by_key(|entry| !entry.recommended);
        session.offered.clone_from(&offered);
        offered
    }

    /// Remembers a request on the link.
    pub fn record_hop(&mut self, id: SessionId, hop: Hop) {
        if let Some(session) = self.sessions.get_mut(&id) {
            push_bounded(&mut session.hops, hop);
        }
    }

    /// Writes "Credential Injection Attempt" and gives the attempt's id.
    ///
    /// # Errors
    /// When the session does not run, or the credential is not in the list that the user saw.
    pub fn attempt(
        &mut self,
        id: SessionId,
        credential_id: &str,
        now: SimTime,
    ) -> Result<u64, SessionError> {
        self.running(id)?;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(SessionError::Unknown(id.to_string()));
        };
        let Some(name) = session.display_value(credential_id) else {
            let credential_id = credential_id.to_owned();
            return Err(SessionError::NotOffered {
                session: id,
                credential_id,
            });
        };
        session.attempts += 1;
        let attempt = session.attempts;
        let data = vec![
            ("attempt_id", attempt.to_string()),
            ("credential_id", credential_id.to_owned()),
            ("credential_name", name),
        ];
        session.event(now, "Credential Injection Attempt", data);
        Ok(attempt)
    }

    /// Writes "Credential Injection Attempt Failed".
    pub fn attempt_failed(
        &mut self,
        id: SessionId,
        attempt: u64,
        credential_id: &str,
        reason: String,
        now: SimTime,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let data = vec![
            ("attempt_id", attempt.to_string()),
            ("credential_id", credential_id.to_owned()),
            (
                "credential_name",
                session.display_value(credential_id).unwrap_or_default(),
            ),
            ("failure_reason", reason),
        ];
        session.event(now, "Credential Injection Attempt Failed", data);
    }

    /// Remembers what was injected, and that the user took it here.
    pub fn injected(&mut self, id: SessionId, record: InjectionRecord) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let preference = session.preference();
        if self.preferred.len() < PREFERRED_MAX || self.preferred.contains_key(&preference) {
            self.preferred
                .insert(preference, record.credential_id.clone());
        }
        push_bounded(&mut session.injections, record);
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When it does not run.
    pub fn end(&mut self, id: SessionId, now: SimTime) -> Result<(), SessionError> {
        self.running(id)?;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ended_at = Some(now);
            session.event(now, "Session End", Vec::new());
        }
        Ok(())
    }
}

impl Session {
    /// Whose preference for what the session tells.
    fn preference(&self) -> (String, String) {
        (
            self.user.username.to_lowercase(),
            self.jump_item.name.clone(),
        )
    }

    fn display_value(&self, credential_id: &str) -> Option<String> {
        let same = |summary: &&CredentialSummary| summary.credential_id == credential_id;
        self.offered
            .iter()
            .find(same)
            .map(|summary| summary.display_value.clone())
    }

    fn event(&mut self, at: SimTime, event_type: &'static str, data: Vec<(&'static str, String)>) {
        let performed_by = self.user.username.clone();
        push_bounded(
            &mut self.events,
            SessionEvent {
                at,
                event_type,
                performed_by,
                data,
            },
        );
    }
}

fn push_bounded<T>(entries: &mut Vec<T>, entry: T) {
    if entries.len() < ENTRIES_MAX {
        entries.push(entry);
    }
}

#[cfg(test)]
mod tests;
