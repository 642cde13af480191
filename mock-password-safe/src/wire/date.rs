//! Dates as the API prints them: no zone, no trailing zeros. `recorded psafe:ELASTIC`.

use sim_kit::clock::SimTime;

/// `2024-12-10T08:57:45.9`: UTC (`assumed psafe:§1.1`), the fraction without trailing zeros.
pub(crate) fn print(at: SimTime) -> String {
    let text = at.to_rfc3339();
    let text = text.strip_suffix('Z').unwrap_or(&text);
    match text.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            rest => format!("{whole}.{rest}"),
        },
        None => text.to_owned(),
    }
}

/// Reads a day, or a day and a time with or without seconds and zone. Without a zone it is UTC
/// (`assumed psafe:§1.1`).
pub(crate) fn read(text: &str) -> Option<SimTime> {
    let text = text.trim();
    let midnight = || SimTime::from_rfc3339(&format!("{text}T00:00:00Z"));
    let in_utc = || SimTime::from_rfc3339(&format!("{text}Z"));
    SimTime::from_rfc3339(text)
        .or_else(in_utc)
        .or_else(midnight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_time_and_zone() {
        let noon = Some(SimTime(1_767_614_400_000));
        for (text, expected) in [
            ("2026-01-05T12:00:00", noon),
            (" 2026-01-05 12:00 ", noon),
            ("2026-01-05T12:00:00.000Z", noon),
            ("2026-01-05T13:00:00+01:00", noon),
            ("2026-01-05", Some(SimTime(1_767_571_200_000))),
            ("2026-13-05", None),
            ("5 January", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn trailing_zeros_and_the_zone_are_dropped() {
        for (ms, expected) in [
            (1_733_821_065_900, "2024-12-10T08:57:45.9"),
            (1_733_821_065_000, "2024-12-10T08:57:45"),
            (1_733_821_065_123, "2024-12-10T08:57:45.123"),
        ] {
            assert_eq!(print(SimTime(ms)), expected);
        }
    }
}
