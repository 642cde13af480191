//! The lab: puts appliance, Endpoint Credential Manager and vault together, plays journeys and
//! scenarios on them, and says what happened.
//!
//! [`lab`] is the file that describes a site and [`rig`] runs it. [`journey`] plays one credential's
//! way through it; [`scenarios`] runs feature files, each scenario on a [`world`] of its own.
//! [`outcome`] is the one value that a run ends in, [`report`] renders it, [`leak`] looks through
//! everything that was written for planted secrets, and [`redact`] is the one way out.

pub mod cli;
pub mod journey;
pub mod lab;
pub mod leak;
pub mod outcome;
pub mod redact;
pub mod report;
pub mod rig;
pub mod scenarios;
mod steps;
pub mod world;
