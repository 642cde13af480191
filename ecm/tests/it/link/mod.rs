//! The ECM against a scripted appliance on real sockets: what goes over the link, and what a
//! hostile or dying peer can do.

mod appliance;
mod command;
mod connecting;
mod diagnosis;
mod hostile;
mod misbehaving;
mod plugin;
mod redirects;
mod rig;
mod serving;
mod signing_in;
mod tls;
mod vectors;
