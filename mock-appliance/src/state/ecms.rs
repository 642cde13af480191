//! The ECMs that are connected, and which of them gets the next request.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use sim_kit::clock::SimTime;

use super::accounts::ClientId;

/// Number of a link connection, from 1. Later connections have larger numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c-{}", self.0)
    }
}

/// What `max_ecms` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitScope {
    /// The ECMs of one group (documented ecm:§3.1, newer guides).
    #[default]
    Group,
    /// The ECMs of the whole site (documented ecm:§3.1, older guides).
    Site,
}

/// Which connection loses when there is one too many (assumed ecm:§4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverLimit {
    /// The new one is refused.
    #[default]
    RefuseNewest,
    /// The one that has been connected the longest is closed.
    CloseOldest,
}

/// How many ECMs may be connected (documented ecm:§3.1: three in newer guides, five in older).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcmLimit {
    /// The number.
    pub max: usize,
    /// What it counts.
    pub scope: LimitScope,
    /// Who loses.
    pub over: OverLimit,
}

impl Default for EcmLimit {
    fn default() -> Self {
        Self {
            max: 3,
            scope: LimitScope::Group,
            over: OverLimit::RefuseNewest,
        }
    }
}

/// The six capability flags of an ECM's plugin (vendor-client ecm:§2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Wants to hear when a session no longer uses a credential.
    pub credentials_used: bool,
    /// Can look for External Jump Items.
    pub endpoint_search: bool,
    /// Can tell how it is.
    pub health_check: bool,
    /// Wants to hear when a session ended.
    pub session_complete: bool,
    /// Wants to hear when a session started.
    pub session_started: bool,
    /// Can start sessions by itself.
    pub start_session: bool,
}

/// What an ECM says about itself in `hello`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Identity of the ECM that survives its restarts.
    pub ecm_id: String,
    /// Version of the ECM.
    pub ecm_version: String,
    /// Host it runs on.
    pub hostname: String,
    /// Operating system of that host.
    pub os: String,
    /// Name of its plugin.
    pub plugin_name: String,
    /// Version of its plugin.
    pub plugin_version: String,
    /// What its plugin can do.
    pub capabilities: Capabilities,
}

/// One live connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcmClient {
    /// Its number.
    pub connection: ConnectionId,
    /// The account that opened it.
    pub client_id: ClientId,
    /// The ECM Group of that account.
    pub group: String,
    /// Where it comes from.
    pub address: IpAddr,
    /// When it was opened.
    pub connected_at: SimTime,
    /// What it said in `hello`; nothing before that.
    pub announced: Option<Announced>,
    /// When it last got a request.
    pub last_request_at: Option<SimTime>,
}

/// The limit is reached and the new connection loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The limit.
    pub max: usize,
}

/// All live connections.
#[derive(Clone, Debug, Default)]
pub struct Ecms {
    live: BTreeMap<ConnectionId, EcmClient>,
    limit: EcmLimit,
    last: u64,
}

impl Ecms {
    /// Nobody connected.
    #[must_use]
    pub fn new(limit: EcmLimit) -> Self {
        Self {
            live: BTreeMap::new(),
            limit,
            last: 0,
        }
    }

    /// Lets a connection in, which gets no requests before [`Ecms::announce`]. The second value
    /// is the connection that has to go for it.
    ///
    /// # Errors
    /// When the limit is reached and the newest connection loses.
    pub fn admit(
        &mut self,
        client_id: ClientId,
        group: String,
        address: IpAddr,
        now: SimTime,
    ) -> Result<(ConnectionId, Option<ConnectionId>), LimitReached> {
        let counted = |ecm: &&EcmClient| match self.limit.scope {
            LimitScope::Group => ecm.group == group,
            LimitScope::Site => true,
        };
        let mut displaced = None;
        if self.live.values().filter(counted).count() >= self.limit.max {
            displaced = match self.limit.over {
                OverLimit::RefuseNewest => None,
                OverLimit::CloseOldest => self
                    .live
                    .values()
                    .filter(counted)
                    .min_by_key(age)
                    .map(|ecm| ecm.connection),
            };
            let oldest = displaced.ok_or(LimitReached {
                max: self.limit.max,
            })?;
            self.live.remove(&oldest);
        }
        self.last += 1;
        let connection = ConnectionId(self.last);
        let ecm = EcmClient {
            connection,
            client_id,
            group,
            address,
            connected_at: now,
            announced: None,
            last_request_at: None,
        };
        self.live.insert(connection, ecm);
        Ok((connection, displaced))
    }

