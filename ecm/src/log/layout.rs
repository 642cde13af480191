//! The layout of one event. An ECM writes a line for each request, so nothing is allocated for one
//! that is not still there from the last.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{self, Debug, Write};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::VisitOutput;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::{Clock, SystemClock};

/// Longest text of one event.
pub(super) const EVENT_CHARS_MAX: usize = 16 * 1024;

/// Writes events as readers of the classic ECM know them.
pub(super) struct Layout;

impl<S, N> FormatEvent<S, N> for Layout
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        thread_local!(static TEXT: Cell<String> = const { Cell::new(String::new()) });
        // Taken, since what is shown might log something itself.
        let mut text = TEXT.take();
        text.clear();
        let mut fields = Fields {
            text: &mut text,
            first: true,
            written: Ok(()),
        };
        event.record(&mut fields);
        let metadata = event.metadata();
        let written = fields
            .written
            .and_then(|()| write_line(&mut out, *metadata.level(), metadata.target(), &text));
        if text.capacity() <= EVENT_CHARS_MAX {
            TEXT.set(text);
        }
        written
    }
}

/// One event with its final line break.
pub(super) fn line(level: Level, target: &str, text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 100);
    // A string takes whatever is written to it.
    let _ = write_line(&mut line, level, target, text);
    line
}

fn write_line(out: &mut impl Write, level: Level, target: &str, text: &str) -> fmt::Result {
    write_time(out, SystemClock.now())?;
    let thread = std::thread::current();
    out.write_str(" [")?;
    out.write_str(thread.name().unwrap_or("unnamed"))?;
    out.write_str("] ")?;
    out.write_str(level.as_str())?;
    out.write_char(' ')?;
    write_logger(out, target)?;
    out.write_str(" - ")?;
    write_contained(out, text.trim_end())?;
    out.write_char('\n')
}

/// `2025-01-31 10:15:02,123`. Up to the second it is mostly that of the line before.
fn write_time(out: &mut impl Write, now: Timestamp) -> fmt::Result {
    thread_local!(static LAST: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) });
    LAST.with_borrow_mut(|(second, text)| {
        // Before 1970 the parts of a second count backwards.
        if *second != now.as_second() || *second <= 0 {
            *second = now.as_second();
            text.clear();
            write!(text, "{}", now.strftime("%Y-%m-%d %H:%M:%S"))?;
        }
        out.write_str(text)
    })?;
    write!(out, ",{:03}", now.subsec_millisecond())
}

/// `ecm::secret_server::client` as log4net would name it: `Ecm.SecretServer.Client`. Mostly that of
/// the line before too.
fn write_logger(out: &mut impl Write, target: &str) -> fmt::Result {
    thread_local!(static LAST: RefCell<(String, String)> =
        const { RefCell::new((String::new(), String::new())) });
    LAST.with_borrow_mut(|(last, logger)| {
        if last != target {
            target.clone_into(last);
            logger.clear();
            push_logger(logger, target);
        }
        out.write_str(logger)
    })
}

fn push_logger(logger: &mut String, target: &str) {
    for (number, module) in target.split("::").enumerate() {
        if number > 0 {
            logger.push('.');
        }
        for word in module.split('_') {
            let mut letters = word.chars();
            logger.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            logger.push_str(letters.as_str());
        }
    }
}

/// `text` in a form that cannot be taken for another event.
fn write_contained(out: &mut impl Write, text: &str) -> fmt::Result {
    if text.len() <= EVENT_CHARS_MAX && is_plain(text) {
        // Nearly every text.
        return out.write_str(text);
    }
    let end = text.char_indices().nth(EVENT_CHARS_MAX);
    let mut rest = &text[..end.map_or(text.len(), |(end, _)| end)];
    while let Some(at) = rest.find(char::is_control) {
        out.write_str(&rest[..at])?;
        let mut letters = rest[at..].chars();
        match letters.next() {
            Some('\n') => out.write_str("\n    ")?,
            letter => {
                for escaped in letter.into_iter().flat_map(char::escape_default) {
                    out.write_char(escaped)?;
                }
            }
        }
        rest = letters.as_str();
    }
    out.write_str(rest)?;
    if end.is_some() {
        out.write_str(" … (cut)")?;
    }
    Ok(())
}

/// Whether nothing in `text` has to be escaped or hidden on a terminal.
fn is_plain(text: &str) -> bool {
    // Without a way out in between, so that many bytes are looked at together.
    text.bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Writes fields as [`DefaultVisitor`] does, the plain ones by a shorter way.
struct Fields<'a> {
    text: &'a mut String,
    /// Whether no field is written yet.
    first: bool,
    /// How it went so far.
    written: fmt::Result,
}

