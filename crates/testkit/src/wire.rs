use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use url::Url;

/// How long the server goes on working for a client that does not hear it any more.
const UNHEARD: Duration = Duration::from_millis(100);

/// A wire between a process and a server, on which answers can get lost. It is gone when it is dropped.
pub struct Wire {
    address: SocketAddr,
    losses: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// A wire to the server of this URL, which must name its host and port.
    pub(crate) async fn to(url: &Url) -> Result<Self> {
        let server = (url.host_str().context("a host is needed")?.to_owned(), url.port().context("a port is needed")?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, losses) = (listener.local_addr()?, watch::Sender::new(()));
        let told = losses.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, told) = (server.clone(), told.clone());
                tokio::spawn(async move { connect(client, server, told).await });
            }
        });
        Ok(Self { address, losses, accepting })
    }

    /// The same URL, but through the wire.
    pub(crate) fn through(&self, url: &Url) -> Result<Url> {
        let mut url = url.clone();
        url.set_host(Some(&self.address.ip().to_string()))?;
        url.set_port(Some(self.address.port())).ok().context("a URL without ports")?;
        Ok(url)
    }

    /// What the server says from now on is not heard; what was asked is done all the same. Soon the connections break.
    pub fn lose_answers(&self) {
        self.losses.send_replace(());
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Ends when a side does, or some time after an answer was lost.
async fn connect(mut client: TcpStream, server: (String, u16), mut losses: watch::Receiver<()>) {
    losses.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let ((mut asks, mut hears), (mut says, mut takes)) = (client.split(), server.split());
    let answers = async {
        let mut buffer = vec![0; 65_536];
        loop {
            tokio::select! {
                biased;
                _ = losses.changed() => break sleep(UNHEARD).await,
                said = says.read(&mut buffer) => match said {
                    Ok(length @ 1..) if hears.write_all(&buffer[..length]).await.is_ok() => {}
                    _ => break,
                }
            }
        }
    };
    tokio::select! {
        _ = copy(&mut asks, &mut takes) => {}
        () = answers => {}
    }
}
