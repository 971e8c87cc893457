//! The limit of connections per client network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The network that counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, the usual size of a
/// site.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
    }
}

/// Counts the connections of each network.
#[derive(Debug)]
pub(crate) struct ConnectionLimit {
    max: u64,
    /// Networks without connections have no entry.
    counts: Mutex<HashMap<IpAddr, u64>>,
}

/// A counted connection of a network, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    limit: Arc<ConnectionLimit>,
    network: IpAddr,
}

impl ConnectionLimit {
    /// `max`: connections per network.
    pub(crate) fn new(max: u64) -> Self {
        Self { max, counts: Mutex::default() }
    }

    /// Counts a connection from `address`. `None` if its network has reached the limit.
    pub(crate) fn try_acquire(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let network = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(&network).is_some_and(|count| *count >= self.max) {
            return None;
        }
        *counts.entry(network).or_default() += 1;
        Some(ConnectionPermit { limit: Arc::clone(self), network })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.limit.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_connections_and_one_without_any_takes_no_memory() {
        let limit = Arc::new(ConnectionLimit::new(2));
        let acquire = |address: &str| limit.try_acquire(address.parse().unwrap());
        let (first, second) = (acquire("2001:db8::1"), acquire("2001:db8::ffff:1"));
        assert!(first.is_some() && second.is_some());
        assert!(acquire("2001:db8::2").is_none(), "one site is one client");
        let others = [acquire("2001:db8:0:1::1"), acquire("192.0.2.1"), acquire("::ffff:192.0.2.1")];
        assert!(others.iter().all(Option::is_some));
        assert!(acquire("192.0.2.1").is_none(), "an address in two forms is one");
        drop(first);
        assert!(acquire("2001:db8::3").is_some());
        drop((second, others));
        assert!(limit.counts.lock().unwrap().is_empty());
    }
}
