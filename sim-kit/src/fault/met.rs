//! What happens to a call that met a rule, as far as it needs no vendor knowledge.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::{FaultRules, HOLD_S_MAX, How, Verdict, When};
use crate::clock::pause;
use crate::exchange::{Delivery, HeaderValue, Reply, StatusCode, header};

/// A rule that a call met.
#[derive(Debug)]
pub struct Met {
    /// Name of the rule, for the journal.
    pub rule_id: String,
    /// What happens.
    pub verdict: Verdict,
    pub(super) removed: watch::Receiver<()>,
    pub(super) rules: FaultRules,
    /// Tells the rule from a later one of the same name.
    pub(super) number: u64,
}

impl Met {
    /// Waits where the verdict says so, and gives the reply when the call is not to be handled.
    pub async fn before(&mut self) -> Option<Reply> {
        match &self.verdict {
            Verdict::Delay { ms } => pause(Duration::from_millis(*ms)).await,
            Verdict::Hold => {
                let end = Duration::from_secs(HOLD_S_MAX);
                // An error means that the rule is gone, and that is what ends a hold.
                let _ = tokio::time::timeout(end, self.removed.changed()).await;
            }
            Verdict::Drop {
                when: When::Before,
                how,
            } => {
                return Some(Reply::empty(StatusCode::OK).delivered((*how).into()));
            }
            Verdict::Status {
                status,
                content_type,
                body,
                retry_after_s,
                location,
            } => {
                let mut reply = Reply::empty(
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                );
                let content_type = content_type
                    .as_deref()
                    .unwrap_or("text/html; charset=utf-8");
                let text = |value: &str| HeaderValue::from_str(value).ok();
                let fields = [
                    (header::CONTENT_TYPE, text(content_type)),
                    (
                        header::RETRY_AFTER,
                        retry_after_s.and_then(|s| text(&s.to_string())),
                    ),
                    (header::LOCATION, location.as_deref().and_then(text)),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        reply.headers.insert(name, value);
                    }
                }
                reply.body = Bytes::from(body.clone().unwrap_or_default());
                return Some(reply);
            }
            _ => {}
        }
        None
    }

    /// Takes the meeting back, because there was nothing that the verdict could have touched.
    pub fn withdraw(&self) {
        self.rules.withdraw(self.number);
    }

    /// The reply, damaged as the verdict says.
    pub fn deliver(&self, reply: Reply) -> Reply {
        self.damage(reply).0
    }

    /// The reply, damaged as the verdict says, and whether the rule stays met: damage to a body
    /// that is empty, or that lacks the element, is none, and the meeting is taken back.
    pub fn damage(&self, mut reply: Reply) -> (Reply, bool) {
        let length = reply.body.len();
        let reply = match &self.verdict {
            Verdict::Drop {
                when: When::After,
                how,
            } => reply.delivered((*how).into()),
            Verdict::Duplicate => reply.delivered(Delivery::Twice),
            Verdict::Drip { .. } | Verdict::Truncate { .. } | Verdict::Garble if length == 0 => {
                self.withdraw();
                return (reply, false);
            }
            Verdict::Drip {
                chunk_bytes,
                every_ms,
            } => reply.delivered(Delivery::Drip {
                chunk_bytes: *chunk_bytes,
                every: Duration::from_millis(*every_ms),
            }),
            Verdict::Truncate { at_bytes, inside } => {
                let inside_at = inside
                    .as_deref()
                    .and_then(|name| inside_of(&reply.body, name));
                let half = inside.is_none().then_some(length / 2);
                let Some(at) = inside_at.or(*at_bytes).or(half) else {
                    self.withdraw();
                    return (reply, false);
                };
                let at_bytes = at.min(length - 1);
                reply.delivered(Delivery::Truncate { at_bytes })
            }
            Verdict::Garble => {
                reply.body = garbled(&reply.body);
                reply
            }
            _ => reply,
        };
        (reply, true)
    }
}

impl From<How> for Delivery {
    fn from(how: How) -> Self {
        match how {
            How::Close => Self::Close,
            How::Reset => Self::Reset,
        }
    }
}

/// A place one byte behind the start tag of this local name, whatever its prefix, or behind the
/// member `"name"`.
pub(super) fn inside_of(body: &[u8], name: &str) -> Option<usize> {
    let name = name.as_bytes();
    body.windows(name.len() + 2)
        .enumerate()
        .find_map(|(at, window)| {
            let (before, found, behind) =
                (window[0], &window[1..=name.len()], window[name.len() + 1]);
            if found != name {
                return None;
            }
            let end = at + name.len() + 1;
            match (before, behind) {
                (b'"', b'"') => Some(end + 2),
                (b'<' | b':', b'>' | b' ' | b'/' | b'\t' | b'\r' | b'\n')
                    if opens(&body[..=at]) =>
                {
                    let close = body[end..].iter().position(|&byte| byte == b'>')?;
                    Some(end + close + 2)
                }
                _ => None,
            }
        })
}

/// Whether this ends in the beginning of a start tag, with or without a prefix.
fn opens(before: &[u8]) -> bool {
    let rest = before.rsplit(|&byte| byte == b'<').next().unwrap_or(before);
    rest.len() < before.len()
        && (rest.is_empty()
            || rest.ends_with(b":") && !rest.contains(&b' ') && !rest.starts_with(b"/"))
}

/// The body with the middle three bytes made into something that no text holds.
fn garbled(body: &[u8]) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle.saturating_sub(1)).take(3) {
        *byte = 0xff;
    }
    Bytes::from(bytes)
}
