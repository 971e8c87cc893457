use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The timeout of the probe. `/readyz` itself takes at most one second.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why a process is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// No response.
    #[error("no response from {0}: {1}")]
    Unreachable(SocketAddr, #[source] io::Error),
    /// The response has this status line.
    #[error("{0}")]
    Status(String),
}

/// Requests the readiness of the process on `address`. For containers, which have no shell for it.
pub(crate) fn check_ready(address: SocketAddr) -> Result<(), NotReady> {
    let status = status_line(reachable(address)).map_err(|error| NotReady::Unreachable(address, error))?;
    if status.contains(" 200 ") { Ok(()) } else { Err(NotReady::Status(status)) }
}

fn status_line(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// A process on the wildcard address is reachable on the loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
