//! The vault's clock beside the ECM's: every answer carries the vault's time, and where the two
//! differ a token or a certificate that is refused has a simpler explanation.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::clock::Clock;
use crate::diagnosis::Symptom;
use crate::error::PluginError;

/// Clocks that differ by less are no reason for anything: what directories tolerate, and a `Date`
/// has no fractions and is as old as its answer.
const TOLERATED_S: i64 = 300;

/// What the last answer said.
#[derive(Debug)]
pub(super) struct Clocks {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Comparison>>,
}

#[derive(Debug, Clone, Copy)]
struct Comparison {
    theirs: Timestamp,
    ours: Timestamp,
}

impl Clocks {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: Mutex::default(),
        }
    }

    /// Remembers the vault's time of an answer; one that tells none changes nothing.
    pub(super) fn compare(&self, headers: &HeaderMap) {
        let theirs = headers
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(|date| rfc2822::parse(date).ok());
        if let Some(theirs) = theirs {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Comparison {
                theirs: theirs.timestamp(),
                ours: self.clock.now(),
            });
        }
    }

    /// `error`, or what explains it better: a token or certificate out of its time, and clocks that
    /// differ.
    pub(super) fn explain(&self, error: PluginError) -> PluginError {
        let about_time = matches!(
            error.symptom,
            Some(
                Symptom::TokenRefusedTwice
                    | Symptom::CertificateExpired
                    | Symptom::CertificateNotYetValid
            )
        );
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(Comparison { theirs, ours })
                if about_time && apart_s(theirs, ours) > TOLERATED_S =>
            {
                let detail = format!(
                    "{theirs:.0} at the vault was {ours:.0} here, {} s apart; {}",
                    apart_s(theirs, ours),
                    error.message
                );
                Symptom::ClockSkew.at(error.hop, &detail)
            }
            _ => error,
        }
    }
}

fn apart_s(one: Timestamp, other: Timestamp) -> i64 {
    one.as_second().abs_diff(other.as_second()).cast_signed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;
    use crate::error::Hop;

    #[derive(Debug)]
    struct Frozen;

    impl Clock for Frozen {
        fn now(&self) -> Timestamp {
            "2026-01-31T10:15:00Z".parse().unwrap()
        }
    }

    fn explained(date: &'static str, symptom: Symptom) -> PluginError {
        let clocks = Clocks::new(Arc::new(Frozen));
        clocks.compare(&HeaderMap::from_iter([(
            DATE,
            HeaderValue::from_static(date),
        )]));
        clocks.explain(symptom.at(Hop::Tls, ""))
    }

    #[test]
    fn only_a_failure_about_time_is_explained_by_clocks_and_only_if_they_differ() {
        const LATER: &str = "Sat, 31 Jan 2026 10:25:00 GMT";
        const ABOUT_NOW: &str = "Sat, 31 Jan 2026 10:17:00 GMT";
        for symptom in [
            Symptom::CertificateExpired,
            Symptom::CertificateNotYetValid,
            Symptom::TokenRefusedTwice,
        ] {
            let error = explained(LATER, symptom);
            assert_eq!(error.symptom, Some(Symptom::ClockSkew), "{error:?}");
            assert!(error.message.contains("600 s apart"), "{error}");
            assert_eq!(explained(ABOUT_NOW, symptom).symptom, Some(symptom));
            assert_eq!(explained("yesterday", symptom).symptom, Some(symptom));
        }
        let other = explained(LATER, Symptom::CertificateNotTrusted);
        assert_eq!(other.symptom, Some(Symptom::CertificateNotTrusted));
    }
}
