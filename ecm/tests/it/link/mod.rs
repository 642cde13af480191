//! The ECM against a scripted appliance on real sockets: what goes over the link, and what a
//! hostile or dying peer can do.

mod appliance;
mod connecting;
mod hostile;
mod plugin;
mod rig;
mod serving;
mod tls;
