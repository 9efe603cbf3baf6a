//! Networks that calls may come from.

use serde::Deserialize;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and how many of its bits count: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether the address is of it. An IPv4 address written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        const NO: &str = "must be an address like 192.0.2.7 or a network like 192.0.2.0/24";
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NO)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| NO))?;
        if bits > most { Err(NO) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        written.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_alone() {
        let held = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(held("192.0.2.0/24", "192.0.2.255"));
        assert!(held("192.0.2.0/24", "::ffff:192.0.2.1"));
        assert!(!held("192.0.2.0/24", "192.0.3.0"));
        assert!(held("192.0.2.7", "192.0.2.7"));
        assert!(!held("192.0.2.7", "192.0.2.6"));
        assert!(held("0.0.0.0/0", "203.0.113.9"));
        assert!(!held("0.0.0.0/0", "2001:db8::1"));
        assert!(held("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!held("2001:db8::/32", "2001:db9::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for no in ["", "192.0.2.0/33", "::/129", "192.0.2/24", "192.0.2.0/", "192.0.2.0/-1", "a"] {
            assert!(no.parse::<Network>().is_err(), "{no}");
        }
    }
}
