//! Signing in and staying signed in. psafe:§1.2–1.6.

use std::collections::HashMap;

use sim_kit::clock::SimTime;

use super::ids::{RegistrationId, UserId};
use super::people::{People, Registration, RegistrationKind, Source, User};
use super::refusal::Refusal;
use super::{Mint, Rules};
use crate::secret::Secret;

/// What `PS-Auth` presents.
#[derive(Debug)]
pub(crate) struct KeySignIn<'a> {
    pub(crate) key: &'a str,
    pub(crate) run_as: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    pub(crate) challenge: Option<&'a str>,
    /// The session cookie of an earlier answer that asked for a second factor.
    pub(crate) session: Option<&'a str>,
    pub(crate) source: Source,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) registration: RegistrationId,
}

/// An answer to a token request.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: Secret,
    pub(crate) expires_in_s: u32,
}

#[derive(Clone, Debug)]
struct Session {
    caller: Caller,
    used_at: SimTime,
    /// The second factor is still owed: the session is good for nothing else.
    pending: bool,
}

#[derive(Clone, Debug)]
struct Bearer {
    caller: Caller,
    expires_at: SimTime,
}

/// Sessions and tokens that are alive. Both are bounded: the longest unused go first.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignIns {
    sessions: HashMap<String, Session>,
    tokens: HashMap<String, Bearer>,
}

/// Sessions, and tokens, kept at most.
const ALIVE_MAX: usize = 20_000;

impl SignIns {
    /// Signs in with a key. The text is the new session.
    pub(crate) fn with_key(
        &mut self,
        people: &People,
        ask: &KeySignIn<'_>,
        rules: &Rules,
        mint: &mut dyn Mint,
        now: SimTime,
    ) -> Result<(Caller, String), Refusal> {
        let (user, caller) = check_key(people, ask)?;
        if !rules.licence_valid {
            return Err(Refusal::Licence);
        }
        if second_factor_wanted(people, caller, user) {
            self.check_second_factor(user, caller, ask, rules, mint, now)?;
        }
        Ok((caller, self.open(caller, false, mint, now)))
    }

    /// Signs in with a bearer token.
    pub(crate) fn with_token(
        &mut self,
        token: &str,
        rules: &Rules,
        mint: &mut dyn Mint,
        now: SimTime,
    ) -> Result<(Caller, String), Refusal> {
        let caller = self.bearer(token, now)?;
        if !rules.licence_valid {
            return Err(Refusal::Licence);
        }
        Ok((caller, self.open(caller, false, mint, now)))
    }

    /// The caller of a live token.
    pub(crate) fn bearer(&self, token: &str, now: SimTime) -> Result<Caller, Refusal> {
        match self.tokens.get(token) {
            Some(bearer) if now < bearer.expires_at => Ok(bearer.caller),
            _ => Err(Refusal::NotAuthenticated),
        }
    }

    /// Exchanges client credentials for a token. `vendor-client psafe:GO`, §1.6.
    pub(crate) fn token(
        &mut self,
        people: &People,
        client_id: &str,
        client_secret: &str,
        source: Source,
        mint: &mut dyn Mint,
        now: SimTime,
    ) -> Result<Token, Refusal> {
        let user = people
            .users
            .values()
            .find(|user| {
                user.client_id
                    .as_deref()
                    .is_some_and(|id| id.eq_ignore_ascii_case(client_id))
            })
            .filter(|user| user.active && !user.quarantined)
            .filter(|user| {
                user.client_secret
                    .as_ref()
                    .is_some_and(|own| own.matches(client_secret))
            })
            .ok_or(Refusal::InvalidClient)?;
        let (registration, minutes) = people
            .registrations
            .values()
            .filter(|entry| entry.admits(source) && people.may_use(user, entry.id))
            .find_map(|entry| match entry.kind {
                RegistrationKind::ApiAccess { token_duration_min } => {
                    Some((entry.id, token_duration_min))
                }
                RegistrationKind::ApiKey { .. } => None,
            })
            .ok_or(Refusal::InvalidClient)?;
        let text = mint.bearer();
        let expires_in_s = minutes.saturating_mul(60);
        make_room(&mut self.tokens, |bearer| bearer.expires_at);
        let caller = Caller {
            user: user.id,
            registration,
        };
        let expires_at = now.plus(std::time::Duration::from_secs(u64::from(expires_in_s)));
        self.tokens
            .insert(text.expose().to_owned(), Bearer { caller, expires_at });
        Ok(Token { text, expires_in_s })
    }

    /// The caller of a live session, whose idle time starts anew.
    pub(crate) fn session(
        &mut self,
        session: &str,
        rules: &Rules,
        now: SimTime,
    ) -> Result<Caller, Refusal> {
        let idle_max = rules.idle_max;
        match self.sessions.get_mut(session) {
            Some(alive) if !alive.pending && now.since(alive.used_at) < idle_max => {
                alive.used_at = now;
                Ok(alive.caller)
            }
            _ => {
                self.sessions.remove(session);
                Err(Refusal::NotAuthenticated)
            }
        }
    }

    /// Whose session it is, without using it.
    pub(crate) fn peek(&self, session: &str) -> Option<Caller> {
        self.sessions.get(session).map(|open| open.caller)
    }

    /// Ends a session. Ending one that is not there is no error.
    pub(crate) fn sign_out(&mut self, session: &str) {
        self.sessions.remove(session);
    }

    /// Ends what a call carries, so that it meets a dead session or token.
    pub(crate) fn expire(&mut self, session: Option<&str>, token: Option<&str>) {
        if let Some(session) = session {
            self.sessions.remove(session);
        }
        if let Some(token) = token {
            self.tokens.remove(token);
        }
    }

