//! The run and the journey for a person at a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::outcome::{Hop, Outcome, RunResult, exit};

/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;
/// Columns of a line beside its party, label and bar: indent, gaps and time.
const BESIDE: usize = 17;

/// Hops over time, one line each:
///
/// ```text
/// vault    Authenticate           ···████··········     1.2 ms
/// ```
///
/// Bars share one scale, so that what runs side by side stands side by side.
#[must_use]
pub fn waterfall(hops: &[Hop]) -> String {
    let end_us = hops
        .iter()
        .map(|hop| hop.start_us + hop.elapsed_us)
        .max()
        .unwrap_or(0)
        .max(1);
    let party = hops
        .iter()
        .map(|hop| hop.party.chars().count())
        .max()
        .unwrap_or(0);
    let label = hops
        .iter()
        .map(|hop| hop.label.chars().count())
        .max()
        .unwrap_or(0);
    let bar_width = WIDTH.saturating_sub(BESIDE + party + label).clamp(10, 40);
    let column = |us: u64| {
        let column = u128::from(us) * bar_width as u128 / u128::from(end_us);
        usize::try_from(column).unwrap_or(bar_width)
    };
    let mut out = String::new();
    for hop in hops {
        let start = column(hop.start_us);
        let stop = column(hop.start_us + hop.elapsed_us)
            .max(start + 1)
            .min(bar_width);
        let start = start.min(stop - 1);
        let bar: String = (0..bar_width)
            .map(|at| {
                if (start..stop).contains(&at) {
                    '█'
                } else {
                    '·'
                }
            })
            .collect();
        let _ = writeln!(
            out,
            "  {:party$}  {:label$}  {bar} {:>10}",
            hop.party,
            hop.label,
            milliseconds(hop.elapsed_us)
        );
    }
    out
}

/// The verdicts, the reasons, and one closing line `N passed, N failed`.
#[must_use]
pub fn summary(run: &RunResult) -> String {
    let mut out = String::new();
    for case in run
        .cases
        .iter()
        .filter(|case| case.outcome != Outcome::Pass)
    {
        let style = style(case.outcome);
        let word = case.outcome.word();
        let _ = writeln!(
            out,
            "{style}{word}{style:#}  {}: {}",
            case.feature, case.name
        );
        for finding in &case.findings {
            let _ = writeln!(out, "    {}", finding.plain);
            let _ = writeln!(out, "    {}", finding.detail);
            let _ = writeln!(out, "    {}", finding.next);
        }
    }
    let others = run.cases.len() - run.passed() - run.failed();
    let _ = write!(out, "{} passed, {} failed", run.passed(), run.failed());
    if others > 0 {
        let _ = write!(out, ", {others} not judged");
    }
    let _ = writeln!(out, " (seed {})", run.seed);
    out
}

/// Microseconds as milliseconds with one decimal.
#[must_use]
pub fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn style(outcome: Outcome) -> Style {
    let colour = match outcome.exit_code() {
        exit::PASS if outcome == Outcome::Pass => AnsiColor::Green,
        exit::PASS | exit::UNDECIDED => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    Style::new().fg_color(Some(colour.into())).bold()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::{Case, Finding};

    pub(crate) fn sample() -> RunResult {
        let case = |feature: &str, name: &str, outcome, findings| Case {
            feature: feature.into(),
            name: name.into(),
            requirements: vec!["REQ-1".into()],
            outcome,
            elapsed: Duration::from_millis(120),
            findings,
        };
        let finding = Finding {
            plain: "Nobody approved the request in time.".into(),
            detail: "expected a list, the vault said <pending approval>".into(),
            next: "Approve it (the vault's user).".into(),
        };
        RunResult {
            title: "features".into(),
            seed: 7,
            cases: vec![
                case("Delegated trust", "Approved once", Outcome::Pass, vec![]),
                case(
                    "Delegated trust",
                    "Never approved",
                    Outcome::Fail,
                    vec![finding],
                ),
                case("Cloud URL", "Not on this target", Outcome::Skip, vec![]),
            ],
            stop: None,
        }
    }

    #[test]
    fn the_summary_ends_with_the_two_numbers() {
        let plain = anstream::adapter::strip_str(&summary(&sample())).to_string();
        insta::assert_snapshot!(plain, @r#"
        FAIL  Delegated trust: Never approved
            Nobody approved the request in time.
            expected a list, the vault said <pending approval>
            Approve it (the vault's user).
        SKIP  Cloud URL: Not on this target
        1 passed, 1 failed, 1 not judged (seed 7)
        "#);
    }

    #[test]
    fn hops_that_overlap_stand_side_by_side() {
        let hop = |party: &str, label: &str, start_us, elapsed_us| Hop {
            party: party.into(),
            label: label.into(),
            start_us,
            elapsed_us,
        };
        let text = waterfall(&[
            hop("link", "find_credentials", 0, 8_000),
            hop("vault", "Authenticate", 0, 2_000),
            hop("vault", "Search Machine", 4_000, 3_900),
            hop("vault", "Search Domain", 4_050, 4_000),
            hop("vault", "CheckIn", 8_050, 0),
        ]);
        insta::assert_snapshot!(text, @r#"
        link   find_credentials  ███████████████████████████████████████·     8.0 ms
        vault  Authenticate      █████████·······························     2.0 ms
        vault  Search Machine    ···················████████████████████·     3.9 ms
        vault  Search Domain     ····················████████████████████     4.0 ms
        vault  CheckIn           ·······································█     0.0 ms
        "#);
    }

    #[test]
    fn no_hops_are_no_lines() {
        assert_eq!(waterfall(&[]), "");
    }
}
