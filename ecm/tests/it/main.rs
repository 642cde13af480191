//! What the ECM does, seen from outside its crate.
#![allow(clippy::unwrap_used)]

mod endpoint;
mod identity;
