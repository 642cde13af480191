//! The run as JSON, for scripts.

use serde_json::{Value, json};

use crate::outcome::{Case, RunResult, Stop};

/// Version of the document's shape; goes up when a member changes its meaning or leaves.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole run.
#[must_use]
pub fn render(run: &RunResult) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "title": run.title,
        "seed": run.seed,
        "exit_code": run.exit_code(),
        "passed": run.passed(),
        "failed": run.failed(),
        "stop": run.stop.map(|stop| match stop {
            Stop::Leak => "leak",
            Stop::Unreachable => "unreachable",
            Stop::Interrupted => "interrupted",
        }),
        "cases": run.cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(case: &Case) -> Value {
    let findings: Vec<Value> = case
        .findings
        .iter()
        .map(|f| json!({"plain": f.plain, "detail": f.detail, "next": f.next}))
        .collect();
    json!({
        "feature": case.feature,
        "name": case.name,
        "requirements": case.requirements,
        "outcome": case.outcome.word(),
        "elapsed_ms": u64::try_from(case.elapsed.as_millis()).unwrap_or(u64::MAX),
        "findings": findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terminal::tests::sample;

    #[test]
    fn a_script_finds_the_verdict_and_the_reason() {
        let value = render(&sample());
        assert_eq!(value["exit_code"], 1);
        assert_eq!(value["cases"][1]["outcome"], "FAIL");
        assert_eq!(
            value["cases"][1]["findings"][0]["next"],
            "Approve it (the vault's user)."
        );
        assert_eq!(value["stop"], Value::Null);
    }
}
