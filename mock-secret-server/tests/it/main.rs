//! Byte tests over sockets. One binary, one area of the protocol per file; each test is a table.
#![allow(clippy::unwrap_used, missing_docs)]

mod bindings;
mod checks;
mod command;
mod control;
mod discovery;
mod faults;
mod operators;
mod reading;
mod replies;
mod rig;
mod round_trip;
