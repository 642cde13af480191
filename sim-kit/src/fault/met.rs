//! What happens to a call that met a rule, as far as it needs no vendor knowledge.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::{HOLD_S_MAX, How, Verdict, When};
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

    /// The reply, damaged as the verdict says.
    pub fn deliver(&self, mut reply: Reply) -> Reply {
        match &self.verdict {
            Verdict::Drop {
                when: When::After,
                how,
            } => reply.delivered((*how).into()),
            Verdict::Drip {
                chunk_bytes,
                every_ms,
            } => reply.delivered(Delivery::Drip {
                chunk_bytes: *chunk_bytes,
                every: Duration::from_millis(*every_ms),
            }),
            Verdict::Truncate { at_bytes, inside } => {
                let half = reply.body.len() / 2;
                let at = inside
                    .as_deref()
                    .and_then(|name| inside_of(&reply.body, name));
                let at_bytes = at
                    .or(*at_bytes)
                    .unwrap_or(half)
                    .min(reply.body.len().saturating_sub(1));
                reply.delivered(Delivery::Truncate { at_bytes })
            }
            Verdict::Garble => {
                reply.body = garbled(&reply.body);
                reply
            }
            Verdict::Duplicate => reply.delivered(Delivery::Twice),
            _ => reply,
        }
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

/// A place one byte behind the start tag `<name>` or the member `"name"`.
pub(super) fn inside_of(body: &[u8], name: &str) -> Option<usize> {
    [format!("<{name}>"), format!("\"{name}\"")]
        .iter()
        .find_map(|mark| {
            let at = body
                .windows(mark.len())
                .position(|window| window == mark.as_bytes())?;
            Some(at + mark.len() + 1)
        })
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
