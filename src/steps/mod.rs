//! Step definitions, one file for each noun of the domain.

mod appliance;
mod approval;
mod fault;
mod identity;
mod journal;
mod secret;
mod time;
mod vault;

use cucumber::gherkin::Step;

/// The first column of a step's table; empty when the step has none.
fn column(step: &Step) -> Vec<String> {
    rows(step).into_iter().filter_map(|row| row.into_iter().next()).collect()
}

/// The rows of a step's table; none when the step has none.
fn rows(step: &Step) -> Vec<Vec<String>> {
    step.table.as_ref().map_or_else(Vec::new, |table| table.rows.clone())
}
