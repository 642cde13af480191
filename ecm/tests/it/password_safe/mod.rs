//! The Password Safe plugin against scripted vaults on raw sockets.

mod failures;
mod fetch;
mod list;
mod pending;
mod release;
mod sessions;
pub mod symptoms;
mod systems;
mod vault;
mod vectors;
