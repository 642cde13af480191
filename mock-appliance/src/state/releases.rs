//! Credentials that a session used and that the vault has to get back when it ends.

use std::collections::BTreeMap;

use sim_kit::clock::SimTime;

use super::ecms::ConnectionId;
use super::sessions::SessionId;

/// Releases that may be owed at the same time; beyond it the oldest is given up.
pub const OWED_MAX: usize = 10_000;

/// Which credential of which session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseKey {
    /// The session.
    pub session: SessionId,
    /// The credential.
    pub credential_id: String,
}

/// One credential that an ECM handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub key: ReleaseKey,
    /// The connection that served it; nothing when that was lost with the answer.
    pub served_by: Option<ConnectionId>,
    /// When the session ended; nothing while it runs.
    pub session_ended_at: Option<SimTime>,
    /// How often it was sent.
    pub attempts: u32,
    /// Why the last attempt was not answered `done`.
    pub last_problem: Option<String>,
}

/// All credentials that are out.
#[derive(Clone, Debug, Default)]
pub struct Releases {
    out: BTreeMap<ReleaseKey, Release>,
    confirmed: u64,
    given_up: u64,
}

impl Releases {
    /// Notes that a credential went to a session. Twice the same is owed once; the last server
    /// counts.
    pub fn handed_out(&mut self, key: ReleaseKey, served_by: impl Into<Option<ConnectionId>>) {
        if self.out.len() >= OWED_MAX && !self.out.contains_key(&key) {
            self.out.pop_first();
            self.given_up += 1;
        }
        let release = Release {
            key: key.clone(),
            served_by: served_by.into(),
            session_ended_at: None,
            attempts: 0,
            last_problem: None,
        };
        self.out.insert(key, release);
    }

    /// The session ended: from now on its credentials are owed. Gives those.
    pub fn session_ended(&mut self, session: SessionId, at: SimTime) -> Vec<ReleaseKey> {
        let mut owed = Vec::new();
        for release in self
            .out
            .values_mut()
            .filter(|release| release.key.session == session)
        {
            release.session_ended_at.get_or_insert(at);
            owed.push(release.key.clone());
        }
        owed
    }

    /// The credential is owed although its session may still run: its answer came too late to be
    /// used.
    pub fn owe_now(&mut self, key: &ReleaseKey, at: SimTime) {
        if let Some(release) = self.out.get_mut(key) {
            release.session_ended_at.get_or_insert(at);
        }
    }

    /// One credential that is out.
    #[must_use]
    pub fn get(&self, key: &ReleaseKey) -> Option<&Release> {
        self.out.get(key)
    }

    /// Notes that a release was sent.
    pub fn attempted(&mut self, key: &ReleaseKey) {
        if let Some(release) = self.out.get_mut(key) {
            release.attempts = release.attempts.saturating_add(1);
        }
    }

    /// Notes why a release has to be sent again.
    pub fn failed(&mut self, key: &ReleaseKey, problem: String) {
        if let Some(release) = self.out.get_mut(key) {
            release.last_problem = Some(problem);
        }
    }

    /// The ECM answered `done`, or does not want to hear of it.
    pub fn confirmed(&mut self, key: &ReleaseKey) {
        if self.out.remove(key).is_some() {
            self.confirmed += 1;
        }
    }

    /// Releases that are owed now, in the order of their sessions.
    pub fn owed(&self) -> impl Iterator<Item = &Release> {
        self.out
            .values()
            .filter(|release| release.session_ended_at.is_some())
    }

    /// How many were confirmed so far.
    #[must_use]
    pub fn confirmed_count(&self) -> u64 {
        self.confirmed
    }

    /// How many were given up because too many were owed.
    #[must_use]
    pub fn given_up_count(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SimTime = SimTime::SCENARIO_START;

    fn key(session: u64, credential_id: &str) -> ReleaseKey {
        ReleaseKey {
            session: SessionId(session),
            credential_id: credential_id.into(),
        }
    }

    #[test]
    fn a_credential_is_owed_once_and_only_after_its_session() {
        let mut releases = Releases::default();
        releases.handed_out(key(1, "a"), ConnectionId(1));
        releases.handed_out(key(1, "a"), ConnectionId(2));
        releases.handed_out(key(2, "a"), ConnectionId(1));
        assert_eq!(releases.owed().count(), 0);
        assert_eq!(releases.session_ended(SessionId(1), NOW), [key(1, "a")]);
        assert_eq!(releases.owed().count(), 1);
        assert_eq!(
            releases.get(&key(1, "a")).and_then(|r| r.served_by),
            Some(ConnectionId(2))
        );
    }

    #[test]
    fn what_is_confirmed_is_no_longer_owed() {
        let mut releases = Releases::default();
        releases.handed_out(key(1, "a"), ConnectionId(1));
        releases.session_ended(SessionId(1), NOW);
        releases.attempted(&key(1, "a"));
        releases.failed(&key(1, "a"), "timed out".into());
        assert_eq!(releases.get(&key(1, "a")).map(|r| r.attempts), Some(1));
        releases.confirmed(&key(1, "a"));
        releases.confirmed(&key(1, "a"));
        assert_eq!(
            (releases.owed().count(), releases.confirmed_count()),
            (0, 1)
        );
    }

    #[test]
    fn what_is_owed_is_bounded() {
        let mut releases = Releases::default();
        for n in 0..=OWED_MAX as u64 {
            releases.handed_out(key(n, "a"), ConnectionId(1));
        }
        assert_eq!(releases.given_up_count(), 1);
        assert_eq!(releases.get(&key(0, "a")), None);
    }
}
