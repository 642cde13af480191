//! Live tokens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::model::UserSlot;
use super::text::SecretText;
use crate::settings::TokenLifetime;

/// More live tokens than this end the oldest: a bound on memory, far above any test.
const TOKENS_MAX: usize = 100_000;

/// Where the texts come from that must not be guessed. The caller hands one in, so that the vault
/// itself stays without randomness.
pub trait TokenSource: Send + Sync + std::fmt::Debug {
    /// A new token in the vendor's form (recorded soap:§3.2).
    fn token(&mut self) -> SecretText;
    /// A new GUID, `8-4-4-4-12` lower-case hexadecimal digits.
    fn guid(&mut self) -> String;
    /// A new password for a rotation.
    fn password(&mut self) -> SecretText;
}

/// What a session is good for. A cookie of the pages is no token, and a token no cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Calls of the web service.
    WebService {
        /// The API account that acts as the user.
        via: Option<UserSlot>,
    },
    /// The pages.
    Pages,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// In whose context the token acts.
    pub(super) user: UserSlot,
    pub(super) purpose: Purpose,
    expires_at: Option<SimTime>,
}

impl Session {
    fn lives_at(&self, now: SimTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    live: BTreeMap<SecretText, Session>,
    /// Every token of `live`, oldest first, among some that have ended.
    issued: VecDeque<SecretText>,
}

impl Sessions {
    /// Opens a session that ends after `lifetime`, or never.
    pub(super) fn open(
        &mut self,
        token: SecretText,
        user: UserSlot,
        purpose: Purpose,
        now: SimTime,
        lifetime: Option<Duration>,
    ) {
        self.sweep(now);
        let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
        self.live.insert(
            token.clone(),
            Session {
                user,
                purpose,
                expires_at,
            },
        );
        self.issued.push_back(token);
    }

    /// The session of a live token. Use prolongs it when the lifetime slides.
    pub(super) fn used(
        &mut self,
        token: &str,
        now: SimTime,
        lifetime: Option<Duration>,
        kind: TokenLifetime,
    ) -> Option<Session> {
        let session = self.live.get_mut(token)?;
        if !session.lives_at(now) {
            self.live.remove(token);
            return None;
        }
        if kind == TokenLifetime::Sliding {
            session.expires_at = lifetime.map(|lifetime| now.plus(lifetime));
        }
        Some(*session)
    }

    /// The session of a live token, without using it.
    pub(super) fn peek(&self, token: &str, now: SimTime) -> Option<Session> {
        let session = self.live.get(token)?;
        session.lives_at(now).then_some(*session)
    }

    /// Ends one session, and says whether it was live.
    pub(super) fn end(&mut self, token: &str) -> bool {
        self.live.remove(token).is_some()
    }

    /// Ends every session that `ended` names, and counts them.
    pub(super) fn end_where(&mut self, ended: impl Fn(&Session) -> bool) -> usize {
        let before = self.live.len();
        self.live.retain(|_, session| !ended(session));
        before - self.live.len()
    }

    /// How many tokens of the web service are live.
    pub(super) fn count(&self, now: SimTime) -> usize {
        self.live
            .values()
            .filter(|session| session.purpose != Purpose::Pages && session.lives_at(now))
            .count()
    }

    /// Forgets ended tokens at the old end, and the oldest live one when there are too many.
    fn sweep(&mut self, now: SimTime) {
        while let Some(oldest) = self.issued.front() {
            let kept = self.peek(oldest.expose(), now).is_some();
            if kept && self.issued.len() < TOKENS_MAX {
                break;
            }
            if let Some(token) = self.issued.pop_front() {
                self.live.remove(token.expose());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SimTime = SimTime::SCENARIO_START;
    const OWN: Purpose = Purpose::WebService { via: None };
    const MINUTE: Duration = Duration::from_secs(60);

    fn after(seconds: u64) -> SimTime {
        START.plus(Duration::from_secs(seconds))
    }

    fn opened() -> Sessions {
        let mut sessions = Sessions::default();
        sessions.open("t".into(), UserSlot(1), OWN, START, Some(MINUTE));
        sessions
    }

    #[test]
    fn a_fixed_token_dies_at_its_time_however_often_it_is_used() {
        let mut sessions = opened();
        let mut used = |at| {
            sessions
                .used("t", at, Some(MINUTE), TokenLifetime::Fixed)
                .is_some()
        };
        assert!(used(after(30)));
        assert!(used(after(59)));
        assert!(!used(after(60)));
        assert!(!used(after(59)), "a dead token stays dead");
    }

    #[test]
    fn a_sliding_token_lives_as_long_as_it_is_used() {
        let mut sessions = opened();
        let mut used = |at| {
            sessions
                .used("t", at, Some(MINUTE), TokenLifetime::Sliding)
                .is_some()
        };
        assert!(used(after(59)));
        assert!(used(after(118)));
        assert!(!used(after(178)));
    }

    #[test]
    fn the_oldest_token_makes_room() {
        let mut sessions = Sessions::default();
        for number in 0..=TOKENS_MAX {
            sessions.open(format!("t{number}").into(), UserSlot(1), OWN, START, None);
        }
        assert_eq!(sessions.count(START), TOKENS_MAX);
        assert!(sessions.peek("t0", START).is_none());
        assert!(sessions.peek("t1", START).is_some());
    }
}
