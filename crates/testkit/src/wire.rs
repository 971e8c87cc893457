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

use crate::frames::{Frames, Rename};

/// How long the server goes on working for a client that does not hear it any more.
const UNHEARD: Duration = Duration::from_millis(100);

/// A wire between a process and a server, on which answers can get lost, and which can be held or cut. It is gone when it
/// is dropped.
pub struct Wire {
    address: SocketAddr,
    losses: watch::Sender<()>,
    flow: watch::Sender<Flow>,
    renamed: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

/// What becomes of the bytes on a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They arrive.
    Open,
    /// They wait, in both directions, also on new connections: nobody is told that anything is wrong.
    Held,
    /// Connections break, and so does every new one.
    Cut,
}

/// The server's end, and how its answers are changed.
#[derive(Clone)]
struct Far {
    server: (String, u16),
    rename: Option<Rename>,
    renamed: Arc<AtomicU64>,
}

impl Wire {
    /// A wire to the server of this URL, which must name its host and port.
    pub(crate) async fn to(url: &Url) -> Result<Self> {
        let server = (url.host_str().context("a host is needed")?.to_owned(), url.port().context("a port is needed")?);
        Self::lay(server, false).await
    }

    /// A wire to a broker, `host:port` on this machine. A broker tells its clients where to come back to; on the wire that
    /// becomes the wire's own address.
    pub(crate) async fn to_broker(broker: &str) -> Result<Self> {
        let (host, port) = broker.rsplit_once(':').context("host:port is needed")?;
        // Only the port is replaced: the name must lead to this machine all the same.
        ensure!(matches!(host, "127.0.0.1" | "localhost"), "a wire leads to a broker on this machine, not on {host}");
        Self::lay((host.to_owned(), port.parse()?), true).await
    }

    async fn lay(server: (String, u16), to_broker: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, losses, flow) = (listener.local_addr()?, watch::Sender::new(()), watch::Sender::new(Flow::Open));
        let (told, flowing, renamed) = (losses.subscribe(), flow.subscribe(), Arc::<AtomicU64>::default());
        let rename = to_broker.then(|| Rename::of_port(&server.0, server.1, address.port()));
        let far = Far { server, rename, renamed: Arc::clone(&renamed) };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (far, told, mut flow) = (far.clone(), told.clone(), flowing.clone());
                tokio::spawn(async move {
                    let mut cut = flow.clone();
                    tokio::select! {
                        biased;
                        _ = cut.wait_for(|flow| *flow == Flow::Cut) => {}
                        () = async { moves(&mut flow).await; connect(client, &far, told, &flow).await } => {}
                    }
                });
            }
        });
        Ok(Self { address, losses, flow, renamed, accepting })
    }

    /// The same URL, but through the wire.
    pub(crate) fn through(&self, url: &Url) -> Result<Url> {
        let mut url = url.clone();
        url.set_host(Some(&self.address.ip().to_string()))?;
        url.set_port(Some(self.address.port())).ok().context("a URL without ports")?;
        Ok(url)
    }

    /// The near end: host:port.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often a broker has told its address through this wire. Never: whoever asks it goes past the wire.
    pub fn renamed(&self) -> u64 {
        self.renamed.load(Ordering::Relaxed)
    }

    /// What the server says from now on is not heard; what was asked is done all the same. Soon the connections break.
    pub fn lose_answers(&self) {
        self.losses.send_replace(());
    }

    /// From now on the bytes do this.
    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Waits until bytes may go on.
async fn moves(flow: &mut watch::Receiver<Flow>) {
    // Without a wire nobody waits any more.
    drop(flow.wait_for(|flow| *flow != Flow::Held).await);
}

/// Ends when a side does, or some time after an answer was lost.
async fn connect(mut client: TcpStream, far: &Far, mut losses: watch::Receiver<()>, flow: &watch::Receiver<Flow>) {
    losses.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(far.server.clone()).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((asks, hears), (says, takes)) = (client.split(), server.split());
    let answers = Some((far, losses.clone()));
    tokio::select! {
        biased;
        () = async { drop(losses.changed().await); sleep(UNHEARD).await } => {}
        _ = pass_on(asks, takes, flow.clone(), None) => {}
        _ = pass_on(says, hears, flow.clone(), answers) => {}
    }
}

/// Passes on what comes, until a side ends. Answers that are lost are not passed on.
async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
    answers: Option<(&Far, watch::Receiver<()>)>,
) -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    let mut frames = Frames::default();
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        moves(&mut flow).await;
        match &answers {
            Some((_, losses)) if losses.has_changed().unwrap_or(true) => {}
            Some((Far { rename: Some(rename), renamed, .. }, _)) => {
                frames.take(&buffer[..length]);
                while let Some(mut frame) = frames.next() {
                    renamed.fetch_add(rename.apply(&mut frame), Ordering::Relaxed);
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

    /// Answers each byte with itself.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut hears, mut says) = client.split();
                    tokio::io::copy(&mut hears, &mut says).await
                });
            }
        });
        address
    }

    async fn says_back(connection: &mut TcpStream, limit: Duration) -> io::Result<bool> {
        let mut back = [0];
        match timeout(limit, connection.read(&mut back)).await {
            Ok(read) => read.map(|length| length == 1),
            Err(_) => Ok(false),
        }
    }

    #[tokio::test]
    async fn a_wire_that_is_held_delays_and_one_that_is_cut_breaks() {
        let wire = Wire::to(&Url::parse(&format!("echo://{}", echo().await)).unwrap()).await.unwrap();
        let mut connection = TcpStream::connect(wire.address()).await.unwrap();
        connection.write_all(b"a").await.unwrap();
        assert!(says_back(&mut connection, Duration::from_secs(5)).await.unwrap());
        wire.set(Flow::Held);
        connection.write_all(b"b").await.unwrap();
        assert!(!says_back(&mut connection, Duration::from_millis(100)).await.unwrap(), "it was not held");
        wire.set(Flow::Open);
        assert!(says_back(&mut connection, Duration::from_secs(5)).await.unwrap());
        wire.set(Flow::Cut);
        assert!(!says_back(&mut connection, Duration::from_secs(5)).await.unwrap_or(false), "it was not cut");
        let mut another = TcpStream::connect(wire.address()).await.unwrap();
        assert!(!says_back(&mut another, Duration::from_secs(5)).await.unwrap_or(false), "it was not cut");
        wire.set(Flow::Open);
        let mut third = TcpStream::connect(wire.address()).await.unwrap();
        third.write_all(b"c").await.unwrap();
        assert!(says_back(&mut third, Duration::from_secs(5)).await.unwrap());
    }
}
