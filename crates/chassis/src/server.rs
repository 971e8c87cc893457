use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::http_metrics;

/// How long to wait before the next try when the process has no file descriptor left for a connection.
const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(200);

/// The least that hyper reads into.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// What a server allows its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// How long the head of a request may take to arrive, also how long a connection may be idle before it.
    pub header_read_timeout: Duration,
    /// Bytes in the head of a request. A larger one is answered 431.
    pub head_limit: usize,
    /// Lines in the head of a request, without the first. More are answered 431.
    pub head_lines: usize,
    /// How long a client may leave an answer unread before its connection is closed.
    pub write_timeout: Duration,
    /// Connections at a time. One more is closed at once, without an answer.
    pub max_connections: usize,
    /// After this time the next answer on a connection closes it.
    pub connection_max_age: Duration,
    /// How long to go on taking connections after the token was cancelled.
    pub drain_delay: Duration,
}

impl ServeLimits {
    fn protocol(&self) -> http1::Builder {
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(self.header_read_timeout);
        protocol.max_header_size(self.head_limit).max_headers(self.head_lines);
        // Else a connection could make us keep 400 KiB of a head that never ends.
        protocol.max_buf_size(self.head_limit.max(SMALLEST_BUFFER));
        protocol
    }
}

/// Who sent a request: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Serves HTTP/1.1 until `draining` is cancelled and every request in flight is answered.
///
/// From then on every answer closes its connection, and after the drain delay no new connection is taken. There is no
/// deadline in here: drop the future to cut off what is left.
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, draining: CancellationToken) {
    let closing = CancellationToken::new();
    let server = Server { router, limits, draining: draining.clone(), closing: closing.clone() };
    let mut connections = JoinSet::new();
    let mut closed = pin!(async {
        draining.cancelled().await;
        sleep(limits.drain_delay).await;
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.clone().take(stream, peer, &mut connections),
                Err(error) => after_accept_error(&error).await,
            },
            // Without this the set would keep what is left of every connection there ever was.
            Some(_) = connections.join_next() => {}
            () = &mut closed => break,
        }
    }
    drop(listener);
    closing.cancel();
    while connections.join_next().await.is_some() {}
}

/// A connection that broke before it was taken concerns nobody. Without a free file descriptor (EMFILE) the same error
/// would come again at once, so there is a pause: connections that end meanwhile free some.
async fn after_accept_error(error: &io::Error) {
    if !is_of_the_connection(error) {
        tracing::warn!(%error, "cannot take a connection");
        sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[derive(Clone)]
struct Server {
    router: Router,
    limits: ServeLimits,
    /// Answers close their connections.
    draining: CancellationToken,
    /// Idle connections are closed.
    closing: CancellationToken,
}

impl Server {
    /// Serves a connection in a task of its own, unless there are as many as there may be.
    fn take(self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        while connections.try_join_next().is_some() {}
        if connections.len() < self.limits.max_connections {
            connections.spawn(self.connection(stream, peer));
        } else {
            http_metrics::refused_connection();
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        // An answer is written in one go: waiting for more to send only delays it.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        // hyper itself would wait for ever, and with it what the answer holds.
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let began = Instant::now();
        let service = service_fn(|request| self.answer(request, peer, began));
        let mut connection = pin!(self.limits.protocol().serve_connection(TokioIo::new(Box::pin(stream)), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients break connections all day long: this is nothing to warn of.
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        began: Instant,
    ) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let mut response = self.router.clone().call(request).await?;
        if self.draining.is_cancelled() || began.elapsed() >= self.limits.connection_max_age {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}
