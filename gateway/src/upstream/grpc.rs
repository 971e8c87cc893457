//! gRPC routes: HTTP/2 to the service, and responses that always end with a status.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use chassis::problem::Problem;
use http::Version;
use http::header::{HeaderMap, HeaderValue, TE};
use http::request::Parts;
use http_body::{Body, Frame};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::Limits;
use crate::upstream::client::{Client, Connector};

/// Interval and time limit of HTTP/2 pings while calls are in flight: all of them are on one connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// RFC 9113, section 6.9.1.
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// Bytes of a response that are buffered before its client reads them.
const RESPONSE_WINDOW: u32 = 256 * 1024;

/// Reset calls that are remembered for a short time. Frames for others would count as protocol errors, which end the
/// connection.
const MAX_RESET_STREAMS: usize = 4096;

/// An HTTP/2 client with one connection per replica. Its window has room for `calls` responses: clients that do not
/// read theirs cannot block others.
fn client(limits: &Limits, calls: u32) -> Client {
    let window = calls.saturating_mul(RESPONSE_WINDOW).clamp(RESPONSE_WINDOW, MAX_WINDOW);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(limits.pool_idle_timeout)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_only(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http2_initial_stream_window_size(RESPONSE_WINDOW)
        .http2_initial_connection_window_size(window)
        .http2_max_concurrent_reset_streams(MAX_RESET_STREAMS)
        .retry_canceled_requests(true)
        .set_host(false)
        .build(Connector::new(limits))
}

/// The clients for all gRPC routes, each with room for `calls` responses. All calls of a client use the same one.
pub fn clients(limits: &Limits, calls: u32) -> Box<[Client]> {
    (0..limits.grpc_connections).map(|_| client(limits, calls)).collect()
}

/// Adapts the head of a request for a gRPC service.
pub fn prepare_head(head: &mut Parts) {
    head.version = Version::HTTP_2;
    // Servers may require that clients accept trailers.
    head.headers.insert(TE, HeaderValue::from_static("trailers"));
}

/// Whether the status follows the body, and is not in the headers.
pub fn ends_with_status(head: &HeaderMap) -> bool {
    chassis::grpc::is_grpc(head) && !head.contains_key("grpc-status")
}

/// The body of a response, which ends with its own status, or with UNAVAILABLE if it is cut off.
pub struct GrpcBody<B> {
    body: B,
    retry_after: Duration,
    ended: bool,
}

impl<B> GrpcBody<B> {
    /// `retry_after` is sent with UNAVAILABLE.
    pub const fn new(body: B, retry_after: Duration) -> Self {
        Self { body, retry_after, ended: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for GrpcBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let frame = part.transpose().ok().flatten().unwrap_or_else(|| unavailable_trailers(self.retry_after));
        self.ended = frame.is_trailers();
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

fn unavailable_trailers(retry_after: Duration) -> Frame<Bytes> {
    let problem = Problem::unavailable("the answer was cut off before its end: ask again", retry_after);
    Frame::trailers(chassis::grpc::trailers(problem))
}
