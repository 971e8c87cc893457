//! Ports that are free now. If another process takes one before the fleet does, the fleet does not start.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// One for each name.
pub fn free(names: impl Iterator<Item = String>) -> io::Result<BTreeMap<String, u16>> {
    // All are bound until all are known, so that no port is returned twice.
    let bound: Vec<(String, TcpListener)> = names.map(|name| Ok((name, bind(0)?))).collect::<io::Result<_>>()?;
    bound.iter().map(|(name, listener)| Ok((name.clone(), listener.local_addr()?.port()))).collect()
}

/// A number that makes all of these ports free when it is added to them.
pub fn free_offset(ports: &[u16]) -> Option<u16> {
    (1..400).map(|step| step * 50).find(|offset| ports.iter().all(|port| bind(port + offset).is_ok()))
}

fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_ports_of_their_own() {
        let ports = free(["a", "b"].map(str::to_owned).into_iter()).unwrap();
        assert_ne!(ports["a"], ports["b"]);
    }

    #[test]
    fn an_offset_passes_over_what_is_taken() {
        let taken = bind(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_offset(&[port - 50]), Some(50));
    }
}
