//! One open connection: `hello` and `welcome`, then frames, pings and answers until it ends.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error as WebSocketError, Message};
use tokio_util::sync::CancellationToken;

use super::dial::{ConnectError, Socket};
use super::dispatch::{Bounds, Dispatcher, Outgoing};
use super::wire::{
    self, Answer, ErrorAnswer, FRAME_BYTES_MAX, Hello, Incoming, PROTOCOL_VERSION, Welcome,
};
use crate::broker::Broker;
use crate::clock::{Stopwatch, sleep, within};
use crate::error::{ErrorKind, shortened};

/// Limit from the upgrade to `welcome`.
const OPENING_LIMIT: Duration = Duration::from_secs(10);

/// Limit for letting running requests finish when the ECM shuts down.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Limit for saying good-bye.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A side that said nothing for so many ping intervals is dead (assumed ecm:§4.1).
const SILENT_INTERVALS: u32 = 3;

/// The ping intervals that an appliance may ask for, in seconds.
const PING_INTERVAL_S: std::ops::RangeInclusive<u64> = 1..=300;

/// A close code of this protocol: a frame was not understood.
const NOT_UNDERSTOOD: u16 = 4400;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// On the ECM's own wish, after all running requests were answered.
    Drained,
    /// The appliance closed it.
    Closed {
        /// The close code; 1005 when there was none.
        code: u16,
        /// The appliance's words.
        reason: String,
    },
    /// Nothing arrived for three ping intervals.
    Silent,
    /// The transport broke.
    Broken(String),
    /// The appliance sent something that is not a frame, so the ECM closed the connection.
    NotUnderstood(&'static str),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = |code: &u16| match code {
            1001 => "the appliance is going away",
            4400 => "the appliance did not understand a frame of this ECM",
            4401 => {
                "the API account was disabled, its secret regenerated, its token revoked or its \
                 ECM permission removed"
            }
            4408 => "this ECM did not say hello in time",
            4409 => "another ECM with the same id took over; is the state directory shared?",
            4426 => "there is no common version of the link",
            _ => "the appliance closed it",
        };
        match self {
            Self::Drained => f.write_str("this ECM shut down"),
            Self::Closed { code, reason } if reason.is_empty() => {
                write!(f, "{} (close code {code})", meaning(code))
            }
            Self::Closed { code, reason } => {
                write!(f, "{} (close code {code}: {reason})", meaning(code))
            }
            Self::Silent => f.write_str("the appliance fell silent"),
            Self::Broken(reason) => write!(f, "the connection broke: {reason}"),
            Self::NotUnderstood(what) => write!(f, "the appliance sent {what}"),
        }
    }
}

/// Says `hello` and waits for `welcome`.
pub(super) async fn open(socket: &mut Socket, hello: &Hello) -> Result<Welcome, ConnectError> {
    let limit_s = OPENING_LIMIT.as_secs();
    let late = ConnectError::TimedOut {
        step: "the appliance's welcome",
        limit_s,
    };
    within(OPENING_LIMIT, exchange_hello(socket, hello))
        .await
        .unwrap_or(Err(late))
}

async fn exchange_hello(socket: &mut Socket, hello: &Hello) -> Result<Welcome, ConnectError> {
    let not_a_link = |reason: String| ConnectError::NotALink(reason);
    let text = wire::write_hello(hello).map_err(|error| not_a_link(error.to_string()))?;
    let sent = socket.send(Message::text(text)).await;
    sent.map_err(|error| not_a_link(broken(&error)))?;
    loop {
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(not_a_link(broken(&error))),
            None => return Err(not_a_link("it closed the connection".to_owned())),
        };
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(frame) => return Err(refused_by_close(frame)),
            _ => return Err(not_a_link("it sent a binary message".to_owned())),
        };
        return match wire::read(text.as_str()) {
            Ok(Incoming::Welcome(welcome)) if welcome.protocol_version == PROTOCOL_VERSION => {
                Ok(welcome)
            }
            Ok(Incoming::Welcome(_)) => Err(refused(
                "version_mismatch",
                "it chose a version that was not offered",
            )),
            Ok(Incoming::Reject(reject)) => Err(refused(&reject.code, &reject.message)),
            _ => Err(not_a_link("its first frame is not a welcome".to_owned())),
        };
    }
}

