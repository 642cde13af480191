//! The requests of one connection that wait for an answer, and what became of the recent ones.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use super::LinkError;
use crate::state::releases::ReleaseKey;
use crate::wire::Answer;

/// Requests that may wait on one connection.
const WAITING_MAX: usize = 256;
/// Ids that are remembered to tell a late answer from a duplicate and from nonsense.
const RECENT_MAX: usize = 1_024;

/// What happens when the answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnAnswer {
    /// It is delivered.
    #[default]
    Deliver,
    /// The connection is cut instead: a fault rule.
    Cut,
    /// It counts as an answer to something else: a fault rule.
    Misplace,
}

/// Someone who waits for an answer.
pub(crate) struct Expected {
    /// Where the answer goes, with the time at which it had been read.
    pub(crate) deliver: oneshot::Sender<(Answer, u64)>,
    /// What happens when it comes.
    pub(crate) on_answer: OnAnswer,
    /// The credential that the answer would hand out.
    pub(crate) hands_out: Option<ReleaseKey>,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Someone has it.
    Delivered,
    /// The connection has to be cut.
    Cut,
    /// Nobody waits any more. With the credential that was handed out in vain.
    Late(Option<ReleaseKey>),
    /// It was answered before.
    Duplicate,
    /// There was never such a request.
    Unknown,
}

enum Fate {
    Answered,
    GivenUp(Option<ReleaseKey>),
}

#[derive(Default)]
pub(super) struct Outstanding {
    waiting: BTreeMap<String, Expected>,
    recent: VecDeque<(String, Fate)>,
}

impl Outstanding {
    pub(super) fn expect(&mut self, id: String, expected: Expected) -> Result<(), LinkError> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(LinkError::Busy);
        }
        self.waiting.insert(id, expected);
        Ok(())
    }

    pub(super) fn give_up(&mut self, id: &str) {
        if let Some(expected) = self.waiting.remove(id) {
            self.remember(id, Fate::GivenUp(expected.hands_out));
        }
    }

    /// Takes an answer that had been read at `read_at_us`.
    pub(super) fn answered(&mut self, id: &str, answer: Answer, read_at_us: u64) -> Disposition {
        let hands_out_now = matches!(answer, Answer::Package(_));
        let Some(expected) = self.waiting.get(id) else {
            return self.unexpected(id, hands_out_now);
        };
        match expected.on_answer {
            OnAnswer::Cut => return Disposition::Cut,
            OnAnswer::Misplace => return Disposition::Unknown,
            OnAnswer::Deliver => {}
        }
        let Some(expected) = self.waiting.remove(id) else {
            return Disposition::Unknown;
        };
        match expected.deliver.send((answer, read_at_us)) {
            Ok(()) => {
                self.remember(id, Fate::Answered);
                Disposition::Delivered
            }
            Err(_) => {
                self.remember(id, Fate::Answered);
                Disposition::Late(expected.hands_out.filter(|_| hands_out_now))
            }
        }
    }

    fn unexpected(&mut self, id: &str, hands_out_now: bool) -> Disposition {
        let Some((_, fate)) = self.recent.iter_mut().find(|(recent, _)| recent == id) else {
            return Disposition::Unknown;
        };
        match std::mem::replace(fate, Fate::Answered) {
            Fate::Answered => Disposition::Duplicate,
            Fate::GivenUp(hands_out) => Disposition::Late(hands_out.filter(|_| hands_out_now)),
        }
    }

    fn remember(&mut self, id: &str, fate: Fate) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((id.to_owned(), fate));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::state::sessions::SessionId;
    use crate::wire::{Package, Sealed};

    fn key() -> ReleaseKey {
        ReleaseKey {
            session: SessionId(1),
            credential_id: "7".into(),
        }
    }

    fn package() -> Answer {
        let sealed = Sealed {
            enc: String::new(),
            ciphertext: String::new(),
        };
        Answer::Package(Package {
            kind: "username_password".into(),
            sealed,
        })
    }

    fn expecting(on_answer: OnAnswer) -> (Outstanding, oneshot::Receiver<(Answer, u64)>) {
        let (deliver, receiver) = oneshot::channel();
        let mut outstanding = Outstanding::default();
        let expected = Expected {
            deliver,
            on_answer,
            hands_out: Some(key()),
        };
        outstanding.expect("r-1".into(), expected).unwrap();
        (outstanding, receiver)
    }

    #[test]
    fn the_first_answer_is_delivered_and_the_second_is_a_duplicate() {
        let (mut outstanding, mut receiver) = expecting(OnAnswer::Deliver);
        assert_eq!(
            outstanding.answered("r-1", package(), 5),
            Disposition::Delivered
        );
        let delivered = receiver.try_recv();
        assert!(matches!(delivered, Ok((Answer::Package(_), 5))));
        assert_eq!(
            outstanding.answered("r-1", package(), 5),
            Disposition::Duplicate
        );
    }

    #[test]
    fn a_late_package_names_the_credential_and_its_repetition_does_not() {
        let (mut outstanding, _receiver) = expecting(OnAnswer::Deliver);
        outstanding.give_up("r-1");
        assert_eq!(
            outstanding.answered("r-1", package(), 5),
            Disposition::Late(Some(key()))
        );
        assert_eq!(
            outstanding.answered("r-1", package(), 5),
            Disposition::Duplicate
        );
    }

    #[test]
    fn a_late_error_handed_nothing_out() {
        let (mut outstanding, _receiver) = expecting(OnAnswer::Deliver);
        outstanding.give_up("r-1");
        assert_eq!(
            outstanding.answered("r-1", Answer::Done, 5),
            Disposition::Late(None)
        );
    }

    #[test]
    fn an_answer_to_nothing_is_unknown() {
        let (mut outstanding, _receiver) = expecting(OnAnswer::Deliver);
        assert_eq!(
            outstanding.answered("r-2", package(), 5),
            Disposition::Unknown
        );
    }

    #[test]
    fn a_fault_rule_can_cut_or_misplace_the_answer() {
        let (mut outstanding, _receiver) = expecting(OnAnswer::Cut);
        assert_eq!(outstanding.answered("r-1", package(), 5), Disposition::Cut);
        let (mut outstanding, mut receiver) = expecting(OnAnswer::Misplace);
        assert_eq!(
            outstanding.answered("r-1", package(), 5),
            Disposition::Unknown
        );
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outstanding = Outstanding::default();
        for n in 0..=WAITING_MAX {
            let (deliver, _) = oneshot::channel();
            let expected = Expected {
                deliver,
                on_answer: OnAnswer::Deliver,
                hands_out: None,
            };
            let outcome = outstanding.expect(format!("r-{n}"), expected);
            assert_eq!(outcome.is_ok(), n < WAITING_MAX);
        }
    }
}
