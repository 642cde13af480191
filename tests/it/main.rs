//! Tests of the lab as a whole, in one binary.
#![allow(clippy::unwrap_used)]

mod layering;
mod requirements;
