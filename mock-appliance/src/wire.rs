//! Frames of the ECM link as the appliance writes and reads them (`ECM-LINK.md` §2).

mod from_ecm;
mod to_ecm;

pub(crate) use from_ecm::{Answer, FromEcm, Hello, Package, Sealed};
pub use from_ecm::{Endpoint, Health, Problem};
pub(crate) use to_ecm::{
    FindEndpoints, GetCredential, InSession, NoMore, ReleaseCredential, RequestTimeouts,
    SessionFrame, SessionStarted, ToEcm, Welcome,
};

/// Sub-protocol of the WebSocket.
pub(crate) const SUB_PROTOCOL: &str = "sim-ecm.v1";
/// The protocol version that [`SUB_PROTOCOL`] stands for.
pub(crate) const PROTOCOL_VERSION: u32 = 1;
/// Path of the WebSocket.
pub(crate) const CONNECT_PATH: &str = "/api/ecm/v1/connect";
/// Longest frame either side may send, in bytes.
pub(crate) const FRAME_BYTES_MAX: usize = 1 << 20;
