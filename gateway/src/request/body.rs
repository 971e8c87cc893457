//! Bodies that are streamed within limits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Sleep, sleep};

/// Why a body ended early.
#[derive(Debug, Error)]
pub enum BodyError {
    /// It exceeds the maximum size.
    #[error("the body is too large")]
    TooLarge,
    /// The sender paused for too long.
    #[error("the body stopped coming")]
    IdleTimeout,
    /// The sender aborted it.
    #[error("the body broke off: {0}")]
    Aborted(#[source] BoxError),
}

/// A body with a maximum size and a maximum pause between two parts. Parts are forwarded as they arrive.
#[derive(Debug)]
pub struct BoundedBody<B> {
    inner: B,
    bytes_left: u64,
    idle_timeout: Duration,
    // Created at the first pause: most bodies have arrived already.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> BoundedBody<B> {
    /// `inner` with at most `bytes` bytes, and at most `idle_timeout` between two parts.
    pub fn new(inner: B, bytes: u64, idle_timeout: Duration) -> Self {
        Self { inner, bytes_left: bytes, idle_timeout, timer: None }
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyError> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(BodyError::TooLarge)?;
        Ok(())
    }
}

impl<B> Body for BoundedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(part) => {
                this.timer = None;
                let part = part.map(|part| part.map_err(|error| BodyError::Aborted(error.into())));
                Poll::Ready(part.map(|part| part.and_then(|frame| this.count(&frame).map(|()| frame))))
            }
            Poll::Pending => {
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.idle_timeout)));
                timer.as_mut().poll(context).map(|()| Some(Err(BodyError::IdleTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    #[tokio::test]
    async fn a_body_within_its_bounds_passes_unchanged() {
        let body = BoundedBody::new(Full::new(Bytes::from_static(b"12345")), 5, Duration::from_secs(1));
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "12345");
    }

    #[tokio::test]
    async fn a_body_is_cut_at_its_first_byte_too_many() {
        let body = BoundedBody::new(Full::new(Bytes::from_static(b"123456")), 5, Duration::from_secs(1));
        assert!(matches!(body.collect().await, Err(BodyError::TooLarge)));
    }

    #[tokio::test(start_paused = true)]
    async fn only_pauses_are_limited_not_the_whole_time() {
        let (parts, receiver) = tokio::sync::mpsc::channel(1);
        let parts_in_time = tokio::spawn(async move {
            for _ in 0..5 {
                sleep(Duration::from_millis(900)).await;
                parts.send(Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
            }
            sleep(Duration::from_millis(1100)).await;
            drop(parts);
        });
        let mut body = BoundedBody::new(StreamBody::new(ReceiverStream::new(receiver)), 5, Duration::from_secs(1));
        for _ in 0..5 {
            assert!(body.frame().await.unwrap().unwrap().is_data());
        }
        assert!(matches!(body.frame().await, Some(Err(BodyError::IdleTimeout))));
        parts_in_time.await.unwrap();
    }
}
