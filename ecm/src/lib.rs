//! The reference Endpoint Credential Manager (ECM): the agent that stands beside a vault, connects
//! outward to an appliance, and brings one privileged credential into one session.
//!
//! [`plugin`] is the seam: the link to the appliance calls a [`plugin::Plugin`], and a vault is
//! reached only through one. Nothing in this package knows a simulator.

pub mod broker;
pub mod clock;
pub mod config;
pub mod diagnosis;
pub mod endpoint;
pub mod entropy;
pub mod env;
pub mod error;
pub mod identity;
pub mod link;
pub mod log;
pub mod metrics;
mod monitor;
pub mod oauth;
pub mod outbox;
pub mod password_safe;
pub mod plugin;
pub mod plugin_settings;
pub mod seal;
pub mod secret;
pub mod secret_server;
pub mod service;
mod small_file;
pub mod state_dir;
pub mod test_settings;
pub mod tls;
pub mod token_cache;
pub mod trace;
pub mod vault;
pub mod vault_http;
pub mod wiped;
