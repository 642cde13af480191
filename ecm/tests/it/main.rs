//! What the ECM does, seen from outside its crate: the conversation with a scripted vault, and the
//! link to a scripted appliance, on real sockets.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod bad_input;
mod bomb;
mod check_config;
mod connections;
mod conversation;
mod endpoint;
mod hostile;
mod hostile_matrix;
mod identity;
mod leaks;
mod link;
mod password_safe;
mod pieces;
mod program;
mod retrieval;
mod room;
mod symptoms;
mod test_settings;
mod test_settings_command;
mod test_settings_outcomes;
mod test_settings_sessions;
mod tls;
mod token_cache;
mod vault;
mod waiting;
