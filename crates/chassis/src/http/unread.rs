//! Resets HTTP/2 streams whose responses the client does not read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep};

tokio::task_local! {
    /// That of the request that this task serves.
    static UNREAD: Unread;
}

/// Runs each request of an HTTP/2 connection in a task of its own. Resets its stream if the response is left unread for
/// longer than `limit`.
///
/// Each HTTP/2 response has a flow control window of its own. A client that never widens it would hold the response and
/// its resources forever on a healthy connection. The connection stays open: other responses on it may belong to other
/// clients of a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestExecutor {
    limit: Duration,
}

impl RequestExecutor {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<F> Executor<F> for RequestExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, request: F) {
        let (unread, limit) = (Unread::default(), self.limit);
        tokio::spawn(UNREAD.scope(unread.clone(), async move {
            tokio::select! {
                biased;
                _ = request => {}
                // Dropping the request resets its stream (CANCEL).
                () = unread.for_longer_than(limit) => {}
            }
        }));
    }
}

/// Measures for the `RequestExecutor` of this task how long the body is left unread.
pub(crate) fn watch(body: Body) -> Body {
    match UNREAD.try_with(Clone::clone) {
        Ok(unread) => unread.watch(body),
        Err(_) => body,
    }
}

/// The time since which the response is unread: a part was taken from the body, and the next part was not yet
/// requested.
#[derive(Debug, Clone, Default)]
struct Unread(Arc<Mutex<Option<Instant>>>);

impl Unread {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, body: Body) -> Body {
        Body::new(WatchedBody { body, unread: self.clone() })
    }

    /// Resolves when the response was unread for longer than `limit`.
    async fn for_longer_than(&self, limit: Duration) {
        loop {
            let since = *self.since();
            match since.map(|since| limit.saturating_sub(since.elapsed())) {
                Some(Duration::ZERO) => return,
                Some(left) => sleep(left).await,
                None => sleep(limit).await,
            }
        }
    }
}

struct WatchedBody {
    body: Body,
    unread: Unread,
}

impl hyper::body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        *self.unread.since() = matches!(&frame, Poll::Ready(Some(Ok(_)))).then(Instant::now);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        *self.unread.since() = None;
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_response_is_unread_between_one_part_and_the_request_of_the_next() {
        let unread = Unread::default();
        let (limit, long) = (Duration::from_secs(10), Duration::from_hours(1));
        let late = async || timeout(long, unread.for_longer_than(limit)).await.is_ok();
        let mut body = unread.watch(Body::from("x"));
        assert!(!late().await, "nothing was handed over yet");
        assert!(body.frame().await.is_some());
        let began = Instant::now();
        assert!(late().await);
        assert_eq!(began.elapsed(), limit);
        assert!(body.frame().await.is_none());
        assert!(!late().await, "read to its end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_without_data_yet_is_not_unread() {
        let unread = Unread::default();
        let mut body =
            unread.watch(Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
        assert!(timeout(Duration::from_secs(1), body.frame()).await.is_err());
        assert!(timeout(Duration::from_hours(1), unread.for_longer_than(Duration::from_secs(10))).await.is_err());
        drop(body);
    }
}
