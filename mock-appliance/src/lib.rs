//! A simulated BeyondTrust appliance, as an ECM and its administrator see one: the OAuth token
//! endpoint, the ECM link, sessions of the access console with credential injection, and the
//! page that lists the connected ECMs.
//!
//! The link between ECM and appliance is ECM Lab's own protocol (`ECM-LINK.md`): BeyondTrust does
//! not publish theirs.

pub mod config;
pub mod console;
mod control;
pub mod injection;
pub mod lab;
mod link;
mod oauth;
mod pages;
mod random;
mod release;
mod routes;
mod seal;
pub mod secret;
mod server;
mod site;
pub mod state;
mod view;
mod wire;

pub use console::{Console, ConsoleError, ExternalJumpItem};
pub use injection::{CredentialKind, Injection, Part};
pub use lab::Lab;
pub use link::{LinkCounters, LinkError};
pub use seal::SealError;
pub use server::{Builder, MockAppliance, NAME};
pub use state::sessions::{CredentialSummary, SessionId};
pub use wire::{Endpoint, Health, Problem};
