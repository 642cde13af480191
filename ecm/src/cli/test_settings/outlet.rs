//! Where a test's outcome goes: the same text to standard output and to `Configurator.log`.

use std::path::Path;

use ecm::config::LogConfig;
use ecm::log::TestLog;
use ecm::test_settings::{TestReport, Tested};

use super::json;
use crate::cli::{Exit, complain, say};

/// Standard output, in the form that was asked for, and the log.
pub(super) struct Outlet {
    log: Option<TestLog>,
    json: bool,
    explain: bool,
    /// What the outcome is about, as far as it is known.
    pub(super) tested: Tested,
}

impl Outlet {
    /// Opens the log and sends to it what the test does. A log that cannot be written is complained
    /// about and does not stop the test.
    pub(super) fn open(config_file: &Path, json: bool, explain: bool) -> Self {
        let config = LogConfig::glimpse(config_file);
        let beside = config_file.parent().unwrap_or(Path::new(""));
        // No directory is made for a configuration file that is not there.
        let has_place = config.file.is_some() || beside.as_os_str().is_empty() || beside.is_dir();
        let opened = has_place.then(|| TestLog::open(&config, config_file));
        let log = opened.and_then(|opened| opened.map_err(complain).ok());
        if let Some(Err(error)) = log.as_ref().map(TestLog::listen) {
            complain(error);
        }
        Self {
            log,
            json,
            explain,
            tested: Tested::default(),
        }
    }

    /// Shows and records the outcome; whether it could be shown.
    pub(super) fn tell(&self, report: &TestReport) -> Exit {
        let shown = match self.json {
            true => say(json::render(report, &self.tested, self.explain)),
            false => say(report.to_text_about(&self.tested, self.explain).trim_end()),
        };
        // The log has all that is known about a failure, asked for or not.
        let text = report.to_text_about(&self.tested, self.explain || !report.succeeded());
        self.record(&text, report.succeeded());
        shown
    }

    /// Says and records that somebody has to act although there is no outcome.
    pub(super) fn alarm(&self, text: &str) {
        complain(anyhow::anyhow!(text.to_owned()));
        self.record(&format!("{text}\n\n{}", self.tested.to_text()), false);
    }

    fn record(&self, text: &str, succeeded: bool) {
        let recorded = self.log.as_ref().map(|log| log.record(text, succeeded));
        if let Some(Err(error)) = recorded {
            complain(error);
        }
    }
}
