//! The limits of requests, bodies and connections.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::http::Extensions;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;

use crate::http::problem::Problem;
use crate::http::unread::RequestExecutor;

/// HTTP/2 reads heads of up to this many times the limit, so that those in between get a problem document. Larger ones
/// get a 431 without a body from h2.
const HTTP2_READ_FACTOR: usize = 2;

/// The overhead that HTTP/2 counts per header (RFC 9113, section 10.5.1).
const HEADER_OVERHEAD: usize = 32;

/// The smallest read buffer that hyper allows.
const MIN_BUFFER: usize = 8 * 1024;

/// The body limits, for extractors: an extension of every request.
#[derive(Debug)]
pub(crate) struct RequestLimits {
    pub(crate) body_limit: usize,
    pub(crate) body_read_timeout: Duration,
}

impl RequestLimits {
    pub(crate) fn of(extensions: &Extensions) -> Result<&Self, Problem> {
        extensions.get::<Arc<Self>>().map(AsRef::as_ref).ok_or_else(|| {
            tracing::error!("a handler uses the extractors of chassis outside chassis::router");
            Problem::internal()
        })
    }
}

/// The limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Time for the head of a request to arrive, and for a connection to be idle before it.
    pub header_read_timeout: Duration,
    /// Bytes in the head of a request. A larger head is rejected with 431.
    pub head_limit: usize,
    /// Lines in the head of a request, without the request line. A longer head is rejected with 431.
    pub head_lines: usize,
    /// Time that a client may leave a response unread. Then its connection is closed; over HTTP/2, the stream of that
    /// response is reset.
    pub write_timeout: Duration,
    /// Concurrent connections. Further ones are closed at once, without a response.
    pub max_connections: usize,
    /// Concurrent connections per address (IPv6: per /64 network). Further ones are closed at once.
    pub connections_per_address: u64,
    /// Concurrent requests on one HTTP/2 connection. Further ones wait.
    pub max_streams: u32,
    /// Requests on one HTTP/2 connection that the client has reset before they were accepted. One more closes the
    /// connection.
    pub max_resets: usize,
    /// Age after which the next response closes its connection.
    pub connection_max_age: Duration,
    /// Time to go on accepting connections after the shutdown has begun.
    pub drain_delay: Duration,
}

impl ServeLimits {
    pub(crate) fn http1(&self) -> http1::Builder {
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(self.header_read_timeout);
        protocol.max_header_size(self.head_limit).max_headers(self.head_lines);
        // hyper's default would buffer 400 KiB of an endless head.
        protocol.max_buf_size(self.head_limit.max(MIN_BUFFER));
        protocol
    }

    pub(crate) fn http2(&self) -> http2::Builder<RequestExecutor> {
        let mut protocol = http2::Builder::new(RequestExecutor::new(self.write_timeout));
        protocol.timer(TokioTimer::new()).max_concurrent_streams(self.max_streams);
        protocol.max_pending_accept_reset_streams(self.max_resets);
        let max_size = self.head_limit.saturating_mul(HTTP2_READ_FACTOR);
        protocol.max_header_list_size(u32::try_from(max_size).unwrap_or(u32::MAX));
        // Detects clients that are gone without closing the connection.
        protocol.keep_alive_interval(self.header_read_timeout).keep_alive_timeout(self.header_read_timeout);
        protocol
    }

    /// Whether the head is too large, by the rules of HTTP/2.
    pub(crate) fn is_too_large<B>(&self, request: &Request<B>) -> bool {
        let size = |name: usize, value: usize| name + value + HEADER_OVERHEAD;
        let target = request.uri().path_and_query().map_or(0, |path| size(":path".len(), path.as_str().len()));
        let headers: usize = request.headers().iter().map(|(name, value)| size(name.as_str().len(), value.len())).sum();
        target + headers > self.head_limit || request.headers().len() > self.head_lines
    }
}