/// The refusal that a `reject` stands for, with the HTTP status that has the same cure.
fn refused(code: &str, message: &str) -> ConnectError {
    let status = match code {
        "version_mismatch" => 426,
        "ecm_limit_reached" => 409,
        "permission_denied" => 403,
        "access_denied" => 401,
        _ => 400,
    };
    ConnectError::Refused {
        status,
        code: shortened(code, 64),
        message: shortened(message, 200),
    }
}

fn refused_by_close(frame: Option<CloseFrame>) -> ConnectError {
    let ended = closed(frame);
    let code = match &ended {
        Ended::Closed { code: 4426, .. } => "version_mismatch",
        Ended::Closed { code: 4401, .. } => "access_denied",
        _ => return ConnectError::NotALink(ended.to_string()),
    };
    refused(code, &ended.to_string())
}

fn closed(frame: Option<CloseFrame>) -> Ended {
    match frame {
        Some(frame) => Ended::Closed {
            code: frame.code.into(),
            reason: shortened(frame.reason.as_str(), 200),
        },
        None => Ended::Closed {
            code: 1005,
            reason: String::new(),
        },
    }
}

fn broken(error: &WebSocketError) -> String {
    shortened(&super::trouble::innermost(error), 200)
}

/// Serves the connection until it ends.
pub(super) async fn serve(
    socket: Socket,
    welcome: Welcome,
    broker: Arc<Broker>,
    bounds: Bounds,
    shutdown: &CancellationToken,
) -> Ended {
    let interval_s = welcome
        .ping_interval_s
        .clamp(*PING_INTERVAL_S.start(), *PING_INTERVAL_S.end());
    let (answers, outgoing) = mpsc::channel(bounds.waiting_max.max(1));
    let mut connection = Connection {
        socket,
        frame_bytes_max: welcome.max_frame_bytes.clamp(1024, FRAME_BYTES_MAX),
        dispatcher: Dispatcher::new(broker, welcome, bounds, answers),
        outgoing,
        ping_interval: Duration::from_secs(interval_s),
        heard: Stopwatch::start(),
    };
    let ended = connection.run(shutdown).await;
    connection.dispatcher.abandon();
    if let Some((code, reason)) = good_bye(&ended) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        // A peer that does not take the good-bye is gone all the same.
        let _ = within(CLOSE_LIMIT, connection.socket.close(Some(frame))).await;
    }
    ended
}

/// The close code and reason that this side sends.
fn good_bye(ended: &Ended) -> Option<(u16, &'static str)> {
    match ended {
        Ended::Drained => Some((1001, "the ECM shuts down")),
        Ended::NotUnderstood(BINARY) => Some((1003, BINARY)),
        Ended::NotUnderstood(TOO_LARGE) => Some((1009, TOO_LARGE)),
        Ended::NotUnderstood(what) => Some((NOT_UNDERSTOOD, what)),
        Ended::Silent => Some((1001, "the appliance fell silent")),
        Ended::Closed { .. } | Ended::Broken(_) => None,
    }
}

const BINARY: &str = "a binary message";
const TOO_LARGE: &str = "a frame of more than 1 MiB";
const NOT_A_FRAME: &str = "text that is not a frame";
const OPENING_AGAIN: &str = "a second opening frame";

/// What is left of the time for draining.
fn drain_left(since: Stopwatch) -> Duration {
    DRAIN_LIMIT.saturating_sub(since.elapsed())
}

struct Connection {
    socket: Socket,
    dispatcher: Dispatcher,
    outgoing: mpsc::Receiver<Outgoing>,
    ping_interval: Duration,
    frame_bytes_max: usize,
    /// Since when nothing was heard of the appliance.
    heard: Stopwatch,
}

