//! How the appliance behaves where the vendor leaves it open, or where a lab wants it otherwise.

use serde::Deserialize;

use crate::state::accounts::TokenRules;
use crate::state::ecms::{EcmLimit, LimitScope, OverLimit};
use crate::state::rate::RateRules;
use crate::wire::RequestTimeouts;

/// The table `[appliance.settings]` of a lab file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds that an access token is valid (documented sra:§2.1).
    pub token_lifetime_s: u64,
    /// Valid tokens of one API account (documented sra:§2.1).
    pub tokens_max: usize,
    /// Requests of one API account in a second (documented sra:§2.2).
    pub requests_per_second_max: u32,
    /// Requests of one API account in an hour (documented sra:§2.2).
    pub requests_per_hour_max: u32,
    /// Whether a request beyond these limits is refused with 429 (the status is assumed sra:§2.2).
    pub enforce_rate_limit: bool,
    /// ECMs that may be connected: 3 (documented ecm:§3.1, newer guides) or 5 (older guides).
    pub max_ecms: usize,
    /// What `max_ecms` counts (documented ecm:§3.1).
    pub max_ecms_scope: EcmScope,
    /// Which connection loses at the limit (assumed ecm:§4.3).
    pub over_max_ecms: EcmOverLimit,
    /// Time for `hello`, milliseconds (assumed, `ECM-LINK.md` §2.1).
    pub hello_timeout_ms: u64,
    /// Seconds between pings; a link is dead after three silent intervals (assumed, §2.2).
    pub ping_interval_s: u64,
    /// Milliseconds that an ECM has for each kind of request (assumed ecm:§4.3).
    pub request_timeout_ms: Timeouts,
    /// Milliseconds that an answer may be under way beyond the ECM's own deadline (assumed).
    pub travel_allowance_ms: u64,
    /// Whether `get_credential` is sent to the next ECM when a connection is lost (assumed
    /// ecm:§4.3).
    pub retry_get_credential: bool,
    /// Pause before a release that was not answered `done` is sent again, milliseconds; doubles
    /// each time (assumed).
    pub release_retry_ms: u64,
    /// Longest such pause, milliseconds (assumed).
    pub release_retry_ms_max: u64,
    /// "Allow Search for External Jump Items" (documented sra:§7).
    pub external_search: bool,
    /// "External Jump Item Group Name" (documented sra:§7).
    pub external_group_name: String,
    /// Whether a Jumpoint for External Jump Sessions is chosen (documented sra:§7).
    pub external_jumpoint: bool,
}

/// What `max_ecms` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EcmScope {
    /// Each ECM Group for itself.
    #[default]
    Group,
    /// The whole site.
    Site,
}

/// Which connection loses at the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EcmOverLimit {
    /// The new one, with 409.
    #[default]
    RefuseNewest,
    /// The longest connected, with close code 4409.
    CloseOldest,
}

/// Milliseconds that an ECM has for each kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// `find_credentials`.
    pub find_credentials: u64,
    /// `get_credential`.
    pub get_credential: u64,
    /// `find_endpoints`.
    pub find_endpoints: u64,
    /// `release_credential`.
    pub release_credential: u64,
    /// All others.
    pub other: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        let RequestTimeouts {
            find_credentials,
            get_credential,
            find_endpoints,
            release_credential,
            other,
        } = RequestTimeouts::default();
        Self {
            find_credentials,
            get_credential,
            find_endpoints,
            release_credential,
            other,
        }
    }
}

impl From<Timeouts> for RequestTimeouts {
    fn from(timeouts: Timeouts) -> Self {
        Self {
            find_credentials: timeouts.find_credentials,
            get_credential: timeouts.get_credential,
            find_endpoints: timeouts.find_endpoints,
            release_credential: timeouts.release_credential,
            other: timeouts.other,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let (tokens, rate, ecms) = (
            TokenRules::default(),
            RateRules::default(),
            EcmLimit::default(),
        );
        Self {
            token_lifetime_s: tokens.lifetime_s,
            tokens_max: tokens.valid_max,
            requests_per_second_max: rate.per_second_max,
            requests_per_hour_max: rate.per_hour_max,
            enforce_rate_limit: rate.enforced,
            max_ecms: ecms.max,
            max_ecms_scope: EcmScope::default(),
            over_max_ecms: EcmOverLimit::default(),
            hello_timeout_ms: 10_000,
            ping_interval_s: 30,
            request_timeout_ms: Timeouts::default(),
            travel_allowance_ms: 500,
            retry_get_credential: true,
            release_retry_ms: 1_000,
            release_retry_ms_max: 60_000,
            external_search: false,
            external_group_name: "External Jump Items".to_owned(),
            external_jumpoint: true,
        }
    }
}

impl Settings {
    /// The part about tokens.
    #[must_use]
    pub fn tokens(&self) -> TokenRules {
        TokenRules {
            lifetime_s: self.token_lifetime_s,
            valid_max: self.tokens_max,
        }
    }

    /// The part about request rates.
    #[must_use]
    pub fn rate(&self) -> RateRules {
        RateRules {
            per_second_max: self.requests_per_second_max,
            per_hour_max: self.requests_per_hour_max,
            enforced: self.enforce_rate_limit,
        }
    }

    /// The part about the number of ECMs.
    #[must_use]
    pub fn ecm_limit(&self) -> EcmLimit {
        EcmLimit {
            max: self.max_ecms,
            scope: match self.max_ecms_scope {
                EcmScope::Group => LimitScope::Group,
                EcmScope::Site => LimitScope::Site,
            },
            over: match self.over_max_ecms {
                EcmOverLimit::RefuseNewest => OverLimit::RefuseNewest,
                EcmOverLimit::CloseOldest => OverLimit::CloseOldest,
            },
        }
    }
}
