//! What a row of a large lab takes of a vault simulator's memory, as the system counts it.
#![cfg(target_os = "linux")]

#[path = "../../benches/start/large.rs"]
#[allow(dead_code, reason = "the bench of starts uses the rest")]
mod large;

use large::{Running, accounts, secrets};

const ROWS: usize = 20_000;
/// The goal is 700, which a development build comes near. Twice as much would be seen.
const BYTES_MAX: u64 = 1_000;

/// Bytes of the simulator's own with so many rows.
fn own_bytes(simulator: &str, lab: &str) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lab.toml");
    std::fs::write(&file, lab).unwrap();
    let own = Running::start(simulator, &file).memory().own;
    assert!(own > 0, "the system does not tell");
    own
}

fn each(simulator: &str, lab: fn(usize) -> String) -> u64 {
    let few = own_bytes(simulator, &lab(0));
    own_bytes(simulator, &lab(ROWS)).saturating_sub(few) / ROWS as u64
}

#[test]
fn each_secret_of_a_large_lab_takes_little_memory() {
    let bytes = each("secret-server", secrets);
    assert!((1..=BYTES_MAX).contains(&bytes), "{bytes} bytes");
}

#[test]
fn each_account_of_a_large_lab_takes_little_memory() {
    let bytes = each("password-safe", accounts);
    assert!((1..=BYTES_MAX).contains(&bytes), "{bytes} bytes");
}
