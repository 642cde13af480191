//! A simulated Delinea Secret Server: the SOAP web service, the vault behind it, and delegated
//! trust.

mod awkward;
mod bindings;
pub mod config;
mod control;
mod fault_codes;
pub mod lab;
mod ops;
mod pages;
mod routes;
pub mod schema;
pub mod seeded_tokens;
mod server;
mod service;
pub mod settings;
pub mod state;
mod wire;
pub mod wsdl;

pub use server::{Builder, MockSecretServer, NAME, StartFailure};
