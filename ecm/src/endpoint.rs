//! From a Jump Item to the values to search the vault for, in order: a pure function.
//!
//! Which data a Jump Item type carries is `documented ecm:§2.5, §5.2`; short names, ports, trailing
//! dots and the treatment of shared addresses are `assumed ecm:§7.3`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

use crate::identity::LeftOut;
use crate::plugin::{JumpItem, JumpItemType};

/// The settings that decide the terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRules {
    /// Whether the first label of a full host name is searched too.
    pub short_name: bool,
    /// Whether a Jump Client's public addresses are searched; they are usually NAT addresses that
    /// many hosts share, so a match would say little.
    pub public_addresses: bool,
    /// Most terms that one look-up may have; each is one search in the vault.
    pub terms_max: usize,
}

impl Default for EndpointRules {
    fn default() -> Self {
        Self {
            short_name: true,
            public_addresses: false,
            terms_max: TERMS_MAX,
        }
    }
}

/// Most terms of a look-up unless the rules say otherwise.
pub const TERMS_MAX: usize = 8;

/// One value to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    /// The value, in the letter case in which it was given.
    pub text: String,
    /// Where it comes from.
    pub reason: TermReason,
}

/// Where a search term comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TermReason {
    /// The host name or address as given.
    Hostname,
    /// The host name without port or trailing dot.
    TidiedHostname,
    /// Host name and port, where the item names a port.
    HostAndPort,
    /// The first label of a full host name.
    ShortName,
    /// The host of the Web Jump's address.
    UrlHost,
    /// Host and port of the Web Jump's address, where it names a port.
    UrlHostAndPort,
    /// The Web Jump's address as given.
    Url,
    /// An additional address of a Jump Client.
    AdditionalAddress,
    /// The application of an RDP + SecureApp item.
    ApplicationName,
    /// The item's own name, since it has no host name.
    ItemName,
}

impl fmt::Display for TermReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Hostname => "host name or address as given",
            Self::TidiedHostname => "host name without port or trailing dot",
            Self::HostAndPort => "host name and port",
            Self::ShortName => "short form of the host name",
            Self::UrlHost => "host of the address",
            Self::UrlHostAndPort => "host and port of the address",
            Self::Url => "the address as given",
            Self::AdditionalAddress => "additional address of the Jump Client",
            Self::ApplicationName => "application name",
            Self::ItemName => "name of the Jump Item, which has no host name",
        })
    }
}

/// The terms to search for and what was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPlan {
    /// Most telling first; no two are the same but for letter case.
    pub terms: Vec<SearchTerm>,
    /// What a reader may have expected and is not there.
    pub left_out: Vec<LeftOut>,
}

/// The values to search the vault for, in order. Total: any Jump Item gives an answer.
#[must_use]
pub fn search_terms(item: &JumpItem, rules: &EndpointRules) -> SearchPlan {
    let mut plan = SearchPlan::default();
    let hostname = filled(item.hostname.as_deref());
    let url = filled(item.url.as_deref());

    match (item.item_type, url, hostname) {
        (JumpItemType::WebJump, Some(url), _) => plan.add_url(url, rules),
        // A tunnel has either (assumed ecm:§2.5).
        (JumpItemType::ProtocolTunnel, Some(url), None) => plan.add_url(url, rules),
        (JumpItemType::ProtocolTunnel, Some(url), Some(hostname)) => {
            plan.add_host(hostname, item.port, rules);
            plan.add_url(url, rules);
        }
        (_, url, hostname) => {
            if let Some(hostname) = hostname {
                plan.add_host(hostname, item.port, rules);
            }
            if let Some(url) = url {
                // What is left out is logged, and a password or token in an address must not be.
                let what = if url.contains(['@', '?', '#']) {
                    "the address"
                } else {
                    url
                };
                plan.leave_out(what, "an address is used for Web Jumps and tunnels only");
            }
        }
    }
    plan.add_application(item);
    plan.add_addresses(item, rules);
    if plan.terms.is_empty()
        && let Some(name) = filled(Some(&item.name))
    {
        plan.add(name, TermReason::ItemName);
    }
    plan.cut(rules.terms_max);
    plan
}

/// Whether an item of this type brings further addresses of the host ("Jump Client" stands for
/// Remote and Local Jump as well, documented ecm:§5.2).
fn uses_addresses(item_type: JumpItemType) -> bool {
    matches!(
        item_type,
        JumpItemType::JumpClient | JumpItemType::RemoteJump | JumpItemType::LocalJump
    )
}

