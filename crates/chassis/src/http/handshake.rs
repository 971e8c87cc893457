//! The start of a connection: TLS or plain, HTTP/1.1 or HTTP/2.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The first bytes of every HTTP/2 connection (RFC 9113, section 3.4). No HTTP/1 connection starts with them.
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first interval between two looks at an incomplete preface. It doubles each time.
const PREFACE_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The layer between TCP and HTTP: none, or TLS.
pub trait Handshake: Clone + Send + Sync + 'static {
    /// The connection after the handshake.
    type Io: AsyncRead + AsyncWrite + Send + 'static;

    /// Whether the connection is encrypted.
    const ENCRYPTED: bool;

    /// Performs the handshake and determines the protocol. The caller sets the timeout.
    fn shake(self, stream: TcpStream) -> impl Future<Output = io::Result<(Self::Io, Protocol)>> + Send;
}

/// No handshake: the first bytes determine the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Handshake for Plain {
    type Io = TcpStream;
    const ENCRYPTED: bool = false;

    async fn shake(self, stream: TcpStream) -> io::Result<(TcpStream, Protocol)> {
        let protocol = if begins_http2(&stream).await? { Protocol::Http2 } else { Protocol::Http1 };
        Ok((stream, protocol))
    }
}

/// Peeks at the first bytes. There is no wake-up when a few bytes become more, hence the polling. The interval grows,
/// because such a client may never send the rest.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let (mut begin, mut pause) = ([0; PREFACE.len()], PREFACE_POLL_INTERVAL);
    loop {
        let seen = stream.peek(&mut begin).await?;
        let so_far = begin.get(..seen).unwrap_or_default();
        if seen == 0 || seen == PREFACE.len() || !PREFACE.starts_with(so_far) {
            return Ok(so_far == PREFACE);
        }
        sleep(pause).await;
        pause *= 2;
    }
}
