//! How clients are told apart behind known proxies.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use http::HeaderMap;
use ipnet::IpNet;
use serde::Deserialize;

use crate::config::units::parse_list;

/// The section `[clients]` of the routes file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clients {
    /// Networks of proxies in front of the gateway whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted.
    /// Default: none.
    #[serde(deserialize_with = "parse_list")]
    pub trusted_proxies: Vec<IpNet>,
    /// Number of clients whose state is kept, per rate and for cancellations.
    pub remembered: NonZeroUsize,
}

impl Default for Clients {
    fn default() -> Self {
        Self { trusted_proxies: Vec::new(), remembered: NonZeroUsize::new(100_000).unwrap_or(NonZeroUsize::MIN) }
    }
}

impl Clients {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The verified address of the client: the last address that is not a trusted proxy.
    ///
    /// Each proxy appends the address of its peer, so only entries that a trusted proxy appended are used.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        while self.trusts(client) {
            match hops.next().and_then(|hop| hop.trim().parse().ok()) {
                Some(before) => client = before,
                None => break,
            }
        }
        client
    }

    /// Whether the client uses HTTPS, according to a trusted proxy.
    pub fn is_https(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let value = || headers.get_all("x-forwarded-proto").iter().next_back();
        self.trusts(peer) && value().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> Clients {
        let trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap()).into();
        Clients { trusted_proxies, ..Clients::default() }
    }

    fn address(peer: &str, lines: &[&'static str]) -> String {
        let lines = lines.iter().map(|line| (http::HeaderName::from_static("x-forwarded-for"), line.parse().unwrap()));
        clients().address(peer.parse().unwrap(), &lines.collect()).to_string()
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_is_the_client_whatever_its_headers() {
        assert_eq!(address("192.0.2.1", &["198.51.100.1", "10.0.0.1"]), "192.0.2.1");
        assert_eq!(Clients::default().address([10, 0, 0, 1].into(), &HeaderMap::new()).to_string(), "10.0.0.1");
    }

    #[test]
    fn the_addresses_of_trusted_proxies_are_skipped() {
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1", "1.1.1.1 is a claim");
        assert_eq!(address("10.0.0.1", &["1.1.1.1", "198.51.100.1", "2001:db8::5,10.0.0.2"]), "198.51.100.1");
        assert_eq!(address("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.1, 10.0.0.2:80"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[""]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn forwarded_proto_is_trusted_from_trusted_proxies() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        assert!(clients().is_https([10, 0, 0, 1].into(), &headers));
        assert!(!clients().is_https([192, 0, 2, 1].into(), &headers));
    }
}
