//! features
fn main() {}