    /// Takes the `hello` of a connection and tells which older connection of the same ECM it
    /// replaces. `None` in the outer place: the connection is not (or no longer) live.
    pub fn announce(
        &mut self,
        connection: ConnectionId,
        announced: Announced,
    ) -> Option<Option<ConnectionId>> {
        if !self.live.contains_key(&connection) {
            return None;
        }
        let same_ecm = |ecm: &&EcmClient| {
            ecm.connection != connection
                && ecm
                    .announced
                    .as_ref()
                    .is_some_and(|other| other.ecm_id == announced.ecm_id)
        };
        let replaced = self.live.values().find(same_ecm).map(|ecm| ecm.connection);
        if let Some(replaced) = replaced {
            self.live.remove(&replaced);
        }
        if let Some(ecm) = self.live.get_mut(&connection) {
            ecm.announced = Some(announced);
        }
        Some(replaced)
    }

    /// Forgets a connection and tells whether it was there.
    pub fn leave(&mut self, connection: ConnectionId) -> bool {
        self.live.remove(&connection).is_some()
    }

    /// The connection that gets the next request of a group: the one that has been connected the
    /// longest (documented ecm:§3.1).
    #[must_use]
    pub fn route(&self, group: &str) -> Option<&EcmClient> {
        self.live
            .values()
            .filter(|ecm| ecm.group == group && ecm.announced.is_some())
            .min_by_key(age)
    }

    /// One live connection.
    #[must_use]
    pub fn get(&self, connection: ConnectionId) -> Option<&EcmClient> {
        self.live.get(&connection)
    }

    /// Notes that a connection got a request.
    pub fn requested(&mut self, connection: ConnectionId, now: SimTime) {
        if let Some(ecm) = self.live.get_mut(&connection) {
            ecm.last_request_at = Some(now);
        }
    }

    /// The live connections that an account opened.
    #[must_use]
    pub fn of_account(&self, client_id: &ClientId) -> Vec<ConnectionId> {
        let opened = |ecm: &&EcmClient| ecm.client_id == *client_id;
        self.live
            .values()
            .filter(opened)
            .map(|ecm| ecm.connection)
            .collect()
    }

    /// All live connections, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &EcmClient> {
        self.live.values()
    }
}

