//! A TCP proxy that delays, cuts or drops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use url::Url;

use crate::faults::frames::{Frames, PortRewrite};

/// Time between the loss of a response and the end of its connection.
const LOSS_DELAY: Duration = Duration::from_millis(100);

/// A TCP proxy between a process and a server. It can lose responses, hold bytes back and cut connections. Dropping it closes
/// the listener.
pub struct TcpProxy {
    address: SocketAddr,
    losses: watch::Sender<()>,
    flow: watch::Sender<ProxyState>,
    rewrites: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

/// The state of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyState {
    /// Bytes are forwarded.
    Open,
    /// Bytes are held back in both directions, also on new connections. No error is visible.
    Held,
    /// Connections are closed, also new ones.
    Cut,
}

/// The server, and the rewrite of its responses.
#[derive(Clone)]
struct Upstream {
    server: (String, u16),
    rewrite: Option<PortRewrite>,
    rewrites: Arc<AtomicU64>,
}

impl TcpProxy {
    /// A proxy to the server of this URL, which must have a host and a port.
    pub(crate) async fn to(url: &Url) -> Result<Self> {
        let server = (url.host_str().context("a host is needed")?.to_owned(), url.port().context("a port is needed")?);
        Self::listen(server, false).await
    }

    /// A proxy to a broker, `host:port` on this machine. It replaces the advertised address of the broker by its own.
    pub(crate) async fn to_broker(broker: &str) -> Result<Self> {
        let (host, port) = broker.rsplit_once(':').context("host:port is needed")?;
        // Only the port is replaced, so the host must be this machine.
        ensure!(
            matches!(host, "127.0.0.1" | "localhost"),
            "the broker of a proxy must be on this machine, not on {host}"
        );
        Self::listen((host.to_owned(), port.parse()?), true).await
    }

    async fn listen(server: (String, u16), to_broker: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, losses, flow) =
            (listener.local_addr()?, watch::Sender::new(()), watch::Sender::new(ProxyState::Open));
        let (lost, state, rewrites) = (losses.subscribe(), flow.subscribe(), Arc::<AtomicU64>::default());
        let rewrite = to_broker.then(|| PortRewrite::new(&server.0, server.1, address.port()));
        let upstream = Upstream { server, rewrite, rewrites: Arc::clone(&rewrites) };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, lost, mut flow) = (upstream.clone(), lost.clone(), state.clone());
                tokio::spawn(async move {
                    let mut cut = flow.clone();
                    tokio::select! {
                        biased;
                        _ = cut.wait_for(|flow| *flow == ProxyState::Cut) => {}
                        () = async { not_held(&mut flow).await; connect(client, &upstream, lost, &flow).await } => {}
                    }
                });
            }
        });
        Ok(Self { address, losses, flow, rewrites, accepting })
    }

    /// The same URL through the proxy.
    pub(crate) fn through(&self, url: &Url) -> Result<Url> {
        let mut url = url.clone();
        url.set_host(Some(&self.address.ip().to_string()))?;
        url.set_port(Some(self.address.port())).ok().context("a URL without ports")?;
        Ok(url)
    }

    /// The address of the proxy.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of replaced addresses. 0: the clients of the broker bypass the proxy.
    pub fn renamed(&self) -> u64 {
        self.rewrites.load(Ordering::Relaxed)
    }

    /// Drops the responses of the server from now on, while requests still arrive. Closes the connections shortly after.
    pub fn lose_answers(&self) {
        self.losses.send_replace(());
    }

    /// Changes the state.
    pub fn set(&self, flow: ProxyState) {
        self.flow.send_replace(flow);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Waits until bytes are not held back.
async fn not_held(flow: &mut watch::Receiver<ProxyState>) {
    // An error means that the proxy was dropped.
    drop(flow.wait_for(|flow| *flow != ProxyState::Held).await);
}

/// Connects a client with the server. Returns when a side closes, or [`LOSS_DELAY`] after the loss of a response.
async fn connect(
    mut client: TcpStream,
    upstream: &Upstream,
    mut losses: watch::Receiver<()>,
    flow: &watch::Receiver<ProxyState>,
) {
    losses.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(upstream.server.clone()).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((client_in, client_out), (server_in, server_out)) = (client.split(), server.split());
    let responses = Some((upstream, losses.clone()));
    tokio::select! {
        biased;
        () = async { drop(losses.changed().await); sleep(LOSS_DELAY).await } => {}
        _ = forward(client_in, server_out, flow.clone(), None) => {}
        _ = forward(server_in, client_out, flow.clone(), responses) => {}
    }
}

/// Forwards bytes until a side closes. Lost responses are not forwarded.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<ProxyState>,
    responses: Option<(&Upstream, watch::Receiver<()>)>,
) -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    let mut frames = Frames::default();
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        not_held(&mut flow).await;
        match &responses {
            Some((_, losses)) if losses.has_changed().unwrap_or(true) => {}
            Some((Upstream { rewrite: Some(rewrite), rewrites, .. }, _)) => {
                frames.push(&buffer[..length]);
                while let Some(mut frame) = frames.next() {
                    rewrites.fetch_add(rewrite.apply(&mut frame), Ordering::Relaxed);
                    to.write_all(&frame).await?;
                }
            }
            _ => to.write_all(&buffer[..length]).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// An echo server.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut input, mut output) = client.split();
                    tokio::io::copy(&mut input, &mut output).await
                });
            }
        });
        address
    }

    async fn echoes(connection: &mut TcpStream, limit: Duration) -> io::Result<bool> {
        let mut byte = [0];
        match timeout(limit, connection.read(&mut byte)).await {
            Ok(read) => read.map(|length| length == 1),
            Err(_) => Ok(false),
        }
    }

    #[tokio::test]
    async fn a_wire_that_is_held_delays_and_one_that_is_cut_breaks() {
        let proxy = TcpProxy::to(&Url::parse(&format!("echo://{}", echo().await)).unwrap()).await.unwrap();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        connection.write_all(b"a").await.unwrap();
        assert!(echoes(&mut connection, Duration::from_secs(5)).await.unwrap());
        proxy.set(ProxyState::Held);
        connection.write_all(b"b").await.unwrap();
        assert!(!echoes(&mut connection, Duration::from_millis(100)).await.unwrap(), "it was not held");
        proxy.set(ProxyState::Open);
        assert!(echoes(&mut connection, Duration::from_secs(5)).await.unwrap());
        proxy.set(ProxyState::Cut);
        assert!(!echoes(&mut connection, Duration::from_secs(5)).await.unwrap_or(false), "it was not cut");
        let mut another = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(!echoes(&mut another, Duration::from_secs(5)).await.unwrap_or(false), "it was not cut");
        proxy.set(ProxyState::Open);
        let mut third = TcpStream::connect(proxy.address()).await.unwrap();
        third.write_all(b"c").await.unwrap();
        assert!(echoes(&mut third, Duration::from_secs(5)).await.unwrap());
    }
}
