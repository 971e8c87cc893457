use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request as AnyRequest;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::unread::Unread;
use crate::{Host, Workers, http_metrics};

/// How long a connection of HTTP/2 lasts at least. A client that is told to go away before it has sent its first request does
/// not send it, and hyper's does not open another connection either: while a process drains, its request would have failed.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// How long to wait before the next try when the process has no file descriptor left for a connection.
const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(200);

/// What a connection of HTTP/2 begins with, and none of HTTP/1 (RFC 9113, section 3.4).
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait for more of what may be that: twice as long each time.
const PAUSE_IN_PREFACE: Duration = Duration::from_millis(1);

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
    /// Requests at a time on one connection of HTTP/2. One more waits.
    pub max_streams: u32,
    /// After this time the next answer on a connection closes it.
    pub connection_max_age: Duration,
    /// How long to go on taking connections after the token was cancelled.
    pub drain_delay: Duration,
}

impl ServeLimits {
    fn http1(&self) -> http1::Builder {
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(self.header_read_timeout);
        protocol.max_header_size(self.head_limit).max_headers(self.head_lines);
        // Else a connection could make us keep 400 KiB of a head that never ends.
        protocol.max_buf_size(self.head_limit.max(SMALLEST_BUFFER));
        protocol
    }

    fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol.timer(TokioTimer::new()).max_concurrent_streams(self.max_streams);
        protocol.max_header_list_size(u32::try_from(self.head_limit).unwrap_or(u32::MAX));
        // Who is gone without a word is found out.
        protocol.keep_alive_interval(self.header_read_timeout).keep_alive_timeout(self.header_read_timeout);
        protocol
    }
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What stands between a TCP connection and HTTP: nothing, or TLS.
pub trait Handshake: Clone + Send + Sync + 'static {
    /// The connection after it.
    type Io: AsyncRead + AsyncWrite + Send + 'static;

    /// Whether others can read what is sent.
    const ENCRYPTED: bool;

    /// Shakes hands, and finds out what is spoken from now on. The time limit is up to the caller.
    fn shake(self, stream: TcpStream) -> impl Future<Output = io::Result<(Self::Io, Protocol)>> + Send;
}

/// No handshake: the first bytes tell whether it is HTTP/2 or HTTP/1.1.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Handshake for Plain {
    type Io = TcpStream;
    const ENCRYPTED: bool = false;

    async fn shake(self, stream: TcpStream) -> io::Result<(TcpStream, Protocol)> {
        let spoken = if begins_http2(&stream).await? { Protocol::Http2 } else { Protocol::Http1 };
        Ok((stream, spoken))
    }
}

/// Looks at the first bytes, and leaves them where they are. Nobody is told when a few become more, so they are looked at
/// again: seldom, as whoever sends so little at a time may never send the rest.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let (mut begin, mut pause) = ([0; PREFACE.len()], PAUSE_IN_PREFACE);
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

/// An extension of every request that came over an encrypted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypted;

/// Who sent a request: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What answers requests: a `Router` does. The futures stay with their connections, so they should be small.
pub trait Answers:
    Service<AnyRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Answers for S where
    S: Service<AnyRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// Serves HTTP until `host` is told to end and every request in flight is answered.
