//! The log: to standard error or to `ECM.log`, in the layout that readers of the classic ECM know.
//!
//! `2025-01-31 10:15:02,123 [main] DEBUG Ecm.Link.Dispatch - message key=value`, which is
//! log4net's usual pattern (assumed ecm:§5.1). Times are UTC, and a file is made with mode 0640. What
//! a vault or an appliance said cannot break out of its line: further lines are indented, other
//! control characters escaped, and a line has a longest length. Secrets stay out by their type, not
//! by anything done here.

mod layout;
mod rolling;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::config::LogConfig;
use layout::{Layout, line};
use rolling::RollingFile;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file cannot be written.
    #[error(
        "failed to open the log file {}: {reason}; make it writable, name another file in \
         log.file, or leave that out to log to standard error",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// Something else in this process logs already.
    #[error("failed to start logging: it was started before")]
    Twice,
}

/// Starts to log, for the whole process, and sends panics to the log by their place only: their
/// text might hold anything.
///
/// # Errors
/// The file cannot be opened, or logging was started before.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = of_this_package(config.level);
    let layer = tracing_subscriber::fmt::layer().event_format(Layout);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match &config.file {
        None => Box::new(
            layer
                .with_writer(io::stderr)
                .with_ansi(false)
                .with_filter(filter),
        ),
        Some(path) => {
            let opened = RollingFile::open(path, config.file_bytes_max, config.rotations);
            let file = opened.map_err(|reason| LogError::File {
                path: path.clone(),
                reason,
            })?;
            Box::new(layer.with_writer(file).with_ansi(false).with_filter(filter))
        }
    };
    begin(layer)
}

/// Libraries log what they send and receive; only this package knows what is secret.
fn of_this_package(level: LevelFilter) -> Targets {
    Targets::new().with_target("ecm", level)
}

fn begin(layer: Box<dyn Layer<Registry> + Send + Sync>) -> Result<(), LogError> {
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(target: "ecm::panic", "a task broke down at {place}");
    }));
    Ok(())
}

/// `Configurator.log`: the outcome of every settings test with all that led to it, in the same
/// layout and with the same bounds as the log (documented ecm:§5.1).
pub struct TestLog {
    path: PathBuf,
    file: Arc<RollingFile>,
}

impl TestLog {
    /// Opens it beside the log file; where there is none, beside the configuration file
    /// `config_file`.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(config: &LogConfig, config_file: &Path) -> Result<Self, LogError> {
        let beside = config.file.as_deref().unwrap_or(config_file);
        let path = beside.with_file_name("Configurator.log");
        match RollingFile::open(&path, config.file_bytes_max, config.rotations) {
            Ok(file) => Ok(Self {
                path,
                file: Arc::new(file),
            }),
            Err(reason) => Err(LogError::File { path, reason }),
        }
    }

    /// Sends to it what this process logs, from DEBUG up whatever the level of the service: who
    /// runs a test wants to know.
    ///
    /// # Errors
    /// Logging was started before.
    pub fn listen(&self) -> Result<(), LogError> {
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Layout)
            .with_writer(SharedFile(Arc::clone(&self.file)))
            .with_ansi(false)
            .with_filter(of_this_package(LevelFilter::DEBUG));
        begin(Box::new(layer))
    }

    /// Writes the outcome of a test.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record(&self, text: &str, succeeded: bool) -> Result<(), LogError> {
        let level = if succeeded { Level::INFO } else { Level::ERROR };
        let line = line(level, "ecm::test_settings", text);
        self.file
            .append(line.as_bytes())
            .map_err(|reason| LogError::File {
                path: self.path.clone(),
                reason,
            })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file of a [`TestLog`] as the destination of log lines.
struct SharedFile(Arc<RollingFile>);

impl<'w> MakeWriter<'w> for SharedFile {
    type Writer = rolling::EventWriter<'w>;

    fn make_writer(&'w self) -> Self::Writer {
        self.0.make_writer()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

    use super::layout::EVENT_CHARS_MAX;
    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn logged(work: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Layout)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_has_the_layout_of_log4net() {
        let line = logged(|| {
            tracing::debug!(target: "ecm::secret_server::client", attempt = 2, "asked for a token");
        });
        let (time, rest) = line.split_at(23);
        let shape = time
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '0' } else { letter });
        assert_eq!(shape.collect::<String>(), "0000-00-00 00:00:00,000");
        let (thread, rest) = rest.split_once(']').unwrap();
        assert!(thread.starts_with(" ["), "{thread}");
        assert_eq!(
            rest,
            " DEBUG Ecm.SecretServer.Client - asked for a token attempt=2\n"
        );
    }

    #[test]
    fn the_line_of_a_failure_begins_as_the_documentation_says() {
        use crate::diagnosis::{Symptom, log_failure};
        use crate::error::Hop;
        for symptom in Symptom::ALL {
            let error = symptom.at(Hop::Ecm, "detail").with_vault_words("no");
            let line = logged(|| log_failure("find_credentials", &error));
            let says = symptom.explanation().says;
            let begins = format!(" WARN Ecm.Diagnosis - {says}: detail symptom=");
            let (_, text) = line.split_once(']').unwrap();
            assert!(text.starts_with(&begins), "{line}");
            assert!(text.contains(symptom.name()), "{line}");
        }
    }

    #[test]
    fn a_settings_test_is_written_beside_the_log_file_or_else_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let config_file = directory.path().join("etc/ecm.toml");
        let mut config = LogConfig::default();
        let log = TestLog::open(&config, &config_file).unwrap();
        assert_eq!(log.path(), directory.path().join("etc/Configurator.log"));
        config.file = Some(directory.path().join("ECM.log"));
        let log = TestLog::open(&config, &config_file).unwrap();
        log.record("Success\n\n  one\n", true).unwrap();
        log.record("Error", false).unwrap();
        let text = std::fs::read_to_string(directory.path().join("Configurator.log")).unwrap();
        let ends: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once("] "))
            .collect();
        assert_eq!(ends[0].1, "INFO Ecm.TestSettings - Success");
        assert_eq!(ends[1].1, "ERROR Ecm.TestSettings - Error");
        assert!(text.contains("\n      one\n"), "{text}");
    }

    #[test]
    fn foreign_words_cannot_forge_a_line_or_clear_a_terminal() {
        let forged = "no\n2025-01-31 10:15:02,123 [main] INFO Ecm - all is well\r\u{1b}[2J";
        let line = logged(|| tracing::warn!(target: "ecm", said = %forged, "refused"));
        assert_eq!(
            line.lines()
                .filter(|line| !line.starts_with("    "))
                .count(),
            1,
            "{line}"
        );
        assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line}");
    }

    #[test]
    fn a_flood_is_cut() {
        for letter in ["x", "ä", "\u{85}"] {
            let line = logged(|| tracing::warn!(target: "ecm", "{}", letter.repeat(1 << 20)));
            assert!(line.chars().count() < 6 * EVENT_CHARS_MAX + 200);
            assert!(line.ends_with(" … (cut)\n"));
        }
        let whole = "ä".repeat(EVENT_CHARS_MAX);
        let line = logged(|| tracing::warn!(target: "ecm", "{whole}"));
        assert!(line.ends_with(&format!(" - {whole}\n")));
    }

    #[test]
    fn letters_of_any_language_stay_and_control_characters_do_not() {
        let line = logged(|| tracing::warn!(target: "ecm", "aé\u{9b}\u{7f}\t\u{1f600}\nb"));
        assert!(
            line.ends_with(" - aé\\u{9b}\\x7f\\t\u{1f600}\n    b\n"),
            "{line}"
        );
    }
}
