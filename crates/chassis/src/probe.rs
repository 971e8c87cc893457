use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take: `/readyz` itself takes no more than a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a process does not count as ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody answers.
    #[error("nobody answers on {0}: {1}")]
    Silent(SocketAddr, #[source] io::Error),
    /// It says so itself.
    #[error("{0}")]
    Said(String),
}

/// Asks the process that listens on `address` whether it is ready. For containers, which have no shell that could.
pub(crate) fn ask(address: SocketAddr) -> Result<(), NotReady> {
    let status = status_line(reachable(address)).map_err(|error| NotReady::Silent(address, error))?;
    if status.contains(" 200 ") { Ok(()) } else { Err(NotReady::Said(status)) }
}

fn status_line(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Who listens on all addresses is found on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
