//! What this ECM counts, and how a Prometheus server reads it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::link::wire::{Answer, Call};

/// Upper bounds of the duration buckets, in milliseconds.
const BUCKETS_MS: [u64; 9] = [5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000];

/// Counters of one ECM; they only grow.
#[derive(Debug, Default)]
pub struct Metrics {
    connected: AtomicU64,
    connects: AtomicU64,
    connect_failures: AtomicU64,
    refused: AtomicU64,
    duplicate_ids: AtomicU64,
    check_in_failures: AtomicU64,
    check_ins_given_up: AtomicU64,
    calls: [CallMetrics; Call::NAMES.len()],
}

#[derive(Debug, Default)]
struct CallMetrics {
    succeeded: AtomicU64,
    failed: AtomicU64,
    duration_ms: AtomicU64,
    buckets: [AtomicU64; BUCKETS_MS.len()],
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Metrics {
    pub(crate) fn connected(&self) {
        self.connected.store(1, Relaxed);
        count(&self.connects);
    }

    pub(crate) fn disconnected(&self) {
        self.connected.store(0, Relaxed);
    }

    pub(crate) fn connect_failed(&self) {
        count(&self.connect_failures);
    }

    pub(crate) fn refused(&self) {
        count(&self.refused);
    }

    pub(crate) fn duplicate_id(&self) {
        count(&self.duplicate_ids);
    }

    pub(crate) fn check_in_failed(&self) {
        count(&self.check_in_failures);
    }

    pub(crate) fn check_in_given_up(&self) {
        count(&self.check_ins_given_up);
    }

    pub(crate) fn answered(&self, call: &str, answer: &Answer, took: Duration) {
        let Some(at) = Call::NAMES.iter().position(|name| *name == call) else {
            return;
        };
        let metrics = &self.calls[at];
        count(match answer {
            Answer::Error(_) => &metrics.failed,
            _ => &metrics.succeeded,
        });
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        metrics.duration_ms.fetch_add(took_ms, Relaxed);
        if let Some(bucket) = BUCKETS_MS.iter().position(|bound| took_ms <= *bound) {
            count(&metrics.buckets[bucket]);
        }
    }

    /// Whether the link to the appliance is up.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Relaxed) == 1
    }

    /// All counters in the Prometheus text format; `check_ins_owed` comes from the outbox.
    pub fn render(&self, check_ins_owed: usize) -> String {
        let mut out = String::new();
        let gauges = [
            (
                "ecm_link_connected",
                "Whether the link to the appliance is up.",
                self.connected.load(Relaxed),
            ),
            (
                "ecm_check_ins_owed",
                "Check-ins that the vault has not confirmed.",
                check_ins_owed as u64,
            ),
        ];
        for (name, purpose, value) in gauges {
            simple(&mut out, name, "gauge", purpose, value);
        }
        let counters = [
            (
                "ecm_link_connects_total",
                "Connections opened to the appliance.",
                &self.connects,
            ),
            (
                "ecm_link_connect_failures_total",
                "Connections that could not be opened.",
                &self.connect_failures,
            ),
            (
                "ecm_requests_refused_total",
                "Requests refused because of load or shutdown.",
                &self.refused,
            ),
            (
                "ecm_duplicate_request_ids_total",
                "Requests ignored for an id used twice.",
                &self.duplicate_ids,
            ),
            (
                "ecm_check_in_failures_total",
                "Failed attempts to check a credential in.",
                &self.check_in_failures,
            ),
            (
                "ecm_check_ins_given_up_total",
                "Check-ins given up.",
                &self.check_ins_given_up,
            ),
        ];
        for (name, purpose, counter) in counters {
            simple(&mut out, name, "counter", purpose, counter.load(Relaxed));
        }
        self.render_calls(&mut out);
        out
    }

    fn render_calls(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "# HELP ecm_requests_total Requests answered, by type and outcome."
        );
        let _ = writeln!(out, "# TYPE ecm_requests_total counter");
        for (name, call) in Call::NAMES.iter().zip(&self.calls) {
            for (outcome, counter) in [("success", &call.succeeded), ("error", &call.failed)] {
                let value = counter.load(Relaxed);
                let _ = writeln!(
                    out,
                    "ecm_requests_total{{type=\"{name}\",outcome=\"{outcome}\"}} {value}"
                );
            }
        }
        let _ = writeln!(
            out,
            "# HELP ecm_request_seconds Time from a request to its answer."
        );
        let _ = writeln!(out, "# TYPE ecm_request_seconds histogram");
        for (name, call) in Call::NAMES.iter().zip(&self.calls) {
            call.render_histogram(out, name);
        }
    }
}

impl CallMetrics {
    fn render_histogram(&self, out: &mut String, name: &str) {
        let mut below = 0;
        for (bound_ms, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            let bound_s = Duration::from_millis(*bound_ms).as_secs_f64();
            let _ = writeln!(
                out,
                "ecm_request_seconds_bucket{{type=\"{name}\",le=\"{bound_s}\"}} {below}"
            );
        }
        let all = self.succeeded.load(Relaxed) + self.failed.load(Relaxed);
        let sum_s = Duration::from_millis(self.duration_ms.load(Relaxed)).as_secs_f64();
        let _ = writeln!(
            out,
            "ecm_request_seconds_bucket{{type=\"{name}\",le=\"+Inf\"}} {all}"
        );
        let _ = writeln!(out, "ecm_request_seconds_sum{{type=\"{name}\"}} {sum_s}");
        let _ = writeln!(out, "ecm_request_seconds_count{{type=\"{name}\"}} {all}");
    }
}

fn simple(out: &mut String, name: &str, kind: &str, purpose: &str, value: u64) {
    let _ = writeln!(
        out,
        "# HELP {name} {purpose}\n# TYPE {name} {kind}\n{name} {value}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_was_counted() {
        let metrics = Metrics::default();
        metrics.connected();
        metrics.answered("find_credentials", &Answer::Done, Duration::from_millis(7));
        metrics.answered("nonsense", &Answer::Done, Duration::ZERO);
        let text = metrics.render(3);
        for line in [
            "ecm_link_connected 1",
            "ecm_check_ins_owed 3",
            "ecm_requests_total{type=\"find_credentials\",outcome=\"success\"} 1",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"0.005\"} 0",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"0.01\"} 1",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"+Inf\"} 1",
            "ecm_request_seconds_sum{type=\"find_credentials\"} 0.007",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
