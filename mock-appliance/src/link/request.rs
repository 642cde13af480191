//! One request down the link: which ECM gets it, how long it may take, when it is sent again.

use std::time::Duration;

use sim_kit::fault::{Call, Met};
use sim_kit::journal::Outcome;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::fault::{Instead, Treatment};
use super::{CloseReason, Expected, LinkError, Outgoing, SentAt};
use crate::site::Site;
use crate::state::ecms::{ConnectionId, EcmClient};
use crate::state::releases::ReleaseKey;
use crate::state::sessions::{Hop, Session, SessionId};
use crate::wire::{Answer, CONNECT_PATH, Problem};

/// A request that can be sent to any ECM of a group.
pub(crate) struct Ask<'a> {
    /// Its `type`.
    pub(crate) request: &'static str,
    /// The ECM Group that it goes to.
    pub(crate) group: &'a str,
    /// The session that it belongs to.
    pub(crate) session: Option<SessionId>,
    /// The console user, for fault rules and the journal.
    pub(crate) user: Option<&'a str>,
    /// Milliseconds that the ECM has.
    pub(crate) deadline_ms: u64,
    /// The connection that gets it if it is still there.
    pub(crate) prefer: Option<ConnectionId>,
    /// Whether it is sent to the next ECM when the connection is lost.
    pub(crate) again: bool,
    /// The credential that its answer would hand out.
    pub(crate) hands_out: Option<ReleaseKey>,
}

impl<'a> Ask<'a> {
    /// A request about a session, for the longest-connected ECM of its group.
    pub(crate) fn of(
        session: &'a Session,
        request: &'static str,
        deadline_ms: u64,
        again: bool,
    ) -> Self {
        Self {
            request,
            group: &session.ecm_group,
            session: Some(session.id),
            user: Some(&session.user.username),
            deadline_ms,
            prefer: None,
            again,
            hands_out: None,
        }
    }
}

/// An answer, and where it came from.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) answer: Answer,
    pub(crate) connection: ConnectionId,
    pub(crate) request_id: String,
    /// Whether a fault rule wants the box opened with wrong associated data.
    pub(crate) wrong_aad: bool,
}

/// When a request left and when its answer had been read, as far as that came about. What the
/// appliance does before and after, its own threads' waking each other included, is not the ECM's.
#[derive(Default)]
struct Times {
    sent_at_us: SentAt,
    read_at_us: Option<u64>,
}

impl Times {
    /// Both, for a request that was asked for and given back at these times.
    fn over(&self, asked_at_us: u64, back_at_us: u64) -> (u64, u64) {
        let read_at_us = self.read_at_us.unwrap_or(back_at_us);
        let sent_at_us = self.sent_at_us.get().copied().unwrap_or(asked_at_us);
        // Somebody who guesses an id can answer before the request.
        (sent_at_us.min(read_at_us), read_at_us)
    }
}

