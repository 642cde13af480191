//! Simulated time: the only file of this package that reads a real clock or pauses.
//!
//! A state core never reads a clock. The edge reads [`SimClock::now`] once per request and passes
//! the value down. Input/output time-outs use tokio's timers and have nothing to do with this.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in simulated time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct SimTime(pub i64);

impl SimTime {
    /// The moment at which a frozen clock starts unless told otherwise: 2026-01-05T09:00:00Z, a
    /// Monday morning.
    pub const SCENARIO_START: Self = Self(1_767_603_600_000);

    /// Whole seconds since the epoch, rounded towards negative infinity.
    #[must_use]
    pub fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment plus `span`; saturates at the end of the range.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The time that passed since `earlier`, zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds, for people and for JSON.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| format!("{} ms", self.0), |at| format!("{at:.3}"))
    }

    /// Reads RFC 3339, or nothing when the text is not that.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|at| Self(at.as_millisecond()))
    }
}

/// How a [`SimClock`] moves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// Stands still and moves only when told: scenarios.
    Frozen,
    /// Follows the machine's clock plus what it was advanced by: run by hand.
    Following,
}

/// The clock of one simulator, or of a whole rig: clones share it.
#[derive(Clone, Debug)]
pub struct SimClock {
    motion: Motion,
    /// The time itself when frozen, the offset to the machine's clock when following.
    ms: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock that stands still at `at`.
    #[must_use]
    pub fn frozen(at: SimTime) -> Self {
        Self {
            motion: Motion::Frozen,
            ms: Arc::new(AtomicI64::new(at.0)),
        }
    }

    /// A clock that follows the machine's.
    #[must_use]
    pub fn following() -> Self {
        Self {
            motion: Motion::Following,
            ms: Arc::default(),
        }
    }

    /// The simulated time now.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.with(self.ms.load(Ordering::Acquire))
    }

    /// How this clock moves by itself.
    #[must_use]
    pub fn motion(&self) -> Motion {
        self.motion
    }

    /// Moves the clock forward and returns the new time.
    pub fn advance(&self, by: Duration) -> SimTime {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let moved = |ms: i64| Some(ms.saturating_add(by));
        let before = self
            .ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
        self.with(before.unwrap_or_else(|ms| ms).saturating_add(by))
    }

    fn with(&self, ms: i64) -> SimTime {
        match self.motion {
            Motion::Frozen => SimTime(ms),
            Motion::Following => SimTime(machine_ms().saturating_add(ms)),
        }
    }
}

/// Real elapsed time, for journal durations. Never compared with [`SimTime`].
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that measures real time"
    )]
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn elapsed_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A pause of real time, for the faults whose whole point is to be slow.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that pauses; everything else waits for a condition"
)]
pub(crate) fn pause(span: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(span)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
fn machine_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = SimClock::frozen(SimTime::SCENARIO_START);
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(90));
        assert_eq!(
            clock.now().since(SimTime::SCENARIO_START),
            Duration::from_secs(90)
        );
        assert_eq!(clock.now().to_rfc3339(), "2026-01-05T09:01:30.000Z");
    }

    #[test]
    fn a_following_clock_keeps_its_offset() {
        let clock = SimClock::following();
        let before = clock.now();
        let after = clock.advance(Duration::from_secs(3600));
        assert!(after.since(before) >= Duration::from_secs(3600));
    }

    #[test]
    fn a_time_reads_back_from_its_text() {
        let at = SimTime(1_767_603_600_123);
        assert_eq!(SimTime::from_rfc3339(&at.to_rfc3339()), Some(at));
        assert_eq!(SimTime::from_rfc3339("yesterday"), None);
    }
}