///
/// From then on every answer closes its connection, and after the drain delay no new connection is taken. There is no
/// deadline in here: drop the future to cut off what is left.
pub async fn serve<H: Handshake>(
    listener: TcpListener,
    handshake: H,
    service: impl Answers,
    limits: ServeLimits,
    host: Host,
) {
    let (draining, closing) = (host.draining(), CancellationToken::new());
    let server = Arc::new(Server { handshake, service, limits, draining: draining.clone(), closing: closing.clone() });
    let mut connections = JoinSet::new();
    let mut closed = pin!(async {
        draining.cancelled().await;
        sleep(limits.drain_delay).await;
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => Arc::clone(&server).take(stream, peer, host.workers(), &mut connections),
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

struct Server<H, S> {
    handshake: H,
    service: S,
    limits: ServeLimits,
    /// Answers close their connections.
    draining: CancellationToken,
    /// Idle connections are closed.
    closing: CancellationToken,
}

impl<H: Handshake, S: Answers> Server<H, S> {
    /// Serves a connection in a task of its own, unless there are as many as there may be.
    fn take(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, workers: &Workers, connections: &mut JoinSet<()>) {
        while connections.try_join_next().is_some() {}
        if connections.len() >= self.limits.max_connections {
            return http_metrics::refused_connection();
        }
        // It belongs to the runtime that took it, until it is given to that of its worker.
        match stream.into_std() {
            Ok(stream) => drop(connections.spawn_on(self.connection(stream, peer), &workers.next())),
            Err(error) => tracing::warn!(%error, "cannot serve a connection"),
        }
    }

    /// Whatever is not needed for as long as a connection of HTTP/1.1 lasts is boxed: thousands of them may be idle.
    async fn connection(self: Arc<Self>, stream: std::net::TcpStream, peer: SocketAddr) {
        let began = Instant::now();
        let shaken = tokio::select! {
            biased;
            shaken = Box::pin(self.shake(stream)) => shaken,
            // Nothing was said on it.
            () = self.closing.cancelled(), if !H::ENCRYPTED => return,
        };
        let ended = match shaken {
            Ok(Ok((io, Protocol::Http1))) => self.http1(io, peer, began).await,
            Ok(Ok((io, Protocol::Http2))) => Box::pin(self.http2(io, peer, began)).await,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "no handshake"),
            Err(_) => return tracing::debug!(%peer, "no handshake in time"),
        };
        if let Err(error) = ended {
            // Clients break connections all day long: this is nothing to warn of.
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    async fn shake(&self, stream: std::net::TcpStream) -> Result<io::Result<(H::Io, Protocol)>, Elapsed> {
        let shaken = async {
            let stream = TcpStream::from_std(stream)?;
            // An answer is written in one go: waiting for more to send only delays it.
            let _ = stream.set_nodelay(true);
            self.handshake.clone().shake(stream).await
        };
        timeout(self.limits.header_read_timeout, shaken).await
    }

    async fn http1(&self, io: H::Io, peer: SocketAddr, began: Instant) -> hyper::Result<()> {
        let service = service_fn(|request| {
            let answered = self.answer(request, peer);
            async move {
                let mut response = answered.await?;
                if self.draining.is_cancelled() || began.elapsed() >= self.limits.connection_max_age {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(self.limits.http1().serve_connection(self.bounded(io), service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    /// Here a client is told that a connection ends (GOAWAY) without an answer on which that could be said. What it has sent
    /// until it knows is answered: also on a connection that has just begun.
    async fn http2(self: &Arc<Self>, io: H::Io, peer: SocketAddr, began: Instant) -> hyper::Result<()> {
        let unread = Unread::default();
        // Each request has a task of its own there.
        let (server, watched) = (Arc::clone(self), unread.clone());
        let service = service_fn(move |request| {
            let watched = watched.clone();
            let answered = server.answer(request, peer);
            async move { answered.await.map(|response| response.map(|body| watched.watch(body))) }
        });
        let mut connection = pin!(self.limits.http2().serve_connection(self.bounded(io), service));
        let over = async {
            tokio::select! {
                () = self.draining.cancelled() => {}
                () = sleep(self.limits.connection_max_age.saturating_sub(began.elapsed())) => {}
            }
            sleep(FIRST_REQUEST.saturating_sub(began.elapsed())).await;
        };
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = over => connection.as_mut().graceful_shutdown(),
            () = unread.for_longer_than(self.limits.write_timeout) => return Ok(()),
        }
        tokio::select! {
            ended = connection => ended,
            () = unread.for_longer_than(self.limits.write_timeout) => Ok(()),
        }
    }

    /// hyper itself would wait for ever for a client that reads nothing, and with it what the answer holds.
    fn bounded(&self, io: H::Io) -> TokioIo<Pin<Box<TimeoutStream<H::Io>>>> {
        let mut stream = TimeoutStream::new(io);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        TokioIo::new(Box::pin(stream))
    }

    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> S::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        if H::ENCRYPTED {
            request.extensions_mut().insert(Encrypted);
        }
        self.service.clone().call(request)
    }
}