impl SearchPlan {
    fn add(&mut self, text: &str, reason: TermReason) {
        if let Some(known) = self
            .terms
            .iter()
            .find(|known| known.text.to_lowercase() == text.to_lowercase())
        {
            let why = format!("{reason}, but already there: {}", known.reason);
            self.leave_out(text, &why);
        } else {
            self.terms.push(SearchTerm {
                text: text.to_owned(),
                reason,
            });
        }
    }

    fn leave_out(&mut self, what: &str, why: &str) {
        self.left_out.push(LeftOut::new(what, why));
    }

    /// Adds a host name and what goes with it; a port behind the name counts before the item's.
    fn add_host(&mut self, given: &str, port: Option<u16>, rules: &EndpointRules) {
        let (host, own_port) = host_and_port(given);
        if host.is_empty() {
            return self.leave_out(given, "it holds no host name");
        }
        let reason = if host == given {
            TermReason::Hostname
        } else {
            TermReason::TidiedHostname
        };
        self.add(host, reason);
        if let Some(port) = own_port.or(port) {
            let is_v6 = host.parse::<Ipv6Addr>().is_ok();
            let host = if is_v6 { &format!("[{host}]") } else { host };
            self.add(&format!("{host}:{port}"), TermReason::HostAndPort);
        }
        self.add_short_name(host, rules);
    }

    fn add_short_name(&mut self, host: &str, rules: &EndpointRules) {
        if host.parse::<IpAddr>().is_ok() {
            return;
        }
        match host.split_once('.') {
            Some(("", _)) => {}
            Some((label, _)) if rules.short_name => self.add(label, TermReason::ShortName),
            Some((label, _)) => self.leave_out(label, "searching short names is switched off"),
            None => {}
        }
    }

    fn add_url(&mut self, given: &str, rules: &EndpointRules) {
        let parsed = Url::parse(given).ok();
        let Some((url, host)) = parsed
            .as_ref()
            .and_then(|url| url.host_str().map(|host| (url, host)))
        else {
            // `web01.acme.example/console` has no scheme but a host all the same.
            let host = given.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            return self.add_host(host, None, rules);
        };
        let (host, _) = host_and_port(host);
        self.add(host, TermReason::UrlHost);
        if let Some(port) = url.port() {
            self.add(&format!("{host}:{port}"), TermReason::UrlHostAndPort);
        }
        self.add_short_name(host, rules);
        if url.password().is_some() || !url.username().is_empty() {
            self.leave_out("the whole address", "it carries a user name or password");
        } else {
            self.add(given, TermReason::Url);
        }
    }

    fn add_application(&mut self, item: &JumpItem) {
        match filled(item.application_name.as_deref()) {
            Some(name) if item.item_type == JumpItemType::SecureApp => {
                self.add(name, TermReason::ApplicationName);
            }
            Some(name) => {
                self.leave_out(name, "an application name is used for RDP + SecureApp only");
            }
            None => {}
        }
    }

    fn add_addresses(&mut self, item: &JumpItem, rules: &EndpointRules) {
        for given in &item.additional_ips {
            let text = given.trim();
            if !uses_addresses(item.item_type) {
                self.leave_out(text, "additional addresses are used for Jump Clients only");
                continue;
            }
            match text.parse::<IpAddr>().map(reach) {
                Err(_) => self.leave_out(text, "it is not an IP address"),
                Ok(Reach::SameOnEveryHost) => {
                    self.leave_out(text, "every host has such an address");
                }
                Ok(Reach::Shared) if !rules.public_addresses => self.leave_out(
                    text,
                    "a public address is usually a NAT address that many hosts share",
                ),
                Ok(Reach::Shared | Reach::Own) => self.add(text, TermReason::AdditionalAddress),
            }
        }
    }

    fn cut(&mut self, terms_max: usize) {
        for term in self.terms.split_off(terms_max.min(self.terms.len())) {
            self.leave_out(
                &term.text,
                &format!("a look-up has at most {terms_max} terms"),
            );
        }
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The host without brackets, port and trailing dots; and the port.
fn host_and_port(given: &str) -> (&str, Option<u16>) {
    let given = given.trim();
    if let Some((inside, behind)) = given
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        let port = behind.strip_prefix(':').and_then(|port| port.parse().ok());
        return (inside, port);
    }
    let (host, port) = match given.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
        _ => (given, None),
    };
    (host.trim_end_matches('.'), port)
}

enum Reach {
    Own,
    Shared,
    SameOnEveryHost,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| reach_v6(v6), reach_v4),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if address.is_loopback() || address.is_unspecified() || address.is_link_local() {
        Reach::SameOnEveryHost
    } else if address.is_private() {
        Reach::Own
    } else {
        Reach::Shared
    }
}

/// IPv6 knows no NAT to speak of, so a global address is the host's own.
fn reach_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local() {
        Reach::SameOnEveryHost
    } else {
        Reach::Own
    }
}
