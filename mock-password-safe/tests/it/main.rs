//! The simulator over raw sockets: the bytes that real clients send, and the bytes they get.
#![allow(clippy::unwrap_used)]

mod awkward;
mod bodies;
mod client;
mod control;
mod faults;
mod fetch;
mod fuzz;
mod listing;
mod policy;
mod provisioning;
mod scale;
mod schema;
mod secrets_safe;
mod sign_in;
mod vendor;
