//! Log levels: our own names, log4net's, and the classic `<level value="INFO"/>` file.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use tracing::level_filters::LevelFilter;

/// A configuration file of the classic ECM is a few kilobytes.
pub(super) const CLASSIC_FILE_BYTES_MAX: usize = 1024 * 1024;

/// The level of that name; log4net's `ALL`, `FATAL` and `OFF` are understood too.
pub(super) fn from_name(name: &str) -> Option<LevelFilter> {
    match name.trim().to_ascii_uppercase().as_str() {
        "ALL" | "TRACE" => Some(LevelFilter::TRACE),
        "DEBUG" => Some(LevelFilter::DEBUG),
        "INFO" => Some(LevelFilter::INFO),
        "WARN" => Some(LevelFilter::WARN),
        "ERROR" | "FATAL" => Some(LevelFilter::ERROR),
        "OFF" => Some(LevelFilter::OFF),
        _ => None,
    }
}

/// The level of a `BeyondTrust-ECMService.exe.config` (documented ecm:§5.1: edit the line
/// `<level value="…"/>`, save, restart the service): that of `<root>`, which is the one for all
/// that no logger of its own speaks for, or the only one.
///
/// # Errors
/// A fragment that says what is missing; nothing of the file is quoted, as such files may hold
/// accounts.
pub(super) fn from_classic_file(xml: &str) -> Result<LevelFilter, &'static str> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<bool> = Vec::new();
    let mut elsewhere = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|_| "it is not well-formed XML")?;
        let (element, is_open) = match event {
            Event::Start(element) => (element, true),
            Event::Empty(element) => (element, false),
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Eof if !open.is_empty() => return Err("it is not well-formed XML"),
            Event::Eof => break,
            _ => continue,
        };
        if element.local_name().as_ref() == "level" {
            let level = level_of(&element);
            if open.last() == Some(&true) {
                return level;
            }
            elsewhere.push(level);
        }
        if is_open {
            open.push(element.local_name().as_ref() == "root");
        }
    }
    match elsewhere[..] {
        [] => Err("it has no <level value=\"…\"/> element"),
        [only] => only,
        _ => Err("it has several <level> elements and none of them in <root>"),
    }
}

fn level_of(element: &BytesStart<'_>) -> Result<LevelFilter, &'static str> {
    let value = element.try_get_attribute("value").ok().flatten();
    let value = value.ok_or("its <level> element has no attribute `value`")?;
    from_name(&value.value)
        .ok_or("its <level> is none of DEBUG, INFO, WARN, ERROR, FATAL, ALL, OFF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_file_gives_its_level() {
        let file = |level: &str| {
            format!(
                "<?xml version=\"1.0\"?><configuration><log4net><root>\
                 <level value=\"{level}\"/><appender-ref ref=\"File\"/></root></log4net>\
                 </configuration>"
            )
        };
        for (written, expected) in [
            ("INFO", LevelFilter::INFO),
            ("DEBUG", LevelFilter::DEBUG),
            ("fatal", LevelFilter::ERROR),
            ("OFF", LevelFilter::OFF),
        ] {
            assert_eq!(from_classic_file(&file(written)), Ok(expected));
        }
        assert!(from_classic_file(&file("LOUD")).is_err());
    }

    #[test]
    fn the_level_of_root_counts_among_those_of_other_loggers() {
        const NOISY: &str = "<logger name=\"Noisy\"><level value=\"OFF\"/></logger>";
        const ROOT: &str = "<root><appender-ref ref=\"File\"/><level value=\"DEBUG\"/></root>";
        let file =
            |inside: &str| format!("<configuration><log4net>{inside}</log4net></configuration>");
        for order in [[NOISY, ROOT], [ROOT, NOISY]] {
            assert_eq!(
                from_classic_file(&file(&order.concat())),
                Ok(LevelFilter::DEBUG)
            );
        }
        assert_eq!(from_classic_file(&file(NOISY)), Ok(LevelFilter::OFF));
        let two = from_classic_file(&file(&[NOISY, NOISY].concat()));
        assert!(two.is_err_and(|reason| reason.contains("several")));
    }

    #[test]
    fn a_file_without_a_level_says_so() {
        for file in ["", "<a/>", "<level/>", "<a><b></a>", "<level value=\"INFO"] {
            assert!(from_classic_file(file).is_err(), "{file}");
        }
    }
}