impl Connection {
    async fn run(&mut self, shutdown: &CancellationToken) -> Ended {
        let mut draining: Option<Stopwatch> = None;
        let mut pinged = Stopwatch::start();
        // One timer for all limits, set anew when it ran out: what is heard meanwhile only moves
        // them off.
        let mut alarm = pin!(sleep(self.ping_interval));
        let mut stopping = pin!(shutdown.cancelled());
        loop {
            if draining
                .is_some_and(|since| drain_left(since).is_zero() || self.dispatcher.is_idle())
            {
                return Ended::Drained;
            }
            let ended = tokio::select! {
                // Answers come before further requests, and neither holds up the limits.
                biased;
                () = &mut stopping, if draining.is_none() => {
                    self.dispatcher.drain();
                    draining = Some(Stopwatch::start());
                    alarm.set(sleep(self.next_limit(pinged).min(DRAIN_LIMIT)));
                    None
                }
                () = &mut alarm => {
                    let ended = self.look_after_limits(&mut pinged).await;
                    // Anew, since a while has passed.
                    let left = draining.map_or(DRAIN_LIMIT, drain_left);
                    alarm.set(sleep(self.next_limit(pinged).min(left)));
                    ended
                }
                Some(answer) = self.outgoing.recv() => self.answer(answer).await,
                message = self.socket.next() => self.hear(message).await,
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    /// Time until a ping is due or the appliance counts as silent.
    fn next_limit(&self, pinged: Stopwatch) -> Duration {
        let until_ping = self.ping_interval.saturating_sub(pinged.elapsed());
        let until_dead = self.silence_max().saturating_sub(self.heard.elapsed());
        until_ping.min(until_dead)
    }

    /// Sends a ping if one is due; the end, if the appliance fell silent.
    async fn look_after_limits(&mut self, pinged: &mut Stopwatch) -> Option<Ended> {
        if self.heard.elapsed() >= self.silence_max() {
            // What came while this side was kept from reading counts.
            return match self.socket.next().now_or_never() {
                Some(message) => self.hear(message).await,
                None => Some(Ended::Silent),
            };
        }
        if pinged.elapsed() < self.ping_interval {
            return None;
        }
        *pinged = Stopwatch::start();
        self.write(Message::Ping(Bytes::new())).await
    }

    fn silence_max(&self) -> Duration {
        self.ping_interval * SILENT_INTERVALS
    }

    /// Takes in what the transport brought; the end, if it is one.
    async fn hear(&mut self, message: Option<Result<Message, WebSocketError>>) -> Option<Ended> {
        self.heard = Stopwatch::start();
        match message {
            None => Some(Ended::Broken("it was cut without a close".to_owned())),
            Some(Err(WebSocketError::Capacity(_))) => Some(Ended::NotUnderstood(TOO_LARGE)),
            Some(Err(WebSocketError::Utf8(_))) => Some(Ended::NotUnderstood(NOT_A_FRAME)),
            Some(Err(error)) => Some(Ended::Broken(broken(&error))),
            Some(Ok(Message::Close(frame))) => Some(closed(frame)),
            Some(Ok(Message::Binary(_))) => Some(Ended::NotUnderstood(BINARY)),
            Some(Ok(Message::Text(text))) => self.take(text.as_str()).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
        }
    }

    async fn take(&mut self, text: &str) -> Option<Ended> {
        let at_once = match wire::read(text) {
            Ok(Incoming::Request(request)) => self.dispatcher.accept(request)?,
            Ok(Incoming::Refused { id, answer }) => Outgoing::new(id, Answer::Error(answer)),
            Ok(Incoming::Ignored) => return None,
            Ok(Incoming::Welcome(_) | Incoming::Reject(_)) => {
                return Some(Ended::NotUnderstood(OPENING_AGAIN));
            }
            Err(wire::NotAFrame) => return Some(Ended::NotUnderstood(NOT_A_FRAME)),
        };
        self.answer(at_once).await
    }

    /// Writes one answer and tells whoever waits for it that it left.
    async fn answer(&mut self, outgoing: Outgoing) -> Option<Ended> {
        self.dispatcher.answered(&outgoing.id);
        let Outgoing {
            id,
            answer,
            receipt,
        } = outgoing;
        let text = wire::write_answer(&id, &answer).unwrap_or_default();
        if text.is_empty() || text.len() > self.frame_bytes_max {
            // The receipt is dropped: whatever the answer held did not arrive.
            drop(receipt);
            let message = "the answer is larger than the link allows; narrow the search";
            let answer = Answer::Error(ErrorAnswer::own(ErrorKind::Unexpected, message));
            let text = wire::write_answer(&id, &answer).unwrap_or_default();
            return self.write(Message::text(text)).await;
        }
        let ended = self.write(Message::text(text)).await;
        if let (None, Some(receipt)) = (&ended, receipt) {
            // Nobody waits any more if the request's own limit passed; that is for them to settle.
            let _ = receipt.send(());
        }
        ended
    }

    async fn write(&mut self, message: Message) -> Option<Ended> {
        match within(self.silence_max(), self.socket.send(message)).await {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(Ended::Broken(broken(&error))),
            None => Some(Ended::Silent),
        }
    }
}
