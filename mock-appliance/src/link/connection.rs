//! One link, from the switch of protocols to its end.

use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use sim_kit::exchange::Duplex;
use sim_kit::fault::{Call, Verdict};
use sim_kit::journal::Outcome;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::connect::Admitted;
use super::fault::LinkFault;
use super::{CloseReason, Disposition, LinkEnds};
use crate::wire::{
    CONNECT_PATH, FRAME_BYTES_MAX, FromEcm, Hello, PROTOCOL_VERSION, ToEcm, Welcome,
};

/// Bytes read from the socket at a time. The library clears as many before each read, also when there
/// is nothing to read, and hardly any frame is longer.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// Time for the peer to answer a close frame.
const CLOSING: Duration = Duration::from_secs(2);
/// Whole intervals without a byte after which a link is dead.
const SILENT_INTERVALS_MAX: u32 = 3;
const DAY_S: i64 = 86_400;

type Socket = WebSocketStream<Box<dyn Duplex>>;

/// How a link ended.
enum End {
    /// The appliance closes it.
    Close(CloseReason),
    /// The ECM closed it, with this code.
    Closed(Option<u16>),
    /// It broke.
    Broken,
    /// Nothing arrived for three intervals.
    Silent,
}

/// Runs a link to its end.
pub(super) async fn run(
    mut admitted: Admitted,
    socket: Box<dyn Duplex>,
    stopping: CancellationToken,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
    let Some(mut ends) = admitted.ends.take() else {
        return;
    };
    let end = match greet(&admitted, &mut socket, &mut ends, &stopping).await {
        Ok(()) => serve(&admitted, &mut socket, &mut ends, &stopping).await,
        Err(end) => end,
    };
    // Off the books first: nothing may be routed to a link that is closing.
    let (site, connection) = (admitted.site.clone(), admitted.connection);
    site.state().ecms.leave(connection);
    site.links.gone(connection);
    let (code, by) = match &end {
        End::Close(CloseReason::Cut) => ("none".to_owned(), "fault rule"),
        End::Close(reason) => (reason.code().to_string(), "appliance"),
        End::Closed(code) => (
            code.map_or_else(|| "none".into(), |code| code.to_string()),
            "ecm",
        ),
        End::Broken => ("none".to_owned(), "connection broke"),
        End::Silent => ("none".to_owned(), "silence"),
    };
    tracing::info!(link = %connection, code, by, "ECM disconnected");
    let mut entry = site.note("disconnect", Outcome::Success);
    entry.detail = vec![
        ("link", connection.to_string()),
        ("code", code),
        ("by", by.to_owned()),
    ];
    site.journal.record(entry);
    match end {
        End::Close(CloseReason::Cut) | End::Broken | End::Silent => {}
        End::Close(reason) => close(socket, reason).await,
        End::Closed(_) => {
            // Reading on sends the answer to the ECM's close frame.
            let _ = timeout(CLOSING, async {
                while let Some(Ok(_)) = socket.next().await {}
            })
            .await;
        }
    }
}

/// `hello` and `welcome`.
async fn greet(
    admitted: &Admitted,
    socket: &mut Socket,
    ends: &mut LinkEnds,
    stopping: &CancellationToken,
) -> Result<(), End> {
    let site = &admitted.site;
    let hello = hello(admitted, socket, ends, stopping).await?;
    let client_id = admitted.client_id.0.as_str();
    let call = Call {
        operation: "hello",
        user: Some(client_id),
        path: CONNECT_PATH,
    };
    let mut met = site.faults.meet(&call);
    if let Some(met) = &mut met {
        // The reply is for HTTP; on the link the verdict itself says what happens.
        let _ = met.before().await;
    }
    let verdict = met.as_ref().map(|met| &met.verdict);
    if matches!(verdict, Some(Verdict::Drop { .. })) {
        return Err(End::Close(CloseReason::Cut));
    }
    let fault = verdict.and_then(LinkFault::of);
    let speaks_ours = hello.protocol_versions.contains(&PROTOCOL_VERSION);
    if !speaks_ours || fault == Some(LinkFault::VersionMismatch) {
        return Err(reject(admitted, socket).await);
    }
    let mut entry = site.note("hello", Outcome::Success);
    let announced = site
        .state()
        .ecms
        .announce(admitted.connection, hello.into());
    match announced {
        // Somebody took it off the books, and says why.
        None => return Err(End::Close(closing(&mut ends.closing).await)),
        Some(Some(replaced)) => site.links.close(replaced, CloseReason::Replaced),
        Some(None) => {}
    }
    let skew_s = i64::from(fault == Some(LinkFault::ClockSkew)) * DAY_S;
    welcome(admitted, socket, skew_s).await?;
    let (link, group) = (admitted.connection.to_string(), admitted.group.clone());
    tracing::info!(link, group, address = %admitted.address, "ECM connected");
    entry.user = Some(client_id.into());
    entry.fault_rule = met.map(|met| met.rule_id);
    entry.detail = vec![("link", link), ("group", group)];
    site.journal.record(entry);
    site.links.welcomed();
    Ok(())
}

