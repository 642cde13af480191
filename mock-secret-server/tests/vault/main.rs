//! The vault without a socket: what each operation does to it, and what a random run of them must
//! never do.
#![allow(clippy::unwrap_used, missing_docs)]

mod administration;
mod check_out;
mod choices;
mod doors;
mod fixture;
mod log_on;
mod model;
mod naive_search;
mod purity;
mod random_runs;
mod reading;
mod restricted;
mod scale;
mod search;
mod texts;
mod trust;
