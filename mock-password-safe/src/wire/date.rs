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

#[cfg(test)]
mod tests {
    use super::*;

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