impl Site {
    /// Sends a request and waits for its answer. `frame` writes it for an id.
    ///
    /// An answer `error` is [`LinkError::Refused`].
    pub(crate) async fn ask<F>(&self, ask: &Ask<'_>, frame: F) -> Result<Served, LinkError>
    where
        F: Fn(&str) -> String + Sync,
    {
        match self.ask_once(ask, &frame).await {
            Err(LinkError::ConnectionLost { .. }) if ask.again => {
                match self.ask_once(ask, &frame).await {
                    // What happened is that the connection was lost, not that no one is there.
                    Err(LinkError::NoEcm { .. }) => Err(LinkError::ConnectionLost {
                        request: ask.request,
                    }),
                    outcome => outcome,
                }
            }
            outcome => outcome,
        }
    }

    async fn ask_once<F>(&self, ask: &Ask<'_>, frame: &F) -> Result<Served, LinkError>
    where
        F: Fn(&str) -> String + Sync,
    {
        let call = Call {
            operation: ask.request,
            user: ask.user,
            path: CONNECT_PATH,
        };
        let mut met = self.faults.meet(&call);
        if let Some(met) = &mut met {
            // The reply is for HTTP; on the link the verdict itself says what happens.
            let _ = met.before().await;
        }
        let ecm = self.choose(ask)?;
        let request_id = self.links.next_request_id();
        let asked_at_us = self.stopwatch.elapsed_us();
        let mut times = Times::default();
        let outcome = self
            .exchange(ask, &ecm, &request_id, met.as_ref(), frame, &mut times)
            .await;
        let (sent_at_us, answered_at_us) = times.over(asked_at_us, self.stopwatch.elapsed_us());
        let word = outcome
            .as_ref()
            .map_or_else(|error| error.category().to_owned(), |_| "ok".into());
        if let Some(session) = ask.session {
            let hop = Hop {
                request: ask.request,
                request_id,
                connection: ecm.connection.to_string(),
                sent_at_us,
                answered_at_us,
                outcome: word.clone(),
            };
            self.state().sessions.record_hop(session, hop);
        }
        let mut entry = self.note(ask.request, journal_outcome(&outcome));
        entry.user = ask.user.map(Into::into);
        entry.elapsed_us = answered_at_us.saturating_sub(sent_at_us);
        entry.fault_rule = met.map(|met| met.rule_id);
        entry.detail = vec![("link", ecm.connection.to_string()), ("result", word)];
        self.journal.record(entry);
        outcome
    }

    /// The ECM that gets the request.
    fn choose(&self, ask: &Ask<'_>) -> Result<EcmClient, LinkError> {
        let now = self.now();
        let mut state = self.state();
        let preferred = ask.prefer.and_then(|connection| state.ecms.get(connection));
        let chosen = preferred.or_else(|| state.ecms.route(ask.group)).cloned();
        let ecm = chosen.ok_or_else(|| LinkError::NoEcm {
            group: ask.group.to_owned(),
        })?;
        state.ecms.requested(ecm.connection, now);
        Ok(ecm)
    }

    async fn exchange<F>(
        &self,
        ask: &Ask<'_>,
        ecm: &EcmClient,
        request_id: &str,
        met: Option<&Met>,
        frame: &F,
        times: &mut Times,
    ) -> Result<Served, LinkError>
    where
        F: Fn(&str) -> String + Sync,
    {
        let (connection, request) = (ecm.connection, ask.request);
        let treatment = Treatment::of(met);
        match treatment.instead {
            None => {}
            Some(Instead::Cut) => {
                self.disconnect(connection, CloseReason::Cut);
                return Err(LinkError::ConnectionLost { request });
            }
            Some(Instead::Revoke) => {
                let _ = self.state().accounts.revoke_tokens(&ecm.client_id);
                self.close_account(&ecm.client_id);
                return Err(LinkError::ConnectionLost { request });
            }
            Some(Instead::Fail(message)) => {
                return Err(LinkError::Refused(Problem::unexpected(message)));
            }
        }
        let text = treatment.damage.apply(frame(request_id));
        let outgoing = |text| Outgoing {
            text,
            sent_at_us: SentAt::clone(&times.sent_at_us),
        };
        let frames = if treatment.twice {
            vec![outgoing(text.clone()), outgoing(text)]
        } else {
            vec![outgoing(text)]
        };
        let (deliver, answer) = oneshot::channel();
        let expected = Expected {
            deliver,
            on_answer: treatment.on_answer,
            hands_out: ask.hands_out.clone(),
        };
        self.links.send(
            connection,
            request,
            frames,
            Some((request_id.to_owned(), expected)),
        )?;
        let patience_ms = ask
            .deadline_ms
            .saturating_add(self.settings.travel_allowance_ms);
        let arrived = timeout(Duration::from_millis(patience_ms), answer).await;
        let arrived = arrived.map(|arrived| {
            arrived.map(|(answer, read_at_us)| {
                times.read_at_us = Some(read_at_us);
                answer
            })
        });
        match arrived {
            Ok(Ok(Answer::Error(problem))) => Err(LinkError::Refused(problem)),
            Ok(Ok(answer)) => Ok(Served {
                answer,
                connection,
                request_id: request_id.to_owned(),
                wrong_aad: treatment.wrong_aad,
            }),
            Ok(Err(_)) => Err(LinkError::ConnectionLost { request }),
            Err(_) => {
                self.links.give_up(connection, request_id);
                Err(LinkError::TimedOut {
                    request,
                    deadline_ms: ask.deadline_ms,
                })
            }
        }
    }
}

fn journal_outcome(outcome: &Result<Served, LinkError>) -> Outcome {
    match outcome {
        Ok(_) => Outcome::Success,
        Err(LinkError::Refused(_) | LinkError::Unsupported { .. } | LinkError::NoEcm { .. }) => {
            Outcome::Refused
        }
        Err(LinkError::ConnectionLost { .. } | LinkError::TimedOut { .. }) => Outcome::Dropped,
        Err(LinkError::UnexpectedAnswer { .. } | LinkError::Busy) => Outcome::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_timed_from_the_socket_to_the_answer_that_was_read() {
        let mut times = Times::default();
        assert_eq!(times.over(10, 90), (10, 90), "it never left");
        let _ = times.sent_at_us.set(30);
        assert_eq!(times.over(10, 90), (30, 90), "nobody answered");
        times.read_at_us = Some(70);
        assert_eq!(times.over(10, 90), (30, 70));
        times.read_at_us = Some(20);
        assert_eq!(times.over(10, 90), (20, 20), "answered before it was asked");
    }
}
