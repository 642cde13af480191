//! The line that says a server is ready: `READY {json}` on standard output, once.

use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the ready line tells a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Name of the server, its command's name.
    pub name: String,
    /// Base URL of the vendor port.
    pub url: String,
    /// Base URL of the control plane, `…/_sim/v1`.
    pub control_url: String,
    /// Certificate authority to trust, when the server made its own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// File, mode 0600, with the secrets that the lab planted. Removed when the server stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets_file: Option<PathBuf>,
    /// Seed of everything random in this run.
    pub seed: u64,
}

impl Ready {
    /// The line without its end.
    #[must_use]
    pub fn line(&self) -> String {
        format!("READY {}", serde_json::json!(self))
    }

    /// Prints the line and flushes. A closed standard output is not an error: whoever started the
    /// server may not want the line.
    pub fn print(&self) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", self.line());
        let _ = out.flush();
    }

    /// Reads a line that [`Ready::line`] wrote.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim_end().strip_prefix("READY ")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_reads_back() {
        let ready = Ready {
            name: "mock-secret-server".into(),
            url: "https://127.0.0.1:4443".into(),
            control_url: "http://127.0.0.1:4444/_sim/v1".into(),
            ca_file: Some("ca.pem".into()),
            secrets_file: None,
            seed: 7,
        };
        assert_eq!(Ready::parse(&ready.line()), Some(ready.clone()));
        assert!(!ready.line().contains("secrets_file"));
        assert_eq!(Ready::parse("listening"), None);
    }
}
