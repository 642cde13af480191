//! A vault's clock beside the ECM's: every answer carries the vault's time, and where the two differ
//! a token or a certificate that is refused has a simpler explanation.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::Symptom;
use crate::clock::Clock;
use crate::error::PluginError;

/// Clocks that differ by less are no reason for anything: what directories tolerate, and a `Date`
/// has no fractions and is as old as its answer.
const TOLERATED_S: i64 = 300;

/// What the last answer said.
#[derive(Debug)]
pub(crate) struct Clocks {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Comparison>>,
}

#[derive(Debug)]
struct Comparison {
    /// `theirs` as it came: answers of one second say the same.
    said: HeaderValue,
    theirs: Timestamp,
    ours: Timestamp,
}

impl Clocks {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: Mutex::default(),
        }
    }

    /// Remembers the vault's time of an answer; one that tells none changes nothing.
    pub(crate) fn compare(&self, headers: &HeaderMap) {
        let Some(said) = headers.get(DATE) else {
            return;
        };
        let ours = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some(last) if last.said == said => last.ours = ours,
            last => {
                let theirs = said
                    .to_str()
                    .ok()
                    .and_then(|date| rfc2822::parse(date).ok());
                // A copy, since a clone keeps all that was read together with it.
                let said = HeaderValue::from_bytes(said.as_bytes());
                if let (Some(theirs), Ok(said)) = (theirs, said) {
                    *last = Some(Comparison {
                        said,
                        theirs: theirs.timestamp(),
                        ours,
                    });
                }
            }
        }
    }

    /// `error`, or what explains it better: clocks that differ. Of a certificate out of its time it
    /// is said whether this machine's clock may be the reason.
    pub(crate) fn explain(&self, mut error: PluginError) -> PluginError {
        let is_certificate = matches!(
            error.symptom,
            Some(Symptom::CertificateExpired | Symptom::CertificateNotYetValid)
        );
        let is_token = matches!(
            error.symptom,
            Some(Symptom::TokenRefusedTwice | Symptom::SessionRefusedTwice)
        );
        if !is_certificate && !is_token {
            return error;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let compared = last.as_ref().map(|last| (last.theirs, last.ours));
        match compared {
            Some((theirs, ours)) if apart_s(theirs, ours) > TOLERATED_S => {
                let detail = format!(
                    "{theirs:.0} at the vault was {ours:.0} here, {} s apart; {}",
                    apart_s(theirs, ours),
                    error.message
                );
                return Symptom::ClockSkew.at(error.hop, &detail);
            }
            Some((_, ours)) if is_certificate => error.message.push_str(&format!(
                "; the vault's clock agreed with this machine's at {ours:.0}, so the certificate is \
                 at fault"
            )),
            None if is_certificate => error.message.push_str(
                "; the vault has not answered before, so either the certificate or this machine's \
                 clock is wrong",
            ),
            _ => {}
        }
        error
    }
}

/// How long an answer asks to wait, as a clause; `None` where it does not say.
pub(crate) fn wait_asked(headers: &HeaderMap) -> Option<Box<str>> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = said.parse::<u32>() {
        return Some(format!("it asks to wait {seconds} s").into());
    }
    let until = rfc2822::parse(said).ok()?.timestamp();
    Some(format!("it asks to wait until {until:.0}").into())
}

fn apart_s(one: Timestamp, other: Timestamp) -> i64 {
    one.as_second().abs_diff(other.as_second()).cast_signed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
            Symptom::SessionRefusedTwice,
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

    #[test]
    fn how_long_to_wait_is_told_where_it_is_said_and_makes_sense() {
        for (said, expected) in [
            ("30", Some("it asks to wait 30 s")),
            (
                "Sat, 31 Jan 2026 10:25:00 GMT",
                Some("it asks to wait until 2026-01-31T10:25:00Z"),
            ),
            ("-1", None),
            ("99999999999", None),
            ("<b>soon</b>", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(said))]);
            assert_eq!(wait_asked(&headers).as_deref(), expected, "{said}");
        }
        assert_eq!(wait_asked(&HeaderMap::new()), None);
    }

    #[test]
    fn of_a_certificate_out_of_its_time_both_causes_are_named_until_one_is_excluded() {
        for symptom in [Symptom::CertificateExpired, Symptom::CertificateNotYetValid] {
            let unknown = Clocks::new(Arc::new(Frozen)).explain(symptom.at(Hop::Tls, ""));
            assert_eq!(unknown.symptom, Some(symptom));
            let words = "either the certificate or this machine's clock is wrong";
            assert!(unknown.message.ends_with(words), "{unknown}");
            assert!(unknown.next_action.contains("clock"), "{unknown:?}");

            let excluded = explained("Sat, 31 Jan 2026 10:15:07 GMT", symptom);
            assert!(
                excluded.message.ends_with("the certificate is at fault"),
                "{excluded}"
            );
            assert!(
                excluded.message.contains("2026-01-31T10:15:00Z"),
                "{excluded}"
            );
        }
        let token =
            Clocks::new(Arc::new(Frozen)).explain(Symptom::TokenRefusedTwice.at(Hop::Tls, ""));
        assert_eq!(token.message, Symptom::TokenRefusedTwice.explanation().says);
    }
}