/// Waits for the first frame, which has to be `hello`.
async fn hello(
    admitted: &Admitted,
    socket: &mut Socket,
    ends: &mut LinkEnds,
    stopping: &CancellationToken,
) -> Result<Hello, End> {
    let patience = Duration::from_millis(admitted.site.settings.hello_timeout_ms);
    tokio::select! {
        () = stopping.cancelled() => Err(End::Close(CloseReason::GoingAway)),
        reason = closing(&mut ends.closing) => Err(End::Close(reason)),
        hello = timeout(patience, first_frame(admitted, socket)) => {
            hello.unwrap_or(Err(End::Close(CloseReason::NoHello)))
        }
    }
}

async fn reject(admitted: &Admitted, socket: &mut Socket) -> End {
    let message = format!("this appliance speaks version {PROTOCOL_VERSION}");
    let reject = ToEcm::Reject {
        code: "version_mismatch",
        message: &message,
    };
    let sent = send(admitted, socket, Message::text(reject.text())).await;
    sent.err().unwrap_or(End::Close(CloseReason::Version))
}

/// Sends `welcome`, with a time that is so many seconds ahead.
async fn welcome(admitted: &Admitted, socket: &mut Socket, skew_s: i64) -> Result<(), End> {
    let site = &admitted.site;
    let welcome = ToEcm::Welcome(Welcome {
        protocol_version: PROTOCOL_VERSION,
        connection_id: &admitted.connection.to_string(),
        ecm_group: &admitted.group,
        server_time: site.now().unix_s() + skew_s,
        ping_interval_s: site.settings.ping_interval_s,
        max_frame_bytes: FRAME_BYTES_MAX,
        request_timeout_ms: site.settings.request_timeout_ms.into(),
    });
    send(admitted, socket, Message::text(welcome.text())).await
}

async fn first_frame(admitted: &Admitted, socket: &mut Socket) -> Result<Hello, End> {
    loop {
        match heard(socket.next().await)? {
            Some(text) => match FromEcm::read(&text) {
                Ok(FromEcm::Hello(hello)) => return Ok(hello),
                Ok(FromEcm::Answer { .. }) => {
                    return Err(not_understood(admitted, "an answer before hello"));
                }
                Err(error) => return Err(not_understood(admitted, &error.to_string())),
            },
            None => continue,
        }
    }
}

