//! The appliance over its sockets, with a scripted ECM at the other end of the link.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;
mod control;
mod external;
mod faults;
mod http;
mod link;
mod oauth;
mod pages;
mod releases;
mod rig;
mod routing;
mod scripted;
mod sessions;
mod tls;
mod vectors;
