//! The key by which clients are counted.

use std::net::IpAddr;
use std::sync::Arc;

/// The key by which a client is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// The subject of an accepted token, from any address.
    Subject(Arc<str>),
    /// The IPv4 address, or the network of the IPv6 address (64 bits: one household).
    Address(IpAddr),
}

impl ClientId {
    /// The client with this subject.
    pub fn subject(name: &str) -> Self {
        Self::Subject(name.into())
    }

    /// The client at this address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(chassis::network(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_client_and_an_address_in_two_forms_too() {
        let at = |text: &str| ClientId::address(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
