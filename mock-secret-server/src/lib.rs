//! A simulated Delinea Secret Server: the SOAP web service, the vault behind it, and delegated
//! trust.

mod bindings;
pub mod config;
mod fault_codes;
pub mod lab;
mod ops;
mod pages;
mod routes;
pub mod schema;
pub mod seeded_tokens;
pub mod settings;
pub mod state;
pub mod wire;
pub mod wsdl;
