//! The accept loop of a server.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::http::connection::{HttpService, Server};
use crate::http::connection_limit::ConnectionLimit;
use crate::http::handshake::Handshake;
use crate::http::limits::ServeLimits;
use crate::http::request_body::CONCURRENT_DISCARDS;
use crate::process::host::Host;

/// The pause after an accept error, such as a lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// Serves HTTP until `host` shuts down and every request in flight has its response.
///
/// During the shutdown every response closes its connection. After the drain delay no new connection is accepted. There
/// is no deadline: drop the future to abort the rest.
pub async fn serve<H: Handshake>(
    listener: TcpListener,
    handshake: H,
    service: impl HttpService,
    limits: ServeLimits,
    host: Host,
) {
    let (draining, closing) = (host.draining(), CancellationToken::new());
    let connection_limit = Arc::new(ConnectionLimit::new(limits.connections_per_address));
    let discards = Arc::new(Semaphore::new(CONCURRENT_DISCARDS));
    let on_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let ends = (draining.clone(), closing.clone());
    let server = Server {
        handshake,
        service,
        limits,
        connection_limit,
        discards,
        on_loopback,
        draining: ends.0,
        closing: ends.1,
    };
    let server = Arc::new(server);
    let mut connections = JoinSet::new();
    let mut closed = pin!(async {
        draining.cancelled().await;
        sleep(limits.drain_delay).await;
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => Arc::clone(&server).accept(stream, peer, host.workers(), &mut connections),
                Err(error) => back_off(&error).await,
            },
            // Removes finished tasks from the set, which would grow otherwise.
            Some(_) = connections.join_next() => {}
            () = &mut closed => break,
        }
    }
    drop(listener);
    closing.cancel();
    while connections.join_next().await.is_some() {}
}

/// An error of the connection itself needs no action. Without free file descriptors (EMFILE) the same error would
/// repeat at once, so there is a pause: connections that end meanwhile free some.
async fn back_off(error: &io::Error) {
    if !is_connection_error(error) {
        tracing::warn!(%error, "cannot take a connection");
        sleep(ACCEPT_BACKOFF).await;
    }
}

fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
