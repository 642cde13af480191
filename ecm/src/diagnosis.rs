//! What can go wrong between the ECM and a vault, as data: every failure that is recognised has a
//! name, a log line, a cause, a cure and somebody who applies it. The table in the documentation is
//! [`table`], so it cannot drift from what the ECM says.

mod appliance;
mod catalogue;
mod clocks;

use crate::error::{ErrorKind, Hop, Owner, PluginError};
use crate::tls::CertificateFault;
use crate::vault_http::TransportError;

pub use self::appliance::{LinkRow, appliance_table, console_table, link_rows};
pub use self::catalogue::Symptom;
pub(crate) use self::clocks::{Clocks, wait_asked};

/// What is known about a symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The type shown in the Test Settings dialog.
    pub kind: ErrorKind,
    /// How the log line and the dialog's message begin.
    pub says: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Who does it.
    pub owner: Owner,
}

impl Symptom {
    /// The symptom as an error of `hop`; `detail` says what is particular to this case.
    #[must_use]
    pub fn at(self, hop: Hop, detail: &str) -> PluginError {
        let Explanation {
            kind,
            says,
            cure,
            owner,
            ..
        } = self.explanation();
        let message = if detail.is_empty() {
            says.to_owned()
        } else {
            format!("{says}: {detail}")
        };
        let mut error = PluginError::new(kind, hop, message, cure, owner);
        error.symptom = Some(self);
        error
    }
}

/// The documentation's table of symptoms, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut out = String::from(
        "| symptom | error type | log line begins | cause | cure | whose |\n|---|---|---|---|---|---|\n",
    );
    for symptom in Symptom::ALL.iter().copied() {
        let Explanation {
            kind,
            says,
            cause,
            cure,
            owner,
        } = symptom.explanation();
        let name = symptom.name();
        out.push_str(&format!(
            "| `{name}` | {kind} | {says} | {cause} | {cure} | {owner} |\n"
        ));
    }
    out
}

/// The administrator's view of a failure: everything that the console user is not shown. The line
/// begins as the documentation's table says, and names the table's entry.
pub fn log_failure(call: &str, error: &PluginError) {
    tracing::warn!(
        symptom = error.symptom.map(Symptom::name),
        call,
        kind = %error.kind,
        hop = %error.hop,
        vault_said = error.vault_said.as_deref(),
        next_action = %error.next_action,
        owner = %error.owner,
        "{error}"
    );
}

/// A failure of the way to the vault, as the plugin reports it. `address` is the vault's scheme,
/// host and port, without path or credentials.
#[must_use]
pub fn transport(error: &TransportError, address: &str) -> PluginError {
    let with_cause = format!("{address}: {error}");
    match error {
        TransportError::NameLookup { .. } => Symptom::NameNotFound.at(Hop::Dns, &error.to_string()),
        TransportError::Refused => Symptom::ConnectionRefused.at(Hop::Connect, address),
        TransportError::Connect(_) => Symptom::ConnectionFailed.at(Hop::Connect, &with_cause),
        TransportError::ConnectTimeout(_) => Symptom::ConnectTimeout.at(Hop::Connect, &with_cause),
        TransportError::AnswerTimeout(_) => Symptom::AnswerTimeout.at(Hop::Http, &with_cause),
        TransportError::NotHttp(_) if address.starts_with("http:") => {
            Symptom::NoPlainHttp.at(Hop::Http, &with_cause)
        }
        TransportError::Broken(_) | TransportError::NotHttp(_) => {
            Symptom::ConnectionBroken.at(Hop::Http, &with_cause)
        }
        TransportError::TooLong(_) => Symptom::AnswerTooLong.at(Hop::Http, &with_cause),
        TransportError::NoRoom(_) => Symptom::TooManyAnswers.at(Hop::Http, &with_cause),
        TransportError::Compressed(_) => Symptom::AnswerCompressed.at(Hop::Http, &with_cause),
        TransportError::Tls(_) => Symptom::TlsFailed.at(Hop::Tls, &with_cause),
        TransportError::Certificate(problem) => {
            let symptom = match problem.fault {
                CertificateFault::UnknownIssuer
                | CertificateFault::AuthorityAsServer
                | CertificateFault::IssuerRenewed => Symptom::CertificateNotTrusted,
                CertificateFault::WrongName => Symptom::CertificateForAnotherHost,
                CertificateFault::Expired => Symptom::CertificateExpired,
                CertificateFault::NotYetValid => Symptom::CertificateNotYetValid,
                CertificateFault::Revoked | CertificateFault::Other => {
                    Symptom::CertificateNotAcceptable
                }
            };
            symptom.at(Hop::Tls, &problem.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symptom_is_told_apart_and_has_a_cure() {
        for (at, symptom) in Symptom::ALL.iter().copied().enumerate() {
            let one = symptom.explanation();
            assert!(!one.cause.is_empty() && !one.cure.is_empty(), "{symptom:?}");
            assert!(!one.cure.ends_with('.'), "{symptom:?}");
            for other in &Symptom::ALL[..at] {
                assert_ne!(one.says, other.explanation().says, "{symptom:?} {other:?}");
                assert_ne!(symptom.name(), other.name());
            }
        }
    }

    #[test]
    fn the_documented_table_is_the_one_in_the_code() {
        let documented = include_str!("../DIAGNOSIS.md");
        assert!(
            documented.contains(&table()),
            "DIAGNOSIS.md must contain:\n{}",
            table()
        );
    }
}