impl Fields<'_> {
    /// Has the library write the next field.
    fn other(&mut self, write: impl FnOnce(&mut DefaultVisitor<'_>)) {
        let first = std::mem::take(&mut self.first);
        let mut visitor = DefaultVisitor::new(Writer::new(self.text), first);
        write(&mut visitor);
        self.written = visitor.finish();
    }

    /// Begins a field that is not the message.
    fn begin(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.text.push(' ');
        }
        self.text.push_str(name.strip_prefix("r#").unwrap_or(name));
        self.text.push('=');
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.written.is_err() {
            return;
        }
        if field.name() == MESSAGE || !is_plain(value) {
            return self.other(|visitor| visitor.record_str(field, value));
        }
        self.begin(field.name());
        self.text.push('"');
        let mut rest = value;
        while let Some(at) = rest.find(['"', '\\']) {
            self.text.push_str(&rest[..at]);
            self.text.push('\\');
            self.text.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.written.is_ok() {
            self.other(|visitor| visitor.record_error(field, value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.written.is_err() {
            return;
        }
        if field.name() != MESSAGE {
            self.begin(field.name());
            self.written = write!(self.text, "{value:?}");
            return;
        }
        let before = self.text.len();
        if !self.first {
            self.text.push(' ');
        }
        let written = write!(self.text, "{value:?}");
        if written.is_ok() && is_plain(&self.text[before..]) {
            self.first = false;
        } else {
            // The library escapes what a terminal would obey.
            self.text.truncate(before);
            self.other(|visitor| visitor.record_debug(field, value));
        }
    }
}

const MESSAGE: &str = "message";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::DefaultFields;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    /// Keeps what both ways make of each event's fields.
    #[derive(Clone, Default)]
    struct Both(Arc<Mutex<Vec<[String; 2]>>>);

    impl<S: Subscriber> Layer<S> for Both {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let (mut ours, mut theirs) = (String::new(), String::new());
            let mut fields = Fields {
                text: &mut ours,
                first: true,
                written: Ok(()),
            };
            event.record(&mut fields);
            assert_eq!(fields.written, Ok(()));
            DefaultFields::new()
                .format_fields(Writer::new(&mut theirs), event)
                .unwrap_or_else(|_| theirs.push_str(" (refused)"));
            if let Ok(mut kept) = self.0.lock() {
                kept.push([ours, theirs]);
            }
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer\u{1b}[2J")]
    struct Outer(#[source] io::Error);

    #[test]
    fn fields_are_written_as_the_library_writes_them() {
        let both = Both::default();
        let subscriber = tracing_subscriber::registry().with(both.clone());
        tracing::subscriber::with_default(subscriber, || {
            let error = Outer(io::Error::other("in\u{1b}ner"));
            let error: &(dyn Error + 'static) = &error;
            for text in [
                "",
                "plain",
                r"ACME\joe",
                "a \"quoted\" it's",
                "tab\tline\nesc\u{1b}[0m del\u{7f} c1\u{9b}",
                "größer \u{301}\u{1f600}\u{200b}",
            ] {
                tracing::info!(text, r#type = text, shown = %text, debug = ?text, "said {text}");
                tracing::info!("{text}");
                tracing::info!(message = text, some = Some(text), none = None::<&str>);
                tracing::info!(number = 7_usize, below = -7, half = 0.5, yes = true, text);
                tracing::info!(error, took = ?std::time::Duration::from_micros(1_234), "{text}");
            }
        });
        let kept = both.0.lock().map(|kept| kept.clone()).unwrap_or_default();
        assert_eq!(kept.len(), 30);
        for [ours, theirs] in kept {
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_logger_is_that_of_the_event_whatever_was_written_before() {
        for (target, shown) in [
            ("ecm::broker::ask", "Ecm.Broker.Ask"),
            ("ecm::broker::ask", "Ecm.Broker.Ask"),
            ("ecm", "Ecm"),
            ("ecm::secret_server::client", "Ecm.SecretServer.Client"),
            ("", ""),
        ] {
            let mut text = String::new();
            assert_eq!(write_logger(&mut text, target), Ok(()));
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn a_time_is_that_of_the_moment_whatever_was_written_before() {
        for (ms, shown) in [
            (1_738_318_502_123, "2025-01-31 10:15:02,123"),
            (1_738_318_502_007, "2025-01-31 10:15:02,007"),
            (1_738_318_503_000, "2025-01-31 10:15:03,000"),
            (1_738_318_502_999, "2025-01-31 10:15:02,999"),
            (0, "1970-01-01 00:00:00,000"),
            (-500, "1969-12-31 23:59:59,-500"),
            (500, "1970-01-01 00:00:00,500"),
        ] {
            let mut text = String::new();
            let now = Timestamp::from_millisecond(ms).unwrap_or_default();
            assert_eq!(write_time(&mut text, now), Ok(()));
            assert_eq!(text, shown);
        }
    }
}
