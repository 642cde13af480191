//! Tests of the lab as a whole, in one binary.
#![allow(clippy::unwrap_used)]

mod demo;
mod full_disk;
mod gate;
mod kill;
mod layering;
mod memory;
mod processes;
mod requirements;
mod round_trips;