/// Everything after `welcome`.
async fn serve(
    admitted: &Admitted,
    socket: &mut Socket,
    ends: &mut LinkEnds,
    stopping: &CancellationToken,
) -> End {
    let mut ticks = interval(Duration::from_secs(admitted.site.settings.ping_interval_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // The first comes at once.
    let mut silent_intervals = 0;
    let mut stopped = pin!(stopping.cancelled());
    loop {
        let done = tokio::select! {
            biased;
            () = &mut stopped => Err(End::Close(CloseReason::GoingAway)),
            reason = closing(&mut ends.closing) => Err(End::Close(reason)),
            Some(frame) = ends.outgoing.recv() => {
                // A frame that is sent twice was sent when it went out first.
                let _ = frame.sent_at_us.set(admitted.site.stopwatch.elapsed_us());
                send(admitted, socket, Message::text(frame.text)).await
            }
            message = socket.next() => {
                silent_intervals = 0;
                match heard(message) {
                    Ok(Some(text)) => received(admitted, &text),
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            _ = ticks.tick() => {
                silent_intervals += 1;
                if silent_intervals > SILENT_INTERVALS_MAX {
                    Err(End::Silent)
                } else {
                    send(admitted, socket, Message::Ping(Bytes::new())).await
                }
            }
        };
        if let Err(end) = done {
            return end;
        }
    }
}

/// The text of a message; nothing for the WebSocket's own messages.
fn heard(message: Option<Result<Message, Error>>) -> Result<Option<Utf8Bytes>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Binary(_))) => Err(End::Close(CloseReason::BinaryMessage)),
        Some(Ok(Message::Close(frame))) => {
            Err(End::Closed(frame.map(|frame| u16::from(frame.code))))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
            Err(End::Close(CloseReason::FrameTooLong))
        }
        // Text that is not UTF-8 (RFC 6455, 8.1).
        Some(Err(Error::Utf8(_))) => Err(End::Close(CloseReason::NotUnderstood)),
        Some(Err(_)) | None => Err(End::Broken),
    }
}

fn received(admitted: &Admitted, text: &str) -> Result<(), End> {
    let (site, connection) = (&admitted.site, admitted.connection);
    let (id, answer) = match FromEcm::read(text) {
        Ok(FromEcm::Answer { id, answer }) => (id, answer),
        Ok(FromEcm::Hello(_)) => return Err(not_understood(admitted, "a second hello")),
        Err(error) => return Err(not_understood(admitted, &error.to_string())),
    };
    let read_at_us = site.stopwatch.elapsed_us();
    let name = answer.name();
    let disposition = site.links.answered(connection, &id, answer, read_at_us);
    let word = match &disposition {
        Disposition::Delivered => return Ok(()),
        Disposition::Cut => return Err(End::Close(CloseReason::Cut)),
        Disposition::Late(_) => "late",
        Disposition::Duplicate => "duplicate",
        Disposition::Unknown => "unknown",
    };
    tracing::warn!(link = %connection, answer = name, word, "discarded an answer");
    let mut entry = site.note("discarded_answer", Outcome::Fault);
    entry.request_bytes = text.len();
    let answer = ("answer", name.to_owned());
    entry.detail = vec![
        ("link", connection.to_string()),
        answer,
        ("why", word.to_owned()),
    ];
    site.journal.record(entry);
    if let Disposition::Late(Some(key)) = disposition {
        site.release_in_vain(key, Some(connection));
    }
    Ok(())
}

fn not_understood(admitted: &Admitted, why: &str) -> End {
    admitted.site.links.malformed();
    tracing::warn!(link = %admitted.connection, why, "frame not understood");
    End::Close(CloseReason::NotUnderstood)
}

/// Waits until someone asks for the link to be closed.
async fn closing(ends: &mut watch::Receiver<Option<CloseReason>>) -> CloseReason {
    let asked = ends.wait_for(Option::is_some).await;
    // The sender goes with the link's entry, which means that it is no longer wanted.
    asked
        .ok()
        .and_then(|reason| *reason)
        .unwrap_or(CloseReason::GoingAway)
}

/// Sends a message; a peer that does not read is as good as gone.
async fn send(admitted: &Admitted, socket: &mut Socket, message: Message) -> Result<(), End> {
    let interval_s = admitted.site.settings.ping_interval_s;
    let patience = Duration::from_secs(interval_s.saturating_mul(SILENT_INTERVALS_MAX.into()));
    match timeout(patience, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Broken),
        Err(_) => Err(End::Silent),
    }
}

/// Sends a close frame and gives the peer a moment to read it.
async fn close(mut socket: Socket, reason: CloseReason) {
    let frame = CloseFrame {
        code: CloseCode::from(reason.code()),
        reason: Utf8Bytes::from_static(reason.text()),
    };
    let farewell = async {
        if socket.close(Some(frame)).await.is_err() {
            return;
        }
        if reason == CloseReason::FrameTooLong {
            // The rest of the frame is not a WebSocket any more. Reading it keeps the peer's
            // system from throwing the close frame away.
            let _ = tokio::io::copy(&mut socket.into_inner(), &mut tokio::io::sink()).await;
            return;
        }
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = timeout(CLOSING, farewell).await;
}
