//! The address allow-list of an API account.

use std::net::IpAddr;
use std::str::FromStr;

/// One entry of the list: a single address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    base: IpAddr,
    prefix_bits: u8,
}

/// The text is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an IP address nor a network such as 10.1.0.0/16")]
pub struct BadAddress;

impl AddressRange {
    /// Whether `address` lies in the range. An IPv4 address that arrives mapped into IPv6 counts
    /// as the IPv4 address it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => same_prefix(
                base.to_bits().into(),
                address.to_bits().into(),
                32,
                self.prefix_bits,
            ),
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_prefix(base.to_bits(), address.to_bits(), 128, self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| BadAddress)?;
        let width_bits = if base.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| BadAddress)?,
            None => width_bits,
        };
        if prefix_bits > width_bits {
            return Err(BadAddress);
        }
        Ok(Self { base, prefix_bits })
    }
}

fn same_prefix(a: u128, b: u128, width_bits: u8, prefix_bits: u8) -> bool {
    let rest_bits = u32::from(width_bits - prefix_bits);
    // Shifting by the whole width is not defined, and a prefix of nothing matches everything.
    (a ^ b).checked_shr(rest_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(range: &str, address: &str, expected: bool) {
        let range: AddressRange = range.parse().unwrap();
        assert_eq!(
            range.contains(address.parse().unwrap()),
            expected,
            "{range:?} {address}"
        );
    }

    #[test]
    fn a_range_contains_its_network_and_nothing_else() {
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3", "10.1.2.4", false);
        check("10.1.0.0/16", "10.1.255.9", true);
        check("10.1.0.0/16", "10.2.0.1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("10.1.2.3", "::ffff:10.1.2.3", true);
        check("2001:db8::/32", "2001:db8:5::1", true);
        check("::/0", "2001:db8::1", true);
        check("::/0", "10.1.2.3", false);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "web01",
            "10.1.2",
            "10.1.2.3/33",
            "10.1.2.3/",
            "::1/129",
            "10.1.2.3/-1",
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(BadAddress), "{text}");
        }
    }
}