    /// Ends every session of a user, and how many there were.
    pub(crate) fn expire_user(&mut self, user: UserId) -> usize {
        let before = self.sessions.len();
        self.sessions
            .retain(|_, session| session.caller.user != user);
        before - self.sessions.len()
    }

    /// How many sessions are alive.
    pub(crate) fn alive(&self, rules: &Rules, now: SimTime) -> usize {
        self.sessions
            .values()
            .filter(|open| now.since(open.used_at) < rules.idle_max)
            .count()
    }

    fn check_second_factor(
        &mut self,
        user: &User,
        caller: Caller,
        ask: &KeySignIn<'_>,
        rules: &Rules,
        mint: &mut dyn Mint,
        now: SimTime,
    ) -> Result<(), Refusal> {
        let asked_before = ask.session.is_some_and(|session| {
            self.sessions.get(session).is_some_and(|open| {
                let is_alive = now.since(open.used_at) < rules.idle_max;
                is_alive && open.pending && open.caller == caller
            })
        });
        let right = ask
            .challenge
            .zip(user.second_factor.as_ref())
            .is_some_and(|(presented, code)| code.matches(presented));
        if asked_before && right {
            self.expire(ask.session, None);
            return Ok(());
        }
        Err(Refusal::SecondFactor {
            prompt: "Enter your authentication code".to_owned(),
            session: self.open(caller, true, mint, now),
        })
    }

    fn open(&mut self, caller: Caller, pending: bool, mint: &mut dyn Mint, now: SimTime) -> String {
        make_room(&mut self.sessions, |open| open.used_at);
        let session = mint.session();
        self.sessions.insert(
            session.clone(),
            Session {
                caller,
                used_at: now,
                pending,
            },
        );
        session
    }
}

/// Drops the older half when the map is full, so that the cost of dropping is spread. Of one age,
/// which a clock that stands gives to all, any half.
fn make_room<T>(alive: &mut HashMap<String, T>, age: impl Fn(&T) -> SimTime) {
    if alive.len() < ALIVE_MAX {
        return;
    }
    let mut oldest: Vec<(SimTime, String)> = alive
        .iter()
        .map(|(name, entry)| (age(entry), name.clone()))
        .collect();
    oldest.sort_unstable();
    for (_, name) in oldest.drain(..ALIVE_MAX / 2) {
        alive.remove(&name);
    }
}

/// Checks key, address, user and password. Every failure is the same 401: which one it was is not
/// public (`assumed psafe:§1.4`).
fn check_key<'a>(people: &'a People, ask: &KeySignIn<'_>) -> Result<(&'a User, Caller), Refusal> {
    let registration =
        registration_of_key(people, ask.key).filter(|entry| entry.admits(ask.source));
    let registration = registration.ok_or(Refusal::NotAuthenticated)?;
    let user = ask
        .run_as
        .and_then(|name| people.find(name))
        .filter(|user| user.active && !user.quarantined && people.may_use(user, registration.id))
        .ok_or(Refusal::NotAuthenticated)?;
    if let RegistrationKind::ApiKey {
        client_certificate_required,
        user_password_required,
        ..
    } = registration.kind
    {
        // The simulator asks for no client certificate, so one that is required is missing.
        let password_right = !user_password_required
            || user
                .password
                .as_ref()
                .zip(ask.password)
                .is_some_and(|(own, sent)| own.matches(sent));
        if client_certificate_required || !password_right {
            return Err(Refusal::NotAuthenticated);
        }
    }
    Ok((
        user,
        Caller {
            user: user.id,
            registration: registration.id,
        },
    ))
}

/// The caller of a key that is presented without a session, by the rules of sign-in. A user who
/// owes a second factor cannot do without a session.
pub(crate) fn caller_of_key(people: &People, ask: &KeySignIn<'_>) -> Result<Caller, Refusal> {
    let (user, caller) = check_key(people, ask)?;
    if second_factor_wanted(people, caller, user) {
        return Err(Refusal::NotAuthenticated);
    }
    Ok(caller)
}

fn registration_of_key<'a>(people: &'a People, presented: &str) -> Option<&'a Registration> {
    people.registrations.values().find(
        |entry| matches!(&entry.kind, RegistrationKind::ApiKey { key, .. } if key.matches(presented)),
    )
}

fn second_factor_wanted(people: &People, caller: Caller, user: &User) -> bool {
    user.second_factor.is_some()
        && people
            .registrations
            .get(&caller.registration)
            .is_some_and(|entry| {
                matches!(
                    entry.kind,
                    RegistrationKind::ApiKey {
                        second_factor_enforced: true,
                        ..
                    }
                )
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_keeps_its_younger_half_also_when_the_clock_stands() {
        let start = SimTime::SCENARIO_START;
        let later = start.plus(std::time::Duration::from_secs(1));
        for (old, young_left) in [(ALIVE_MAX, 0), (5, ALIVE_MAX / 2), (15_000, 5_000)] {
            let age = |number| if number < old { start } else { later };
            let mut alive: HashMap<String, SimTime> = (0..ALIVE_MAX)
                .map(|number| (number.to_string(), age(number)))
                .collect();
            make_room(&mut alive, |age| *age);
            assert_eq!(alive.len(), ALIVE_MAX / 2, "{old} old ones");
            let young = alive.values().filter(|age| **age == later);
            assert_eq!(young.count(), young_left, "{old} old ones");
        }
    }
}
