//! What the ECM does, seen from outside its crate.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod conversation;
mod endpoint;
mod identity;
mod vault;
//! The ECM against a scripted appliance on real sockets: what goes over the link, and what a
//! hostile or dying peer can do.
#![allow(clippy::unwrap_used)]

mod appliance;
mod connecting;
mod hostile;
mod plugin;
mod rig;
mod serving;
mod tls;
