//! The lab: puts appliance, Endpoint Credential Manager and vault together, plays journeys and
//! scenarios on them, and says what happened.
//!
//! [`outcome`] is the one value that a run ends in, [`report`] renders it, [`leak`] looks through
//! everything that was written for planted secrets, and [`redact`] is the one way out.

pub mod leak;
pub mod outcome;
pub mod redact;
pub mod report;
