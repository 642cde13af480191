//! What this ECM counts, and how a Prometheus server reads it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::link::wire::{Answer, Call};
use crate::plugin::Health;
use crate::token_cache::TokenCache;

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
    plugin_calls: [CallMetrics; Call::NAMES.len()],
    tokens: OnceLock<TokenCache>,
    vault: Mutex<Option<VaultHealth>>,
    plugin: OnceLock<(String, String)>,
}

/// What the last check of the vault found.
#[derive(Clone, Debug)]
pub struct VaultHealth {
    /// What the plugin said.
    pub health: Health,
    /// Since when that is known.
    pub checked: Stopwatch,
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
        let succeeded = !matches!(answer, Answer::Error(_));
        self.calls[at].took(succeeded, took);
    }

    /// A call of the plugin ended; calls that no request asks for are not counted.
    pub(crate) fn plugin_called(&self, call: &str, succeeded: bool, took: Duration) {
        if let Some(at) = Call::NAMES.iter().position(|name| *name == call) {
            self.plugin_calls[at].took(succeeded, took);
        }
    }

    /// Shows the counts of `tokens` from now on.
    pub(crate) fn watch_tokens(&self, tokens: TokenCache) {
        let _ = self.tokens.set(tokens);
    }

    /// Shows which plugin this ECM was started with.
    pub(crate) fn started_with(&self, plugin: &str, version: &str) {
        let _ = self.plugin.set((plugin.to_owned(), version.to_owned()));
    }

    pub(crate) fn vault_checked(&self, health: Health) {
        let checked = Stopwatch::start();
        let mut vault = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        *vault = Some(VaultHealth { health, checked });
    }

    /// What the last check of the vault found, if there was one.
    pub fn vault(&self) -> Option<VaultHealth> {
        let vault = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        vault.clone()
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
        self.render_build(&mut out);
        self.render_vault(&mut out);
        self.render_tokens(&mut out);
        self.render_calls(&mut out);
        out
    }

    fn render_build(&self, out: &mut String) {
        let version = env!("CARGO_PKG_VERSION");
        let (plugin, plugin_version) = match self.plugin.get() {
            Some((plugin, version)) => (plugin.as_str(), version.as_str()),
            None => ("", ""),
        };
        let (plugin, plugin_version) = (label(plugin), label(plugin_version));
        head(
            out,
            "ecm_build_info",
            "gauge",
            "What this ECM is; always 1.",
        );
        let _ = writeln!(
            out,
            "ecm_build_info{{version=\"{version}\",plugin=\"{plugin}\",\
             plugin_version=\"{plugin_version}\"}} 1"
        );
    }

    fn render_vault(&self, out: &mut String) {
        let Some(vault) = self.vault() else { return };
        let healthy = u64::from(vault.health.healthy);
        let purpose = "Whether the vault could be reached and accepted the plugin's account.";
        simple(out, "ecm_vault_healthy", "gauge", purpose, healthy);
    }

    fn render_tokens(&self, out: &mut String) {
        let Some(counts) = self.tokens.get().map(TokenCache::counts) else {
            return;
        };
        let purpose = "Look-ups in the token cache, by outcome.";
        head(out, "ecm_token_cache_total", "counter", purpose);
        for (outcome, value) in [("hit", counts.hits), ("miss", counts.misses)] {
            let _ = writeln!(
                out,
                "ecm_token_cache_total{{outcome=\"{outcome}\"}} {value}"
            );
        }
        let purpose = "Log-ons at the vault, by whose and outcome; withheld ones were not made, \
                       since an earlier one was refused.";
        head(out, "ecm_log_ons_total", "counter", purpose);
        for (whose, outcome, value) in [
            ("api_account", "success", counts.log_ons),
            ("api_account", "error", counts.failed_log_ons),
            ("api_account", "withheld", counts.withheld_log_ons),
            ("vault_user", "success", counts.user_log_ons),
            ("vault_user", "error", counts.failed_user_log_ons),
        ] {
            let _ = writeln!(
                out,
                "ecm_log_ons_total{{whose=\"{whose}\",outcome=\"{outcome}\"}} {value}"
            );
        }
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
        let purpose = "Time from a request to its answer.";
        render_histograms(out, "ecm_request_seconds", purpose, &self.calls);
        let purpose = "Time of a call of the plugin, that is of all its exchanges with the vault.";
        render_histograms(out, "ecm_vault_call_seconds", purpose, &self.plugin_calls);
    }
}

fn render_histograms(out: &mut String, metric: &str, purpose: &str, calls: &[CallMetrics]) {
    head(out, metric, "histogram", purpose);
    for (name, call) in Call::NAMES.iter().zip(calls) {
        call.render_histogram(out, metric, name);
    }
}

impl CallMetrics {
    fn took(&self, succeeded: bool, took: Duration) {
        count(match succeeded {
            true => &self.succeeded,
            false => &self.failed,
        });
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.duration_ms.fetch_add(took_ms, Relaxed);
        if let Some(bucket) = BUCKETS_MS.iter().position(|bound| took_ms <= *bound) {
            count(&self.buckets[bucket]);
        }
    }

    fn render_histogram(&self, out: &mut String, metric: &str, name: &str) {
        let mut below = 0;
        for (bound_ms, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            let bound_s = Duration::from_millis(*bound_ms).as_secs_f64();
            let _ = writeln!(
                out,
                "{metric}_bucket{{type=\"{name}\",le=\"{bound_s}\"}} {below}"
            );
        }
        let all = self.succeeded.load(Relaxed) + self.failed.load(Relaxed);
        let sum_s = Duration::from_millis(self.duration_ms.load(Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{metric}_bucket{{type=\"{name}\",le=\"+Inf\"}} {all}");
        let _ = writeln!(out, "{metric}_sum{{type=\"{name}\"}} {sum_s}");
        let _ = writeln!(out, "{metric}_count{{type=\"{name}\"}} {all}");
    }
}

fn head(out: &mut String, name: &str, kind: &str, purpose: &str) {
    let _ = writeln!(out, "# HELP {name} {purpose}\n# TYPE {name} {kind}");
}

/// A text as the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn simple(out: &mut String, name: &str, kind: &str, purpose: &str, value: u64) {
    head(out, name, kind, purpose);
    let _ = writeln!(out, "{name} {value}");
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
        metrics.plugin_called("release_credential", false, Duration::from_millis(2));
        metrics.started_with("A \"quoted\" name", "1.2");
        metrics.watch_tokens(TokenCache::in_memory());
        let text = metrics.render(3);
        for line in [
            "ecm_link_connected 1",
            "ecm_check_ins_owed 3",
            "ecm_requests_total{type=\"find_credentials\",outcome=\"success\"} 1",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"0.005\"} 0",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"0.01\"} 1",
            "ecm_request_seconds_bucket{type=\"find_credentials\",le=\"+Inf\"} 1",
            "ecm_request_seconds_sum{type=\"find_credentials\"} 0.007",
            "ecm_vault_call_seconds_bucket{type=\"release_credential\",le=\"0.005\"} 1",
            "ecm_token_cache_total{outcome=\"hit\"} 0",
            "ecm_log_ons_total{whose=\"api_account\",outcome=\"withheld\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let build = r#"plugin="A \"quoted\" name",plugin_version="1.2"} 1"#;
        assert!(text.contains(build), "{text}");
        // Nothing is said about a vault that was not asked.
        assert!(!text.contains("ecm_vault_healthy"));
    }
}
