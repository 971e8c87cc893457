//! Routes whose service speaks gRPC: HTTP/2 to it, and an answer that ends with a status whatever happens on the way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use chassis::problem::Problem;
use http::header::{HeaderMap, HeaderValue, TE};
use http::request::Parts;
use http::{Method, Version};
use http_body::{Body, Frame};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::Limits;
use crate::upstream::{Client, Connector};

/// The only method of HTTP that gRPC has.
pub const METHODS: [Method; 1] = [Method::POST];

/// How often a service is asked whether it still lives while answers of its are awaited, and how long it may take to say so:
/// all of them are on one connection.
const ALIVE: Duration = Duration::from_secs(10);

/// A client that speaks HTTP/2 from the first byte, on one connection per replica.
pub fn client(limits: &Limits) -> Client {
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(limits.pool_idle_timeout)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_only(true)
        .http2_keep_alive_interval(ALIVE)
        .http2_keep_alive_timeout(ALIVE)
        .retry_canceled_requests(true)
        .set_host(false)
        .build(Connector::new(limits))
}

/// The head of a request as a service gets it that speaks gRPC.
pub fn outgoing(head: &mut Parts) {
    head.version = Version::HTTP_2;
    // Servers may refuse whoever does not say that he reads trailers.
    head.headers.insert(TE, HeaderValue::from_static("trailers"));
}

/// Whether an answer with this head has its status at the end of its body, and not in the head.
pub fn ends_with_status(head: &HeaderMap) -> bool {
    chassis::grpc::is_grpc(head) && !head.contains_key("grpc-status")
}

/// The body of an answer, which ends with a status: its own, or that it was cut off.
pub struct Ended<B> {
    body: B,
    retry_after: Duration,
    over: bool,
}

impl<B> Ended<B> {
    /// `body`; whoever is cut off is told when to come back.
    pub const fn new(body: B, retry_after: Duration) -> Self {
        Self { body, retry_after, over: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Ended<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let part = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let frame = part.transpose().ok().flatten().unwrap_or_else(|| cut_off(self.retry_after));
        self.over = frame.is_trailers();
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}

fn cut_off(retry_after: Duration) -> Frame<Bytes> {
    let problem = Problem::unavailable("the answer was cut off before its end: ask again", retry_after);
    Frame::trailers(chassis::grpc::trailers(problem))
}
