//! What the appliance knows, as plain data: no runtime, no serialisation, no clock, no lock, no
//! randomness. The time and everything random are parameters.

pub mod accounts;
pub mod address;
pub mod directory;
pub mod ecms;
pub mod rate;
pub mod releases;
pub mod sessions;
pub mod username_format;

use accounts::Accounts;
use directory::Directory;
use ecms::Ecms;
use releases::Releases;
use sessions::Sessions;

/// The whole state of one site.
#[derive(Clone, Debug)]
pub struct State {
    /// Console users, Jump Groups and Jump Items.
    pub directory: Directory,
    /// API accounts and their tokens.
    pub accounts: Accounts,
    /// The ECMs that are connected.
    pub ecms: Ecms,
    /// Sessions, running and ended.
    pub sessions: Sessions,
    /// Credentials that the vault still has to be told about.
    pub releases: Releases,
}
