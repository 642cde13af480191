//! The run as JUnit XML, for build servers. One test suite for each feature.

use std::fmt::Write as _;

use crate::outcome::{Case, Outcome, RunResult};

/// The whole run. Verdicts that JUnit has no word for become failures (a person must look) or
/// skips (nothing to look at), with the lab's own word in `type` or `message`.
#[must_use]
pub fn render(run: &RunResult) -> String {
    let mut suites: Vec<(&str, Vec<&Case>)> = Vec::new();
    for case in &run.cases {
        match suites
            .iter_mut()
            .find(|(feature, _)| *feature == case.feature)
        {
            Some((_, cases)) => cases.push(case),
            None => suites.push((&case.feature, vec![case])),
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total = Counts::of(&run.cases.iter().collect::<Vec<_>>());
    let _ = writeln!(out, "<testsuites name=\"{}\" {total}>", text(&run.title));
    for (feature, cases) in &suites {
        let counts = Counts::of(cases);
        let _ = writeln!(out, "  <testsuite name=\"{}\" {counts}>", text(feature));
        for case in cases {
            write_case(&mut out, case);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_case(out: &mut String, case: &Case) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        text(&case.feature),
        text(&case.name),
        case.elapsed.as_secs_f64()
    );
    let word = case.outcome.word();
    let Some(tag) = tag(case.outcome) else {
        out.push_str("/>\n");
        return;
    };
    let plain = case.findings.first().map_or("", |finding| &finding.plain);
    if tag == "skipped" {
        let message = if plain.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {plain}")
        };
        let _ = writeln!(out, ">\n      <skipped message=\"{}\"/>", text(&message));
    } else {
        let _ = write!(
            out,
            ">\n      <{tag} type=\"{word}\" message=\"{}\">",
            text(plain)
        );
        for finding in &case.findings {
            let _ = write!(out, "{}\n{}\n", text(&finding.detail), text(&finding.next));
        }
        let _ = writeln!(out, "</{tag}>");
    }
    out.push_str("    </testcase>\n");
}

fn tag(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Pass | Outcome::PassWithWarning => None,
        Outcome::Fail | Outcome::Review | Outcome::Inconclusive => Some("failure"),
        Outcome::Config | Outcome::Engine => Some("error"),
        Outcome::Skip | Outcome::Disabled | Outcome::Waived => Some("skipped"),
    }
}

struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

impl Counts {
    fn of(cases: &[&Case]) -> Self {
        let count = |name| {
            cases
                .iter()
                .filter(|case| tag(case.outcome) == Some(name))
                .count()
        };
        Self {
            tests: cases.len(),
            failures: count("failure"),
            errors: count("error"),
            skipped: count("skipped"),
            seconds: cases.iter().map(|case| case.elapsed.as_secs_f64()).sum(),
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tests,
            failures,
            errors,
            skipped,
            seconds,
        } = self;
        write!(
            f,
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
             time=\"{seconds:.3}\""
        )
    }
}

/// Text for an attribute or an element; characters that XML 1.0 does not allow become `?`.
fn text(raw: &str) -> String {
    raw.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terminal::tests::sample;

    #[test]
    fn a_build_server_reads_verdicts_counts_and_reasons() {
        insta::assert_snapshot!(render(&sample()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="features" tests="3" failures="1" errors="0" skipped="1" time="0.360">
          <testsuite name="Delegated trust" tests="2" failures="1" errors="0" skipped="0" time="0.240">
            <testcase classname="Delegated trust" name="Approved once" time="0.120"/>
            <testcase classname="Delegated trust" name="Never approved" time="0.120">
              <failure type="FAIL" message="Nobody approved the request in time.">expected a list, the vault said &lt;pending approval&gt;
        Approve it (the vault's user).
        </failure>
            </testcase>
          </testsuite>
          <testsuite name="Cloud URL" tests="1" failures="0" errors="0" skipped="1" time="0.120">
            <testcase classname="Cloud URL" name="Not on this target" time="0.120">
              <skipped message="SKIP"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn text_that_xml_cannot_hold_is_replaced() {
        assert_eq!(
            text("a\u{1b}[31m<b> & \"c\"\n"),
            "a?[31m&lt;b&gt; &amp; &quot;c&quot;\n"
        );
    }
}
