//! Step definitions, one file for each noun of the domain.
#![allow(
    clippy::needless_pass_by_value,
    reason = "the test engine hands the captures of a step over by value"
)]

mod appliance;
mod approval;
mod fault;
mod identity;
mod journal;
mod password_safe;
mod secret;
mod test_settings;
mod time;
mod vault;

use cucumber::gherkin::Step;

/// The first column of a step's table; empty when the step has none.
fn column(step: &Step) -> Vec<String> {
    let rows = step.table.iter().flat_map(|table| &table.rows);
    rows.filter_map(|row| row.first().cloned()).collect()
}
