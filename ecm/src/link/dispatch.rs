//! Hands requests to the broker, each in its own task with its own deadline, and keeps count.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::wire::{Answer, ErrorAnswer, Request, RequestTimeouts, Welcome};
use crate::broker::{Broker, Handled, Origin};
use crate::clock::{Stopwatch, within};
use crate::error::ErrorKind;

/// How many requests one connection may have at the ECM at once (assumed; no public text).
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Served at the same time.
    pub running_max: usize,
    /// Served or waiting; more are refused at once.
    pub waiting_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            running_max: 32,
            waiting_max: 256,
        }
    }
}

/// The deadlines that an appliance may set, in milliseconds.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 1..=600_000;

/// How many ids of finished requests are remembered, to recognise one that is used twice.
const PAST_IDS_MAX: usize = 4096;

/// An answer on its way to the socket.
pub(super) struct Outgoing {
    pub(super) id: String,
    pub(super) answer: Answer,
    /// Told when the answer was written, and dropped when it was not.
    pub(super) receipt: Option<oneshot::Sender<()>>,
}

impl Outgoing {
    pub(super) fn new(id: String, answer: Answer) -> Self {
        Self {
            id,
            answer,
            receipt: None,
        }
    }
}

/// The requests of one connection.
pub(super) struct Dispatcher {
    broker: Arc<Broker>,
    connection_id: Arc<str>,
    timeouts: RequestTimeouts,
    bounds: Bounds,
    permits: Arc<Semaphore>,
    answers: mpsc::Sender<Outgoing>,
    tasks: JoinSet<()>,
    open_ids: HashSet<String>,
    past_ids: PastIds,
    draining: bool,
}

impl Dispatcher {
    pub(super) fn new(
        broker: Arc<Broker>,
        welcome: Welcome,
        bounds: Bounds,
        answers: mpsc::Sender<Outgoing>,
    ) -> Self {
        Self {
            broker,
            connection_id: welcome.connection_id.into(),
            timeouts: welcome.request_timeout_ms,
            bounds,
            permits: Arc::new(Semaphore::new(bounds.running_max)),
            answers,
            tasks: JoinSet::new(),
            open_ids: HashSet::new(),
            past_ids: PastIds::default(),
            draining: false,
        }
    }

    /// Starts to serve `request`; an answer that can be given at once is returned.
    pub(super) fn accept(&mut self, request: Request) -> Option<Outgoing> {
        if self.open_ids.contains(&request.id) || self.past_ids.contains(&request.id) {
            // An answer would be taken for the one to the first request of that id.
            tracing::warn!(id = %request.id, "the appliance used a request id twice; ignored");
            self.broker.metrics().duplicate_id();
            return None;
        }
        let busy = self.open_ids.len() >= self.bounds.waiting_max;
        if busy || self.draining {
            let message = match busy {
                true => "the ECM serves as many requests as it can; try again",
                false => "the ECM is shutting down; another one will serve this",
            };
            let answer = ErrorAnswer::own(ErrorKind::Connectivity, message);
            self.broker.metrics().refused();
            return Some(Outgoing::new(request.id, Answer::Error(answer)));
        }
        self.open_ids.insert(request.id.clone());
        while self.tasks.try_join_next().is_some() {}
        self.start(request);
        None
    }

    fn start(&mut self, request: Request) {
        let arrived = Stopwatch::start();
        let Request {
            id,
            deadline_ms,
            call,
        } = request;
        let limit_ms = deadline_ms.unwrap_or_else(|| call.timeout_ms(&self.timeouts));
        let limit_ms = limit_ms.clamp(*DEADLINE_MS.start(), *DEADLINE_MS.end());
        let limit = Duration::from_millis(limit_ms);
        let (broker, permits) = (Arc::clone(&self.broker), Arc::clone(&self.permits));
        let answers = self.answers.clone();
        let connection_id = Arc::clone(&self.connection_id);
        self.tasks.spawn(async move {
            let name = call.name();
            let origin = Origin {
                connection_id,
                request_id: id.clone(),
                limit,
                arrived,
            };
            // Boxed, since the task is moved about before it is first polled.
            let work = Box::pin(async {
                let permit = permits.acquire_owned().await.ok()?;
                Some(broker.answer(call, origin, permit).await)
            });
            // Whatever breaks down, the appliance gets an answer and the id is free again.
            let worked = AssertUnwindSafe(within(limit, work)).catch_unwind().await;
            let Handled { answer, receipt } = match worked {
                Ok(in_time) => in_time.flatten().unwrap_or_else(|| {
                    let message = format!("the ECM did not finish within {limit_ms} ms");
                    Answer::Error(ErrorAnswer::own(ErrorKind::Timeout, message)).into()
                }),
                Err(_) => {
                    let message = "the ECM broke down while serving this request";
                    Answer::Error(ErrorAnswer::own(ErrorKind::Unexpected, message)).into()
                }
            };
            broker.metrics().answered(name, &answer, arrived.elapsed());
            log_answer(name, &id, &answer, arrived.elapsed());
            // Without a reader the connection is gone, and the dropped receipt says so.
            let _ = answers
                .send(Outgoing {
                    id,
                    answer,
                    receipt,
                })
                .await;
        });
    }

    /// Takes note that the answer to `id` is being written.
    pub(super) fn answered(&mut self, id: &str) {
        if let Some(id) = self.open_ids.take(id) {
            self.past_ids.add(id);
        }
    }

    /// Refuses everything from now on.
    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether every request was answered.
    pub(super) fn is_idle(&self) -> bool {
        self.open_ids.is_empty()
    }

    /// Stops what nobody waits for any more. A fetch of a credential goes on by itself, until its
    /// check-in is settled.
    pub(super) fn abandon(&mut self) {
        self.tasks.abort_all();
    }
}

/// The ids of the last finished requests.
#[derive(Default)]
struct PastIds {
    in_order: VecDeque<Arc<str>>,
    known: HashSet<Arc<str>>,
}

impl PastIds {
    fn contains(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    fn add(&mut self, id: String) {
        if self.in_order.len() == PAST_IDS_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let id: Arc<str> = id.into();
        self.known.insert(Arc::clone(&id));
        self.in_order.push_back(id);
    }
}

fn log_answer(name: &str, id: &str, answer: &Answer, took: Duration) {
    match answer {
        Answer::Error(error) => {
            let category = error.category;
            tracing::warn!(
                request = name,
                id,
                category,
                ?took,
                "answered with an error: {}",
                error.message
            );
        }
        // The broker tells of it, and a list is what an ECM serves most.
        Answer::Credentials { .. } => tracing::debug!(request = name, id, ?took, "answered"),
        _ => tracing::info!(request = name, id, ?took, "answered"),
    }
}
