//! The vault, pure: no clock, no randomness, no wire. Time is a parameter, and what must be drawn
//! is drawn through [`Mint`].

mod catalogue;
pub(crate) mod credential;
pub(crate) mod ids;
mod index;
mod layered;
pub(crate) mod listing;
mod managed;
pub(crate) mod ordering;
pub(crate) mod people;
pub(crate) mod policy;
#[cfg(test)]
mod properties;
pub(crate) mod refusal;
pub(crate) mod release;
pub(crate) mod remote_session;
pub(crate) mod secrets_safe;
pub(crate) mod secure_remote_access;
pub(crate) mod sign_in;
pub(crate) mod vault;
#[cfg(test)]
pub(crate) use layered::visits;

use std::collections::BTreeMap;
use std::time::Duration;

use ids::{AccountId, PolicyId};
use people::People;
use policy::{Policy, TicketSystem};
use release::Releases;
use remote_session::RemoteSessions;
use secrets_safe::SecretsSafe;
use secure_remote_access::Appliance;
use sign_in::SignIns;
use vault::Vault;

use crate::secret::Secret;

/// Where sessions, tokens and passwords come from.
pub(crate) trait Mint: Send {
    /// The value of a session cookie: 24 characters of `a–z0–9`.
    fn session(&mut self) -> String;
    /// An OAuth access token.
    fn bearer(&mut self) -> Secret;
    /// An id in the form of a GUID.
    fn guid(&mut self) -> String;
    /// A registration's key: 128 hexadecimal digits.
    fn key(&mut self) -> Secret;
    /// The password that an account has in this generation: the same whenever it is asked for.
    fn password(&self, account: AccountId, generation: u32) -> Secret;
}

/// The assumed behaviours that the state itself depends on. The crate's settings name and
/// document each.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) idle_max: Duration,
    pub(crate) licence_valid: bool,
    pub(crate) long_duration_is_clamped: bool,
    pub(crate) renew_rotates: bool,
    pub(crate) zero_concurrency_is_unlimited: bool,
    pub(crate) conflict_option_overrides_others: bool,
    pub(crate) denied_credential_is_forbidden: bool,
    pub(crate) second_checkin_is_accepted: bool,
    pub(crate) self_approval: bool,
    pub(crate) denial_after_approval: bool,
    pub(crate) isa_rotates: bool,
    pub(crate) linked_row_names_directory: bool,
    pub(crate) untyped_list_has_linked: bool,
    pub(crate) system_name_matches_dns: bool,
}

/// The whole vault.
pub(crate) struct State {
    pub(crate) rules: Rules,
    pub(crate) vault: Vault,
    pub(crate) people: People,
    pub(crate) policies: BTreeMap<PolicyId, Policy>,
    pub(crate) ticket_systems: BTreeMap<i32, TicketSystem>,
    pub(crate) releases: Releases,
    pub(crate) sign_ins: SignIns,
    pub(crate) remote_sessions: RemoteSessions,
    pub(crate) secrets_safe: SecretsSafe,
    /// What *Connect to Secure Remote Access* was told.
    pub(crate) appliance: Option<Appliance>,
    pub(crate) mint: Box<dyn Mint>,
}

impl State {
    /// An empty vault.
    pub(crate) fn new(rules: Rules, mint: Box<dyn Mint>) -> Self {
        Self {
            rules,
            vault: Vault::default(),
            people: People::default(),
            policies: BTreeMap::new(),
            ticket_systems: BTreeMap::new(),
            releases: Releases::default(),
            sign_ins: SignIns::default(),
            remote_sessions: RemoteSessions::default(),
            secrets_safe: SecretsSafe::default(),
            appliance: None,
            mint,
        }
    }
}
