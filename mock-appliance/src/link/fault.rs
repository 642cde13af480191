//! What an installed fault rule does to a frame.
//!
//! The verdicts that every simulator knows keep their meaning: `delay`, `hold`, `drop`, `truncate`,
//! `garble`, `duplicate`, `error`, `expire_token`. The faults that only this protocol has are
//! named by the text of the verdict `fault`.

use sim_kit::fault::{Met, Verdict, When};

use super::OnAnswer;

/// Faults of the ECM link, each the text of a `fault` verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkFault {
    /// The answer is taken for the answer to another request.
    WrongRequestId,
    /// The box is opened as if it had been made for another request.
    WrongAad,
    /// The frame is not JSON.
    MalformedFrame,
    /// `hello` is answered with `reject`.
    VersionMismatch,
    /// `welcome` tells a time that is a day off.
    ClockSkew,
}

impl LinkFault {
    pub(super) fn of(verdict: &Verdict) -> Option<Self> {
        let Verdict::Fault { text } = verdict else {
            return None;
        };
        match text.as_str() {
            "wrong_request_id" => Some(Self::WrongRequestId),
            "wrong_aad" => Some(Self::WrongAad),
            "malformed_frame" => Some(Self::MalformedFrame),
            "version_mismatch" => Some(Self::VersionMismatch),
            "clock_skew" => Some(Self::ClockSkew),
            _ => None,
        }
    }
}

/// How a request goes out.
#[derive(Debug, Default)]
pub(super) struct Treatment {
    /// What happens when its answer comes.
    pub(super) on_answer: OnAnswer,
    /// Whether its box is opened with associated data of another request.
    pub(super) wrong_aad: bool,
    /// Whether the frame goes out twice.
    pub(super) twice: bool,
    /// How the frame is damaged.
    pub(super) damage: Damage,
    /// What happens in place of sending.
    pub(super) instead: Option<Instead>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Damage {
    #[default]
    None,
    /// Only the first so many bytes go out; half when nothing is said.
    Truncated(Option<usize>),
    /// Two bytes in the middle become something that JSON does not have.
    Garbled,
}

/// What happens in place of sending a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// The connection is cut.
    Cut,
    /// The account's tokens are revoked, and the connection with them.
    Revoke,
    /// The request fails with this text.
    Fail(String),
}

impl Treatment {
    /// What a rule means for a request. Waiting is done already.
    pub(super) fn of(met: Option<&Met>) -> Self {
        let mut treatment = Self::default();
        let Some(met) = met else { return treatment };
        match &met.verdict {
            Verdict::Delay { .. } | Verdict::Hold | Verdict::Drip { .. } => {}
            // Frames are no documents that could lack an element, and approve nothing; such a rule
            // is not met here.
            Verdict::Omit { .. }
            | Verdict::Nil { .. }
            | Verdict::Extra
            | Verdict::BreakLines { .. }
            | Verdict::LateApproval { .. } => {}
            Verdict::Drop {
                when: When::Before, ..
            } => treatment.instead = Some(Instead::Cut),
            Verdict::Drop {
                when: When::After, ..
            } => treatment.on_answer = OnAnswer::Cut,
            Verdict::Duplicate => treatment.twice = true,
            Verdict::Garble => treatment.damage = Damage::Garbled,
            Verdict::Truncate { at_bytes, .. } => treatment.damage = Damage::Truncated(*at_bytes),
            Verdict::ExpireToken => treatment.instead = Some(Instead::Revoke),
            Verdict::Error { text } => treatment.instead = Some(Instead::Fail(text.clone())),
            Verdict::Status { status, .. } => {
                treatment.instead = Some(Instead::Fail(format!("answered with status {status}")));
            }
            Verdict::Fault { text } => match LinkFault::of(&met.verdict) {
                Some(LinkFault::WrongRequestId) => treatment.on_answer = OnAnswer::Misplace,
                Some(LinkFault::WrongAad) => treatment.wrong_aad = true,
                Some(LinkFault::MalformedFrame) => treatment.damage = Damage::Truncated(None),
                Some(LinkFault::VersionMismatch | LinkFault::ClockSkew) => {}
                None => treatment.instead = Some(Instead::Fail(text.clone())),
            },
        }
        treatment
    }
}

impl Damage {
    /// The frame as it goes out.
    pub(super) fn apply(self, frame: String) -> String {
        match self {
            Self::None => frame,
            Self::Truncated(at) => {
                let mut at = at
                    .unwrap_or(frame.len() / 2)
                    .min(frame.len().saturating_sub(1));
                while !frame.is_char_boundary(at) {
                    at -= 1;
                }
                frame[..at].to_owned()
            }
            Self::Garbled => {
                let middle = frame.chars().count() / 2;
                let garble = |(at, character)| {
                    if at == middle || at + 1 == middle {
                        '\u{1}'
                    } else {
                        character
                    }
                };
                frame.chars().enumerate().map(garble).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_frame_is_no_longer_json() {
        let frame = r#"{"type":"find_credentials","id":"r-é"}"#.to_owned();
        let damages = [
            Damage::Truncated(None),
            Damage::Truncated(Some(37)),
            Damage::Truncated(Some(900)),
            Damage::Garbled,
        ];
        for damage in damages {
            let damaged = damage.apply(frame.clone());
            assert!(
                serde_json::from_str::<serde_json::Value>(&damaged).is_err(),
                "{damaged:?}"
            );
        }
        assert_eq!(Damage::None.apply(frame.clone()), frame);
    }
}
