//! What the ECM does, seen from outside its crate: the conversation with a scripted vault, and the
//! link to a scripted appliance, on real sockets.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod conversation;
mod endpoint;
mod hostile;
mod identity;
mod leaks;
mod link;
mod password_safe;
mod retrieval;
mod test_settings;
mod tls;
mod token_cache;
mod vault;
