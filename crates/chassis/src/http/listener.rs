use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections waiting for accept: as many as the kernel allows (on Linux `net.core.somaxconn`).
const BACKLOG: u32 = i32::MAX.unsigned_abs();

/// Listens on this address, with the largest backlog that the kernel allows.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Like `TcpListener::bind`: a restarted process must not wait for old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
