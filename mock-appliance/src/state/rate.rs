//! Request counting for each API account.

use sim_kit::clock::SimTime;

/// The limits: 20 requests a second and 15 000 an hour for each API account, across all endpoints
/// (documented sra:§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateRules {
    /// Requests in one second.
    pub per_second_max: u32,
    /// Requests in one hour.
    pub per_hour_max: u32,
    /// Whether the next request is refused. Off by default: on a clock that stands still a second
    /// never ends.
    pub enforced: bool,
}

impl Default for RateRules {
    fn default() -> Self {
        Self {
            per_second_max: 20,
            per_hour_max: 15_000,
            enforced: false,
        }
    }
}

/// What the answer's `X-RateLimit-…` headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStatus {
    /// Requests in one second (which of the two limits the header names: assumed sra:§2.2).
    pub limit: u32,
    /// Requests left in this second.
    pub remaining: u32,
    /// Whether this request went beyond a limit that is enforced.
    pub exceeded: bool,
}

/// The requests of one account in the current second and the current hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateWindow {
    second: i64,
    in_second: u32,
    hour: i64,
    in_hour: u32,
}

impl RateWindow {
    /// Counts one request.
    pub fn take(&mut self, rules: RateRules, now: SimTime) -> RateStatus {
        let (second, hour) = (now.unix_s(), now.unix_s().div_euclid(3600));
        if self.second != second {
            (self.second, self.in_second) = (second, 0);
        }
        if self.hour != hour {
            (self.hour, self.in_hour) = (hour, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        self.in_hour = self.in_hour.saturating_add(1);
        let over = self.in_second > rules.per_second_max || self.in_hour > rules.per_hour_max;
        RateStatus {
            limit: rules.per_second_max,
            remaining: rules.per_second_max.saturating_sub(self.in_second),
            exceeded: rules.enforced && over,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: SimTime = SimTime::SCENARIO_START;

    #[test]
    fn the_request_after_the_twentieth_in_a_second_is_beyond_the_limit() {
        let rules = RateRules {
            enforced: true,
            ..RateRules::default()
        };
        let mut window = RateWindow::default();
        for left in (0..20).rev() {
            let status = window.take(rules, NOW);
            assert_eq!((status.remaining, status.exceeded), (left, false));
        }
        assert!(window.take(rules, NOW).exceeded);
        assert!(
            !window
                .take(rules, NOW.plus(Duration::from_secs(1)))
                .exceeded
        );
    }

    #[test]
    fn an_hour_has_its_own_limit() {
        let rules = RateRules {
            per_hour_max: 2,
            enforced: true,
            ..RateRules::default()
        };
        let mut window = RateWindow::default();
        let later = |s| NOW.plus(Duration::from_secs(s));
        assert!(!window.take(rules, later(0)).exceeded);
        assert!(!window.take(rules, later(1)).exceeded);
        assert!(window.take(rules, later(2)).exceeded);
        assert!(!window.take(rules, later(3600)).exceeded);
    }

    #[test]
    fn limits_that_are_not_enforced_are_still_reported() {
        let rules = RateRules {
            per_second_max: 1,
            ..RateRules::default()
        };
        let mut window = RateWindow::default();
        window.take(rules, NOW);
        let status = window.take(rules, NOW);
        assert_eq!(
            status,
            RateStatus {
                limit: 1,
                remaining: 0,
                exceeded: false
            }
        );
    }
}
