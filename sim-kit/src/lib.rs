//! What every simulator of the lab shares: a clock that scenarios can move, the accept loop with
//! TLS, fault rules, a bounded journal, the control plane under `/_sim/v1`, and the command-line
//! surface that makes each simulator a program of its own.
//!
//! Nothing here knows a vendor. A simulator brings a [`serve::Handler`] for its vendor port, gives
//! its [`control::ControlPlane`] to a second listener, and keeps its vault in a pure `state` module
//! that takes the time as a parameter.

pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod exchange;
pub mod fault;
pub mod host;
pub mod journal;
pub mod pki;
pub mod ready;
pub mod seeded;
pub mod serve;
