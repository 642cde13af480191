//! The `[secret-server]` section of a lab, and the same as typed values for Rust tests.
