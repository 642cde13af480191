//! The ECM seen from outside its crate: against a scripted appliance and a scripted vault on real
//! sockets, and its pure functions by table and property.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod appliance;
mod connecting;
mod conversation;
mod endpoint;
mod hostile;
mod hostile_vault;
mod identity;
mod leaks;
mod plugin;
mod rig;
mod serving;
mod test_settings;
mod tls;
mod token_cache;
mod vault;
mod vault_tls;
