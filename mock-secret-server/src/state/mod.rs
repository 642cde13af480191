//! The vault as a pure state machine: a command, a time and an address in, an answer or a refusal
//! out. No sockets, no XML, no clock and no randomness of its own.

mod answer;
mod command;
mod refusal;
mod text;

use std::net::IpAddr;

use sim_kit::clock::SimTime;

pub use answer::*;
pub use command::{CodeResponse, Command};
pub use refusal::{Refusal, RefusalKind, SecretError};
pub use text::{ItemValue, SecretBytes, SecretText};

/// Users, folders, secrets and everything that happens to them.
#[derive(Debug, Default)]
pub struct Vault {}

impl Vault {
    /// Carries out one call of the web service.
    ///
    /// # Errors
    /// The vendor's negative answer, which travels as HTTP 200.
    pub fn apply(
        &mut self,
        command: Command,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Answer, Refusal> {
        let _ = (command, now, from);
        Err(Refusal::new(
            RefusalKind::DeadToken,
            "Authentication failed or expired token.",
        ))
    }
}
