//! The vault's sessions, one for each user that somebody runs as: kept in memory, replaced when idle
//! or refused, and opened once however many requests want one at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;

use super::client::{Call, CallError, Client, Proof};
use super::trouble;
use super::wire::auth::{RunAs, authorization, cookies};
use crate::clock::Clock;
use crate::error::PluginError;
use crate::token_cache::Companion;

/// Most users whose sessions are kept; the one unused for longest makes room.
const USERS_MAX: usize = 1_024;

/// A session of one user.
#[derive(Debug)]
pub(super) struct VaultSession {
    /// Tells this session from an earlier one of the same user.
    pub(super) serial: u64,
    pub(super) proof: Proof,
}

/// Why nobody is signed in.
#[derive(Debug, Clone)]
pub(super) enum SignInError {
    /// The vault says 401: unknown user, wrong key, foreign address; it does not say which.
    NotAccepted {
        /// The vault's words.
        words: String,
    },
    /// Another user would fare no better.
    Failed(PluginError),
}

/// Every session of one vault.
#[derive(Debug)]
pub(super) struct Sessions {
    client: Client,
    clock: Arc<dyn Clock>,
    idle: Duration,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    companion: Companion,
    serials: AtomicU64,
    key_proved: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    /// Held by the one that signs in.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<SlotState>,
}

#[derive(Debug, Default)]
struct SlotState {
    session: Option<Arc<VaultSession>>,
    used_at: Timestamp,
    /// How many attempts to sign in were finished, and why the last one failed.
    attempts: u64,
    failure: Option<SignInError>,
}

impl Sessions {
    pub(super) fn new(
        client: Client,
        clock: Arc<dyn Clock>,
        idle: Duration,
        companion: Companion,
    ) -> Self {
        Self {
            client,
            clock,
            idle,
            slots: Mutex::default(),
            companion,
            serials: AtomicU64::new(1),
            key_proved: AtomicBool::new(false),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the vault has accepted the registration key for anybody so far.
    pub(super) fn key_proved(&self) -> bool {
        self.key_proved.load(Ordering::Relaxed)
    }

    /// The session of `run_as`, if there is one that is worth a try.
    pub(super) fn open_one(&self, run_as: &RunAs) -> Option<Arc<VaultSession>> {
        self.heed_orders();
        let slot = locked(&self.slots).get(&run_as.folded()).cloned()?;
        let session = self.usable(&slot)?;
        self.companion.looked_up(true);
        Some(session)
    }

    /// The session of `run_as`, opened if need be. Requests that arrive while one is being opened
    /// share its outcome.
    pub(super) async fn get(&self, run_as: &RunAs) -> Result<Arc<VaultSession>, SignInError> {
        self.heed_orders();
        let slot = self.slot(run_as);
        let open = self.usable(&slot);
        self.companion.looked_up(open.is_some());
        if let Some(session) = open {
            return Ok(session);
        }
        let attempts_before = locked(&slot.state).attempts;
        let _turn = slot.turn.lock().await;
        {
            let state = locked(&slot.state);
            if state.attempts != attempts_before {
                match (&state.session, &state.failure) {
                    (Some(session), _) => return Ok(Arc::clone(session)),
                    (None, Some(failure)) => return Err(failure.clone()),
                    (None, None) => {}
                }
            }
        }
        let outcome = self.sign_in(run_as).await;
        self.companion.signed_in(outcome.is_ok());
        let mut state = locked(&slot.state);
        state.attempts += 1;
        state.used_at = self.clock.now();
        state.session = outcome.as_ref().ok().cloned();
        state.failure = outcome.as_ref().err().cloned();
        outcome
    }

    /// Another session than `refused`, which the vault does not know any more.
    pub(super) async fn instead_of(
        &self,
        refused: &VaultSession,
        run_as: &RunAs,
    ) -> Result<Arc<VaultSession>, SignInError> {
        {
            let slot = self.slot(run_as);
            let mut state = locked(&slot.state);
            if state
                .session
                .as_ref()
                .is_some_and(|kept| kept.serial == refused.serial)
            {
                state.session = None;
            }
        }
        self.get(run_as).await
    }

    /// Forgets the sessions that somebody ordered to be forgotten, those that are being opened too:
    /// whoever waits for one gets it, and nobody finds it again. The vault lets them run out.
    fn heed_orders(&self) {
        if let Some(news) = self.companion.news() {
            locked(&self.slots).retain(|user, _| !news.are_about(user));
        }
    }

    async fn sign_in(&self, run_as: &RunAs) -> Result<Arc<VaultSession>, SignInError> {
        let authorization = authorization(self.client.key(), run_as);
        let proof = Proof {
            authorization,
            cookie: None,
        };
        let call = Call::send("SignAppin", Method::POST, "Auth/SignAppin", None);
        match self.client.call(call, Some(&proof)).await {
            Ok(answer) => {
                self.key_proved.store(true, Ordering::Relaxed);
                Ok(Arc::new(VaultSession {
                    serial: self.serials.fetch_add(1, Ordering::Relaxed),
                    proof: Proof {
                        cookie: cookies(&answer.headers),
                        ..proof
                    },
                }))
            }
            Err(CallError::Refused(refusal)) if refusal.second_factor => Err(SignInError::Failed(
                trouble::second_factor(&run_as.to_string()),
            )),
            Err(CallError::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {
                Err(SignInError::NotAccepted {
                    words: refusal.words,
                })
            }
            Err(CallError::Refused(refusal)) if refusal.status == StatusCode::FORBIDDEN => {
                Err(SignInError::Failed(trouble::sign_in_forbidden(&refusal)))
            }
            Err(CallError::Refused(refusal)) => Err(SignInError::Failed(
                self.client.refusal_of_fixed_call(&refusal),
            )),
            Err(CallError::Failed(error)) => Err(SignInError::Failed(error)),
        }
    }

    fn slot(&self, run_as: &RunAs) -> Arc<Slot> {
        let mut slots = locked(&self.slots);
        let user = run_as.folded();
        if slots.len() >= USERS_MAX && !slots.contains_key(&user) {
            let oldest = slots
                .iter()
                .min_by_key(|(_, slot)| locked(&slot.state).used_at);
            if let Some(oldest) = oldest.map(|(user, _)| user.clone()) {
                slots.remove(&oldest);
            }
        }
        Arc::clone(slots.entry(user).or_default())
    }

    fn usable(&self, slot: &Slot) -> Option<Arc<VaultSession>> {
        let now = self.clock.now();
        let mut state = locked(&slot.state);
        let idle = now.duration_since(state.used_at).unsigned_abs();
        if idle > self.idle {
            state.session = None;
        }
        state.used_at = now;
        state.session.clone()
    }
}

/// A poisoned lock is taken all the same: every state that it guards is whole between statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
