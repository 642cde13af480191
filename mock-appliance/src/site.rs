//! One running site: the state behind its lock, and everything that the edge needs around it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sim_kit::clock::{SimClock, SimTime, Stopwatch};
use sim_kit::config::ConfigError;
use sim_kit::fault::FaultRules;
use sim_kit::journal::{Entry, Journal, Outcome};
use sim_kit::seeded::Seed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Settings;
use crate::injection::Sink;
use crate::lab::Lab;
use crate::link::{CloseReason, Links};
use crate::random::Random;
use crate::seal::SessionKey;
use crate::secret::Secret;
use crate::state::State;
use crate::state::accounts::{Accounts, ClientId};
use crate::state::ecms::{ConnectionId, Ecms};
use crate::state::releases::Releases;
use crate::state::sessions::{SessionId, Sessions};

/// A running site, shared by its handler, its connections and its control plane.
pub(crate) struct Site {
    state: Mutex<State>,
    /// The state after the start, for a reset.
    initial: State,
    keys: Mutex<BTreeMap<SessionId, Arc<SessionKey>>>,
    pub(crate) settings: Settings,
    pub(crate) clock: SimClock,
    pub(crate) faults: FaultRules,
    pub(crate) journal: Journal,
    pub(crate) stopwatch: Stopwatch,
    pub(crate) random: Random,
    pub(crate) links: Links,
    pub(crate) sink: Sink,
    /// Cancelled when the appliance stops.
    stopping: CancellationToken,
    /// Work that goes on after its caller has its answer.
    background: TaskTracker,
    panics: Mutex<Vec<String>>,
}

/// What a site is made of.
pub(crate) struct Parts {
    pub(crate) lab: Lab,
    pub(crate) seed: Seed,
    pub(crate) clock: SimClock,
    pub(crate) faults: FaultRules,
    pub(crate) journal: Journal,
    pub(crate) stopwatch: Stopwatch,
}

/// An API account's name, client id and secret.
pub(crate) struct Planted {
    pub(crate) name: String,
    pub(crate) client_id: ClientId,
    pub(crate) secret: Secret,
}

impl Site {
    /// A site as its lab describes it, and the secrets that were planted in it.
    pub(crate) fn new(parts: Parts) -> Result<(Arc<Self>, Vec<Planted>), ConfigError> {
        let settings = parts.lab.settings;
        let mut accounts = Accounts::new(settings.tokens(), settings.rate());
        let mut planted = Vec::new();
        for plan in &parts.lab.accounts {
            let (account, secret) = plan.build(parts.seed)?;
            let (name, client_id) = (account.name.clone(), account.client_id.clone());
            planted.push(Planted {
                name,
                client_id,
                secret,
            });
            accounts.add(account);
        }
        let initial = State {
            directory: parts.lab.directory,
            accounts,
            ecms: Ecms::new(settings.ecm_limit()),
            sessions: Sessions::default(),
            releases: Releases::default(),
        };
        let site = Self {
            state: Mutex::new(initial.clone()),
            initial,
            keys: Mutex::default(),
            settings,
            clock: parts.clock,
            faults: parts.faults,
            journal: parts.journal,
            stopwatch: parts.stopwatch,
            random: Random::new(parts.seed),
            links: Links::default(),
            sink: Sink::default(),
            stopping: CancellationToken::new(),
            background: TaskTracker::new(),
            panics: Mutex::default(),
        };
        Ok((Arc::new(site), planted))
    }

    /// The state. The lock is never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> SimTime {
        self.clock.now()
    }

    /// Back to the state after the start. Live links are closed; connection and session numbers
    /// go on, so that nothing of before is taken for something of after.
    pub(crate) fn reset(&self) {
        {
            let mut state = self.state();
            let (ecms, sessions) = (state.ecms.clone(), state.sessions.emptied());
            *state = State {
                ecms,
                sessions,
                ..self.initial.clone()
            };
        }
        self.keys().clear();
        self.links.close_all(CloseReason::GoingAway);
    }

    /// Closes the links of an account whose access was taken away.
    pub(crate) fn close_account(&self, client_id: &ClientId) {
        let connections = self.state().ecms.of_account(client_id);
        for connection in connections {
            self.disconnect(connection, CloseReason::Revoked);
        }
    }

    /// Closes a connection. It gets no requests from now on.
    pub(crate) fn disconnect(&self, connection: ConnectionId, reason: CloseReason) {
        self.state().ecms.leave(connection);
        self.links.close(connection, reason);
    }

    /// The key of a session, made when first asked for.
    pub(crate) fn session_key(&self, session: SessionId) -> Arc<SessionKey> {
        let make = || Arc::new(SessionKey::derive(&crate::random::key_bytes()));
        Arc::clone(self.keys().entry(session).or_insert_with(make))
    }

    /// Forgets the key of a session.
    pub(crate) fn forget_key(&self, session: SessionId) {
        self.keys().remove(&session);
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<SessionKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does work that nobody waits for, until it is done or the appliance stops.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let site = Arc::clone(self);
        self.background.spawn(async move {
            let mut running = tokio::spawn(work);
            let ended = tokio::select! {
                ended = &mut running => ended,
                () = site.stopping.cancelled() => {
                    running.abort();
                    running.await
                }
            };
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "background work panicked");
                site.panics
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(error.to_string());
            }
        });
    }

    /// Messages of panics in background work. Anything here is a bug of ours.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.panics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends all background work.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.background.close();
        self.background.wait().await;
    }

    /// Writes a line of the journal; the caller fills in what it knows.
    pub(crate) fn note(&self, operation: &'static str, outcome: Outcome) -> Entry {
        Entry {
            seq: 0,
            at: self.now(),
            operation: operation.into(),
            user: None,
            outcome,
            status: 0,
            connection: 0,
            request_bytes: 0,
            reply_bytes: 0,
            elapsed_us: 0,
            fault_rule: None,
            detail: Vec::new(),
        }
    }
}
