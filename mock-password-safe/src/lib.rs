//! A simulated BeyondTrust Password Safe: the public REST API v3 over a vault with systems,
//! accounts, roles, access policies, release requests and Secrets Safe.
//!
//! Every fact about the product carries its provenance in a comment (`documented psafe:DOC-req`,
//! `vendor-client psafe:GO`, `recorded psafe:ELASTIC`, `assumed psafe:§1.4`); every assumed one is
//! a field of [`Settings`].

mod auth;
mod control;
mod digest;
mod engine;
pub mod lab;
mod mint;
mod openapi;
mod ops;
mod routes;
mod secret;
mod server;
mod settings;
mod state;
mod wire;

pub use lab::Lab;
pub use secret::Secret;
pub use server::{
    API_PATH, Builder, MockPasswordSafe, NAME, SECURE_REMOTE_ACCESS_REGISTRATION, StartError,
};
pub use settings::{CodeForm, Profile, SessionProof, Settings};
