//! What the tokens in memory have that the file does not have yet. It is written a moment later and
//! all at once: nobody waits for the disk to use a new token, and the disk does not get into the way
//! of the look-up that needed it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::{CachedToken, Held, TokenKey, drop_oldest};
use crate::clock::within;
use crate::secret::Secret;

/// How long a new token waits for the disk. A process that is killed meanwhile logs on once more
/// after its next start.
const PAUSE: Duration = Duration::from_millis(100);

/// One change of the tokens, which can be made again on top of what another process wrote.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A token that was asked for after order `began`.
    Keep {
        key: TokenKey,
        token: CachedToken,
        began: u64,
    },
    /// A token that the vault refused; somebody else may have replaced it.
    Forget { key: TokenKey, refused: Secret },
}

impl Change {
    pub(super) fn key(&self) -> &TokenKey {
        match self {
            Self::Keep { key, .. } | Self::Forget { key, .. } => key,
        }
    }

    /// Makes the change, and tells whether there was anything to change.
    pub(super) fn apply(&self, held: &mut Held) -> bool {
        match self {
            // Whoever ordered it meanwhile to be forgotten must not find it again.
            Self::Keep { key, token, began } if held.orders.hit_since(*began, key, token) => false,
            Self::Keep { key, token, .. } => {
                held.tokens.insert(key.clone(), token.clone());
                drop_oldest(&mut held.tokens);
                true
            }
            Self::Forget { key, refused } => {
                let kept = held.tokens.get(key);
                let is_kept = kept.is_some_and(|kept| kept.token == *refused);
                if is_kept {
                    held.tokens.remove(key);
                }
                is_kept
            }
        }
    }

    /// Makes the change again on top of what another process wrote, which may be newer.
    pub(super) fn apply_again(&self, held: &mut Held) {
        let there = held.tokens.get(self.key());
        match (self, there) {
            (Self::Keep { token, .. }, Some(there)) if there.issued_at > token.issued_at => {}
            _ => {
                self.apply(held);
            }
        }
    }
}

/// The tasks that write.
#[derive(Debug, Default)]
pub(super) struct Writers {
    tasks: TaskTracker,
    hurry: Arc<Notify>,
}

impl Writers {
    /// Starts `write` after a pause, or as soon as somebody waits for it.
    pub(super) fn later(&self, write: impl Future<Output = ()> + Send + 'static) {
        let hurried = Arc::clone(&self.hurry).notified_owned();
        self.tasks.spawn(async move {
            // Either end of the wait will do.
            let _ = within(PAUSE, hurried).await;
            write.await;
        });
    }

    /// Starts what still pauses and waits for all that writes.
    pub(super) async fn done(&self) {
        self.hurry.notify_waiters();
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}
