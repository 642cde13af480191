//! Networks that calls may come from.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network: an address, alone or with a prefix length (`10.0.0.0/8`, `::1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct IpRange {
    address: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// Whether the network holds `address`. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                let ignored = 32 - u32::from(self.prefix);
                u64::from(net.to_bits()) >> ignored == u64::from(one.to_bits()) >> ignored
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                let differing = net.to_bits() ^ one.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        format!("{}/{}", range.address, range.prefix)
    }
}

impl TryFrom<String> for IpRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let cure = || format!("`{text}` is no address or network; write 10.1.2.3 or 10.0.0.0/8");
        let (address, prefix) = text.split_once('/').unwrap_or((&text, ""));
        let address: IpAddr = address.parse().map_err(|_| cure())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = if prefix.is_empty() {
            longest
        } else {
            prefix.parse().map_err(|_| cure())?
        };
        if prefix > longest {
            Err(cure())
        } else {
            Ok(Self { address, prefix })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "10.0.0.1", false),
        ];
        for (network, address, expected) in cases {
            let range = IpRange::try_from(network.to_owned()).unwrap();
            assert_eq!(
                range.contains(address.parse().unwrap()),
                expected,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn a_bad_network_names_itself_and_the_cure() {
        for bad in ["10.0.0.0/33", "10.0.0", "x/8", "10.0.0.0/x"] {
            let error = IpRange::try_from(bad.to_owned()).unwrap_err();
            assert!(
                error.contains(bad) && error.contains("10.0.0.0/8"),
                "{error}"
            );
        }
    }
}
