//! Log levels: our own names, log4net's, and the classic `<level value="INFO"/>` file.

use quick_xml::Reader;
use quick_xml::events::Event;
use tracing::level_filters::LevelFilter;

/// A configuration file of the classic ECM is a few kilobytes.
pub(super) const CLASSIC_FILE_BYTES_MAX: u64 = 1024 * 1024;

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

/// The level of the first `<level value="…"/>` of a `BeyondTrust-ECMService.exe.config`
/// (documented ecm:§5.1: edit that line, save, restart the service).
///
/// # Errors
/// A fragment that says what is missing; nothing of the file is quoted, as such files may hold
/// accounts.
pub(super) fn from_classic_file(xml: &str) -> Result<LevelFilter, &'static str> {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element))
                if element.local_name().as_ref() == "level" =>
            {
                let value = element.try_get_attribute("value").ok().flatten();
                let value = value.ok_or("its <level> element has no attribute `value`")?;
                return from_name(&value.value)
                    .ok_or("its <level> is none of DEBUG, INFO, WARN, ERROR, FATAL, ALL, OFF");
            }
            Ok(Event::Eof) => return Err("it has no <level value=\"…\"/> element"),
            Ok(_) => {}
            Err(_) => return Err("it is not well-formed XML"),
        }
    }
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
    fn a_file_without_a_level_says_so() {
        for file in ["", "<a/>", "<level/>", "<a><b></a>", "<level value=\"INFO"] {
            assert!(from_classic_file(file).is_err(), "{file}");
        }
    }
}
