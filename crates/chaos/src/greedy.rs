use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::scenario::GreedyRequests;

/// The address of this client only.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

/// Connections with unfinished bodies: together more than the gateway has room for, and more than the concurrency limit of a route.
const BODIES: usize = 600;

/// The bytes of a body that are sent: most of what a body may have.
const BODY: usize = 60_000;

/// Connections with live streams: more than the concurrency limit of a route.
const STREAMS: usize = 600;

/// The pause before a connection that has ended is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// A client that takes all resources it can, from an address of its own.
#[derive(Debug, Default)]
pub struct GreedyClient {
    connections: JoinSet<()>,
    rejected: Arc<AtomicU64>,
    started: bool,
}

impl GreedyClient {
    /// Opens all its connections to the gateway at `host:port`, and opens them again when they end.
    pub fn start(&mut self, gateway: &str, requests: GreedyRequests) -> Result<()> {
        let gateway: SocketAddr = gateway.parse().with_context(|| format!("{gateway} is not an address"))?;
        let unfinished = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
            requests.post,
            BODY + 1,
            " ".repeat(BODY)
        );
        let live = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", requests.stream);
        for (request, count) in [(unfinished, BODIES), (live, STREAMS)] {
            let request: Arc<str> = request.into();
            for _ in 0..count {
                self.connections.spawn(reconnect(gateway, Arc::clone(&request), Arc::clone(&self.rejected)));
            }
        }
        self.started = true;
        Ok(())
    }

    /// Closes all its connections.
    pub fn stop(&mut self) {
        // Dropped tasks are aborted.
        self.connections = JoinSet::new();
    }

    /// How often it was rejected with 429, if it was started.
    pub fn rejections(&self) -> Option<u64> {
        self.started.then(|| self.rejected.load(Ordering::Relaxed))
    }
}

async fn reconnect(gateway: SocketAddr, request: Arc<str>, rejected: Arc<AtomicU64>) {
    loop {
        if let Ok(true) = is_rejected(gateway, &request).await {
            rejected.fetch_add(1, Ordering::Relaxed);
        }
        sleep(PAUSE).await;
    }
}

/// Sends a request, and waits until the gateway responds or closes the connection. Whether the response is 429.
async fn is_rejected(gateway: SocketAddr, request: &str) -> std::io::Result<bool> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ADDRESS, 0).into())?;
    let mut connection: TcpStream = socket.connect(gateway).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut response = [0; 12];
    connection.read_exact(&mut response).await?;
    Ok(&response == b"HTTP/1.1 429")
}
