//! Growing pauses between attempts.

use std::time::Duration;

/// Every pause is drawn from this far below its nominal length to this far above.
const JITTER: f64 = 0.2;

/// Pauses that double from a first length to a longest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses of `first`, twice `first`, and so on up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause; `fraction` is a random number from 0 to 1, which becomes the jitter.
    pub fn pause(&mut self, fraction: f64) -> Duration {
        let nominal = self.next;
        self.next = self.next.saturating_mul(2).min(self.longest);
        nominal.mul_f64(1.0 - JITTER + 2.0 * JITTER * fraction.clamp(0.0, 1.0))
    }

    /// Starts anew at the first length.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_longest_and_start_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let seconds: Vec<_> = (0..8).map(|_| backoff.pause(0.5).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.pause(0.5), Duration::from_secs(1));
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        let pause = |fraction| {
            Backoff::new(Duration::from_secs(10), Duration::from_secs(60)).pause(fraction)
        };
        assert_eq!(pause(0.0), Duration::from_secs(8));
        assert_eq!(pause(1.0), Duration::from_secs(12));
    }
}
