//! One connection, from its handshake to its last response.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request as AnyRequest;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::grpc::status::in_grpc;
use crate::http::allowed_hosts::Destination;
use crate::http::authority::Authority;
use crate::http::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::http::handshake::{Handshake, Protocol};
use crate::http::limits::ServeLimits;
use crate::http::media_types::is_grpc;
use crate::http::parse_errors::{InFlight, ParseErrorWriter};
use crate::http::problem::Problem;
use crate::http::{request_body, unread};
use crate::process::workers::Workers;
use crate::telemetry::metrics;

/// The minimum age of an HTTP/2 connection before GOAWAY. A client that receives GOAWAY before it has sent its first
/// request does not send it, and hyper's client does not open another connection: that request would fail while the
/// process drains.
const MIN_HTTP2_AGE: Duration = Duration::from_secs(1);

/// Extension of every request that came over an encrypted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypted;

/// The address of the client: extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A service that responds to requests, such as a `Router`. Its futures live as long as their connections, so they
/// should be small.
pub trait HttpService:
    Service<AnyRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> HttpService for S where
    S: Service<AnyRequest, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

pub(crate) struct Server<H, S> {
    pub(crate) handshake: H,
    pub(crate) service: S,
    pub(crate) limits: ServeLimits,
    pub(crate) connection_limit: Arc<ConnectionLimit>,
    /// Request bodies whose unread part is being discarded.
    pub(crate) discards: Arc<Semaphore>,
    /// Whether the listener has a loopback address.
    pub(crate) on_loopback: bool,
    /// Responses close their connections.
    pub(crate) draining: CancellationToken,
    /// Idle connections are closed.
    pub(crate) closing: CancellationToken,
}

impl<H: Handshake, S: HttpService> Server<H, S> {
    /// Serves a connection in a task of its own. Closes it if the limit of connections is reached, in total or for its
    /// address.
    pub(crate) fn accept(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        workers: &Workers,
        connections: &mut JoinSet<()>,
    ) {
        while connections.try_join_next().is_some() {}
        if connections.len() >= self.limits.max_connections {
            return metrics::count_refused_connection();
        }
        let Some(permit) = self.connection_limit.try_acquire(peer.ip()) else {
            return metrics::count_refused_connection();
        };
        // The socket is registered with the accepting runtime, until it is handed to that of the worker.
        match stream.into_std() {
            Ok(stream) => drop(connections.spawn_on(self.connection(stream, peer, permit), &workers.next())),
            Err(error) => tracing::warn!(%error, "cannot serve a connection"),
        }
    }

    /// Boxes all that an HTTP/1.1 connection does not need while it lives: thousands of connections may be idle.
    async fn connection(self: Arc<Self>, stream: std::net::TcpStream, peer: SocketAddr, _permit: ConnectionPermit) {
        let began = Instant::now();
        let handshake = tokio::select! {
            biased;
            handshake = Box::pin(self.perform_handshake(stream)) => handshake,
            // The client has not sent anything.
            () = self.closing.cancelled(), if !H::ENCRYPTED => return,
        };
        let ended = match handshake {
            Ok(Ok((io, Protocol::Http1))) => self.serve_http1(io, peer, began).await,
            Ok(Ok((io, Protocol::Http2))) => Box::pin(self.serve_http2(io, peer, began)).await,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "no handshake"),
            Err(_) => return tracing::debug!(%peer, "no handshake in time"),
        };
        if let Err(error) = ended {
            // Clients break connections routinely: not worth a warning.
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    async fn perform_handshake(&self, stream: std::net::TcpStream) -> Result<io::Result<(H::Io, Protocol)>, Elapsed> {
        let handshake = async {
            let stream = TcpStream::from_std(stream)?;
            // A response is written in one go: Nagle's algorithm would only delay it.
            let _ = stream.set_nodelay(true);
            self.handshake.clone().shake(stream).await
        };
        timeout(self.limits.header_read_timeout, handshake).await
    }

    async fn serve_http1(&self, io: H::Io, peer: SocketAddr, began: Instant) -> hyper::Result<()> {
        let in_flight = InFlight::default();
        let service = service_fn(|request| {
            let (request, remainder) = request_body::watch(request);
            let (response, guard) = (self.respond(request, peer), in_flight.begin());
            async move {
                let mut response = guard.until_end_of(response.await?);
                let over = self.draining.is_cancelled() || began.elapsed() >= self.limits.connection_max_age;
                let is_read = match remainder.unread() {
                    // Boxed: it is rare.
                    Some(unread) => Box::pin(unread.discard(&self.discards)).await,
                    None => true,
                };
                if over || !is_read {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let io = TokioIo::new(ParseErrorWriter::new(self.with_write_timeout(io), in_flight.clone()));
        let mut connection = pin!(self.limits.http1().serve_connection(io, service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    /// HTTP/2 announces the end of a connection with GOAWAY, independently of responses. Requests that the client sends
    /// before it receives GOAWAY are served, even on a new connection.
    async fn serve_http2(self: &Arc<Self>, io: H::Io, peer: SocketAddr, began: Instant) -> hyper::Result<()> {
        // hyper runs each request in a task of its own.
        let server = Arc::clone(self);
        let service = service_fn(move |request| {
            let too_large = server.limits.is_too_large(&request);
            let is_grpc = is_grpc(request.headers());
            let response = (!too_large).then(|| server.respond(request, peer));
            async move {
                let response = match response {
                    Some(response) => response.await?,
                    None if is_grpc => in_grpc(Problem::head_too_large().into_response()),
                    None => Problem::head_too_large().into_response(),
                };
                Ok::<_, Infallible>(response.map(unread::watch))
            }
        });
        let io = TokioIo::new(self.with_write_timeout(io));
        let mut connection = pin!(self.limits.http2().serve_connection(io, service));
        let over = async {
            tokio::select! {
                () = self.draining.cancelled() => {}
                () = sleep(self.limits.connection_max_age.saturating_sub(began.elapsed())) => {}
            }
            sleep(MIN_HTTP2_AGE.saturating_sub(began.elapsed())).await;
        };
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = over => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    /// hyper has no write timeout: a client that does not read would hold the response and its resources forever.
    fn with_write_timeout(&self, io: H::Io) -> Pin<Box<TimeoutStream<H::Io>>> {
        let mut stream = TimeoutStream::new(io);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        Box::pin(stream)
    }

    fn respond<B>(&self, request: Request<B>, peer: SocketAddr) -> S::Future
    where
        B: hyper::body::Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        let mut request = request.map(Body::new);
        let addressed = Destination { authority: Authority::of(&request), on_loopback: self.on_loopback };
        request.extensions_mut().insert(addressed);
        request.extensions_mut().insert(Peer(peer));
        if H::ENCRYPTED {
            request.extensions_mut().insert(Encrypted);
        }
        self.service.clone().call(request)
    }
}
