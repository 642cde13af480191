//! The appliance's end of the ECM link: who is connected, and requests down their connections.

pub(crate) mod connect;
mod connection;
mod fault;
mod outstanding;
pub(crate) mod request;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::state::ecms::ConnectionId;
use crate::wire::{Answer, Problem};
use outstanding::{Disposition, Expected, OnAnswer, Outstanding};

/// Frames that may wait to be sent on one connection.
const OUTGOING_MAX: usize = 64;

/// Why a request down the link has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No ECM of the group is connected.
    #[error("no ECM of the group {group:?} is connected; start one, or see its log for why not")]
    NoEcm {
        /// The group.
        group: String,
    },
    /// The ECM did not answer in time.
    #[error("the ECM did not answer {request} within {deadline_ms} ms")]
    TimedOut {
        /// Type of the request.
        request: &'static str,
        /// What it had, milliseconds.
        deadline_ms: u64,
    },
    /// The connection ended before an answer came.
    #[error("the connection to the ECM was lost during {request}")]
    ConnectionLost {
        /// Type of the request.
        request: &'static str,
    },
    /// The ECM answered that it cannot.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// The ECM answered with something that does not answer the request.
    #[error("the ECM answered {request} with {answer}")]
    UnexpectedAnswer {
        /// Type of the request.
        request: &'static str,
        /// Type of the answer.
        answer: &'static str,
    },
    /// Too many requests are waiting on the connection.
    #[error("too many requests wait for the ECM; end some sessions")]
    Busy,
    /// No connected ECM can do that.
    #[error("the connected ECM does not support {request}")]
    Unsupported {
        /// Type of the request.
        request: &'static str,
    },
}

impl LinkError {
    /// One word for tables: the ECM's category, or what happened to the request.
    #[must_use]
    pub fn category(&self) -> &str {
        match self {
            Self::NoEcm { .. } => "no_ecm",
            Self::TimedOut { .. } => "timed_out",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Refused(problem) => &problem.category,
            Self::UnexpectedAnswer { .. } => "unexpected_answer",
            Self::Busy => "busy",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

/// Why the appliance closes a connection, with the close code that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    GoingAway,
    BinaryMessage,
    FrameTooLong,
    NotUnderstood,
    Revoked,
    NoHello,
    Replaced,
    Version,
    /// Not closed at all, just gone: a fault rule.
    Cut,
}

impl CloseReason {
    fn code(self) -> u16 {
        match self {
            Self::GoingAway | Self::Cut => 1001,
            Self::BinaryMessage => 1003,
            Self::FrameTooLong => 1009,
            Self::NotUnderstood => 4400,
            Self::Revoked => 4401,
            Self::NoHello => 4408,
            Self::Replaced => 4409,
            Self::Version => 4426,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::GoingAway => "going away",
            Self::BinaryMessage => "binary messages are not part of the protocol",
            Self::FrameTooLong => "frame too long",
            Self::NotUnderstood => "frame not understood",
            Self::Revoked => "access was revoked",
            Self::NoHello => "no hello in time",
            Self::Replaced => "replaced by a newer connection",
            Self::Version => "no common protocol version",
            Self::Cut => "cut by a fault rule",
        }
    }
}

/// How often something arrived that no one waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Answers after the appliance had given up.
    pub late: u64,
    /// Second answers to one request.
    pub duplicate: u64,
    /// Answers to requests that never were.
    pub unknown: u64,
    /// Frames that were not understood.
    pub malformed: u64,
}

/// The live connections with what is needed to use them.
pub(crate) struct Links {
    live: Mutex<BTreeMap<ConnectionId, Link>>,
    /// How many connections have been welcomed so far.
    welcomed: watch::Sender<u64>,
    requests: AtomicU64,
    late: AtomicU64,
    duplicate: AtomicU64,
    unknown: AtomicU64,
    malformed: AtomicU64,
}

/// A frame on its way to the socket.
pub(crate) struct Outgoing {
    pub(crate) text: String,
    /// Told when it was handed to the socket.
    pub(crate) sent_at_us: SentAt,
}

/// When the first frame of a request was handed to the socket, in microseconds since the start of
/// the appliance.
pub(crate) type SentAt = Arc<OnceLock<u64>>;

struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    closing: watch::Sender<Option<CloseReason>>,
    outstanding: Outstanding,
}

