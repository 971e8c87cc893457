//! A service that records, byte by byte, what it receives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The first line and the headers, with the empty line at the end.
    pub head: String,
    pub body: Vec<u8>,
}

impl Arrived {
    /// `METHOD TARGET BODY`.
    pub fn line(&self) -> String {
        let first = self.head.lines().next().unwrap_or_default();
        format!("{} {}", first.trim_end_matches(" HTTP/1.1"), String::from_utf8_lossy(&self.body)).trim_end().to_owned()
    }
}

/// Responds to every request with 200 on persistent connections. It delimits bodies by `Content-Length` only: the bytes
/// after it are the next request, whatever the gateway intended.
pub struct Recorder {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let kept = Arc::clone(&arrived);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(record(connection, Arc::clone(&kept)));
            }
        });
        Self { address, arrived }
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }
}

async fn record(mut connection: TcpStream, kept: Arc<Mutex<Vec<Arrived>>>) {
    while let Some(request) = read(&mut connection).await {
        kept.lock().unwrap().push(request);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if connection.write_all(answer).await.is_err() {
            return;
        }
    }
}

async fn read(connection: &mut TcpStream) -> Option<Arrived> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            // The gateway closes a connection between two requests, never within one.
            Err(_) if head.is_empty() => return None,
            Err(error) => panic!("half a head: {} ({error})", String::from_utf8_lossy(&head)),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let lower = head.to_ascii_lowercase();
    assert!(!lower.contains("transfer-encoding"), "{head}");
    let length = lower.lines().filter_map(|line| line.strip_prefix("content-length:")).collect::<Vec<_>>();
    assert!(length.len() <= 1, "{head}");
    let mut body = vec![0; length.first().map_or(0, |length| length.trim().parse().unwrap())];
    connection.read_exact(&mut body).await.ok()?;
    Some(Arrived { head, body })
}
