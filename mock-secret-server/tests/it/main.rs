//! Byte tests over sockets. One binary, one area of the protocol per file; each test is a table.
#![allow(clippy::unwrap_used, missing_docs)]

mod awkward;
mod bindings;
mod checks;
mod command;
mod control;
mod discovery;
mod fault_kinds;
mod faults;
mod operators;
mod protocol;
mod reading;
mod replies;
mod rig;
mod round_trip;
mod validity;
mod vectors;