/// The connection task's ends of a [`Link`].
pub(crate) struct LinkEnds {
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) closing: watch::Receiver<Option<CloseReason>>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            live: Mutex::default(),
            welcomed: watch::channel(0).0,
            requests: AtomicU64::new(0),
            late: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
        }
    }
}

impl Links {
    /// Adds a connection.
    pub(crate) fn open(&self, connection: ConnectionId) -> LinkEnds {
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        let (closer, closing) = watch::channel(None);
        let link = Link {
            outgoing: sender,
            closing: closer,
            outstanding: Outstanding::default(),
        };
        self.lock().insert(connection, link);
        LinkEnds { outgoing, closing }
    }

    /// Removes a connection. Whoever waits for an answer on it learns that it is lost.
    pub(crate) fn gone(&self, connection: ConnectionId) {
        self.lock().remove(&connection);
    }

    /// Asks the connection's task to close it. The first reason counts.
    pub(crate) fn close(&self, connection: ConnectionId, reason: CloseReason) {
        if let Some(link) = self.lock().get(&connection) {
            link.closing.send_if_modified(|closing| {
                let first = closing.is_none();
                closing.get_or_insert(reason);
                first
            });
        }
    }

    /// Asks for all connections to be closed.
    pub(crate) fn close_all(&self, reason: CloseReason) {
        let all: Vec<_> = self.lock().keys().copied().collect();
        all.into_iter()
            .for_each(|connection| self.close(connection, reason));
    }

    /// A connection was welcomed: requests can go down.
    pub(crate) fn welcomed(&self) {
        self.welcomed.send_modify(|count| *count += 1);
    }

    /// Changes each time that a connection is welcomed.
    pub(crate) fn watch_welcomed(&self) -> watch::Receiver<u64> {
        self.welcomed.subscribe()
    }

    /// An id that no other request has.
    fn next_request_id(&self) -> String {
        format!("r-{}", self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Queues a frame and, with it, expects an answer.
    fn send(
        &self,
        connection: ConnectionId,
        request: &'static str,
        frames: Vec<Outgoing>,
        expected: Option<(String, Expected)>,
    ) -> Result<(), LinkError> {
        let mut live = self.lock();
        let link = live
            .get_mut(&connection)
            .ok_or(LinkError::ConnectionLost { request })?;
        if link.outgoing.capacity() < frames.len() {
            return Err(LinkError::Busy);
        }
        if let Some((id, expected)) = expected {
            link.outstanding.expect(id, expected)?;
        }
        for frame in frames {
            link.outgoing
                .try_send(frame)
                .map_err(|_| LinkError::ConnectionLost { request })?;
        }
        Ok(())
    }

    /// The appliance waits no longer.
    fn give_up(&self, connection: ConnectionId, id: &str) {
        if let Some(link) = self.lock().get_mut(&connection) {
            link.outstanding.give_up(id);
        }
    }

    /// Hands an answer that had been read at `read_at_us` to whoever waits for it, and counts what no
    /// one waits for.
    pub(crate) fn answered(
        &self,
        connection: ConnectionId,
        id: &str,
        answer: Answer,
        read_at_us: u64,
    ) -> Disposition {
        let disposition = match self.lock().get_mut(&connection) {
            Some(link) => link.outstanding.answered(id, answer, read_at_us),
            None => Disposition::Unknown,
        };
        let counter = match &disposition {
            Disposition::Delivered | Disposition::Cut => return disposition,
            Disposition::Late(_) => &self.late,
            Disposition::Duplicate => &self.duplicate,
            Disposition::Unknown => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        disposition
    }

    /// Counts a frame that was not understood.
    pub(crate) fn malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub(crate) fn counters(&self) -> LinkCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkCounters {
            late: read(&self.late),
            duplicate: read(&self.duplicate),
            unknown: read(&self.unknown),
            malformed: read(&self.malformed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Link>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
