//! Answers that nobody reads.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, sleep};

/// The answers on a connection of which a part was handed over and no more was asked for since.
///
/// On HTTP/2 each answer has a window of its own: a client that never widens it would hold an answer, and all that it
/// keeps busy, for as long as it likes, while the connection itself is well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread {
    next: Arc<AtomicU64>,
    since: Arc<Mutex<HashMap<u64, Instant>>>,
}

impl Unread {
    fn since(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same body, watched.
    pub(crate) fn watch(&self, body: Body) -> Body {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Body::new(Watched { body, number, unread: self.clone() })
    }

    /// Resolves when an answer was not read for longer than `limit`.
    pub(crate) async fn for_longer_than(&self, limit: Duration) {
        loop {
            let oldest = self.since().values().min().copied();
            match oldest.map(|oldest| limit.saturating_sub(oldest.elapsed())) {
                Some(Duration::ZERO) => return,
                Some(left) => sleep(left).await,
                None => sleep(limit).await,
            }
        }
    }
}

struct Watched {
    body: Body,
    number: u64,
    unread: Unread,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let mut since = self.unread.since();
        match &frame {
            Poll::Ready(Some(Ok(_))) => drop(since.insert(self.number, Instant::now())),
            Poll::Ready(_) | Poll::Pending => drop(since.remove(&self.number)),
        }
        drop(since);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.unread.since().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_unread_from_the_moment_a_part_is_handed_over_until_more_is_asked_for() {
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
    async fn an_answer_that_has_nothing_to_say_yet_is_not_unread() {
        let unread = Unread::default();
        let mut body =
            unread.watch(Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
        assert!(timeout(Duration::from_secs(1), body.frame()).await.is_err());
        assert!(timeout(Duration::from_hours(1), unread.for_longer_than(Duration::from_secs(10))).await.is_err());
        drop(body);
    }
}
