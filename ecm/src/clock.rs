//! The one file of this package that reads a clock or sleeps.
//!
//! Expiry is data compared with [`Clock::now`]; limits on input and output are [`within`] and use
//! the runtime's timers. The two never mix.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the file that owns clocks and pauses"
)]

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// Where the ECM reads the time of day.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present time of day.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 or after 9999 is a machine fault; the epoch is a safe reading.
        Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Runs `work` for at most `limit`; `None` when the limit came first and the work was dropped.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    // Pinned first, since a future is moved as often as it is handed on.
    let mut work = std::pin::pin!(work);
    tokio::time::timeout(limit, work.as_mut()).await.ok()
}

/// Waits for `pause`.
pub async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// Lets the runtime's timer run out once a second, until `stopped`. A limit that would be the next
/// to run out has to rouse the timer when it begins, by a system call; this way something always
/// runs out earlier than the limit of a call, which begins often and hardly ever runs out.
pub async fn keep_time(stopped: CancellationToken) {
    const SECOND: Duration = Duration::from_secs(1);
    while within(SECOND, stopped.cancelled()).await.is_none() {}
}

/// Blocks the thread for `pause`; for threads that may block, never for the runtime's own.
pub fn block_for(pause: Duration) {
    std::thread::sleep(pause);
}

/// Measures how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
