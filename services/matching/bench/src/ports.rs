//! Ports that are free now. Somebody may take one before we do; then the fleet says so and the run ends.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// One for each name.
pub fn free(names: impl Iterator<Item = String>) -> io::Result<BTreeMap<String, u16>> {
    // All are held until all are known, so that none is given twice.
    let held: Vec<(String, TcpListener)> = names.map(|name| Ok((name, bind(0)?))).collect::<io::Result<_>>()?;
    held.iter().map(|(name, listener)| Ok((name.clone(), listener.local_addr()?.port()))).collect()
}

/// A number to add to all of these ports so that they are free.
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