/// Smallest for the longest connected; of equals the lower number counts.
fn age(ecm: &&EcmClient) -> (SimTime, ConnectionId) {
    (ecm.connected_at, ecm.connection)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn admit(ecms: &mut Ecms, group: &str, at_s: u64) -> Result<ConnectionId, LimitReached> {
        let now = SimTime::SCENARIO_START.plus(Duration::from_secs(at_s));
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        ecms.admit(ClientId("a".into()), group.into(), address, now)
            .map(|(id, _)| id)
    }

    fn announce(ecms: &mut Ecms, connection: ConnectionId, ecm_id: &str) -> Option<ConnectionId> {
        let announced = Announced {
            ecm_id: ecm_id.into(),
            ..Announced::default()
        };
        ecms.announce(connection, announced).unwrap()
    }

    fn join(ecms: &mut Ecms, group: &str, at_s: u64, ecm_id: &str) -> ConnectionId {
        let connection = admit(ecms, group, at_s).unwrap();
        announce(ecms, connection, ecm_id);
        connection
    }

    fn routed(ecms: &Ecms, group: &str) -> Option<ConnectionId> {
        ecms.route(group).map(|ecm| ecm.connection)
    }

    #[test]
    fn the_longest_connected_gets_requests_and_who_returns_queues_at_the_back() {
        let mut ecms = Ecms::default();
        let first = join(&mut ecms, "Default", 0, "one");
        let second = join(&mut ecms, "Default", 5, "two");
        assert_eq!(routed(&ecms, "Default"), Some(first));
        ecms.leave(first);
        let returned = join(&mut ecms, "Default", 9, "one");
        assert_eq!(routed(&ecms, "Default"), Some(second));
        ecms.leave(second);
        assert_eq!(routed(&ecms, "Default"), Some(returned));
    }

    #[test]
    fn of_two_that_connected_at_the_same_moment_the_lower_number_counts() {
        let mut ecms = Ecms::default();
        let first = join(&mut ecms, "Default", 0, "one");
        join(&mut ecms, "Default", 0, "two");
        assert_eq!(routed(&ecms, "Default"), Some(first));
    }

    #[test]
    fn groups_do_not_serve_each_other() {
        let mut ecms = Ecms::default();
        join(&mut ecms, "Default", 0, "one");
        assert_eq!(routed(&ecms, "Branch"), None);
    }

    #[test]
    fn nothing_is_routed_to_a_connection_that_has_not_said_hello() {
        let mut ecms = Ecms::default();
        let connection = admit(&mut ecms, "Default", 0).unwrap();
        assert_eq!(routed(&ecms, "Default"), None);
        announce(&mut ecms, connection, "one");
        assert_eq!(routed(&ecms, "Default"), Some(connection));
    }

    #[test]
    fn the_fourth_of_a_group_is_refused_and_another_group_is_not_affected() {
        let mut ecms = Ecms::default();
        for n in 0..3 {
            admit(&mut ecms, "Default", n).unwrap();
        }
        assert_eq!(admit(&mut ecms, "Default", 4), Err(LimitReached { max: 3 }));
        assert!(admit(&mut ecms, "Branch", 4).is_ok());
    }

    #[test]
    fn a_limit_for_the_site_counts_every_group() {
        let limit = EcmLimit {
            max: 1,
            scope: LimitScope::Site,
            over: OverLimit::RefuseNewest,
        };
        let mut ecms = Ecms::new(limit);
        admit(&mut ecms, "Default", 0).unwrap();
        assert!(admit(&mut ecms, "Branch", 1).is_err());
    }

    #[test]
    fn the_oldest_goes_when_the_setting_says_so() {
        let limit = EcmLimit {
            max: 1,
            over: OverLimit::CloseOldest,
            ..EcmLimit::default()
        };
        let mut ecms = Ecms::new(limit);
        let first = join(&mut ecms, "Default", 0, "one");
        let second = join(&mut ecms, "Default", 1, "two");
        assert_eq!(ecms.get(first), None);
        assert_eq!(routed(&ecms, "Default"), Some(second));
    }

    #[test]
    fn an_ecm_that_connects_again_replaces_its_older_connection() {
        let mut ecms = Ecms::default();
        let first = join(&mut ecms, "Default", 0, "one");
        let second = admit(&mut ecms, "Default", 1).unwrap();
        assert_eq!(announce(&mut ecms, second, "one"), Some(first));
        assert_eq!(ecms.get(first), None);
        assert_eq!(ecms.announce(first, Announced::default()), None);
    }

    proptest::proptest! {
        #[test]
        fn the_routed_connection_is_never_younger_than_another_of_its_group(
            steps in proptest::collection::vec((0_u8..3, 0_u64..6, 0_usize..3), 1..60),
        ) {
            let mut ecms = Ecms::new(EcmLimit { max: 100, ..EcmLimit::default() });
            let groups = ["Default", "Branch", "Plant"];
            for (at_s, (action, who, group)) in (0_u64..).zip(steps) {
                match action {
                    0 | 1 => { join(&mut ecms, groups[group], at_s, &who.to_string()); }
                    _ => { ecms.leave(ConnectionId(who)); }
                }
                for group in groups {
                    let chosen = ecms.route(group).map(|ecm| ecm.connected_at);
                    let oldest = ecms.iter().filter(|e| e.group == group).map(|e| e.connected_at).min();
                    proptest::prop_assert_eq!(chosen, oldest);
                }
            }
        }
    }
}
