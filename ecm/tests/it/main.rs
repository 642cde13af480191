//! What the ECM does, seen from outside its crate.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod conversation;
mod endpoint;
mod identity;
mod password_safe;
mod vault;
