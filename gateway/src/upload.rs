//! Bodies of requests, taken in whole before their service hears of them.
//!
//! A client may send its body as slowly as the limits let it. What it keeps busy meanwhile is a connection to the
//! gateway and some memory: no seat of the route, and nothing of the service.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::body::{Bounded, Cut};
use crate::config::Limits;
use crate::refusal::Refusal;

/// The room for bodies that are on their way through.
#[derive(Debug)]
pub struct Uploads {
    idle: Duration,
    time_limit: Duration,
    retry_after: Duration,
    /// One permit is one byte.
    room: Arc<Semaphore>,
}

/// A body that is whole. Its room is free again when it is dropped.
#[derive(Debug, Default)]
pub struct Upload {
    content: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Uploads {
    /// As much room as `limits` give.
    pub fn new(limits: &Limits) -> Self {
        let room = usize::try_from(limits.uploads).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            idle: limits.upload_idle,
            time_limit: limits.upload_timeout,
            retry_after: limits.retry_after,
            room: Arc::new(Semaphore::new(room)),
        }
    }

    /// Takes `body` in, if it has `most` bytes or less. An error says which limit it broke.
    pub async fn take(&self, body: Body, most: u64) -> Result<Upload, Refusal> {
        if body.is_end_stream() {
            return Ok(Upload::default());
        }
        let taken = timeout(self.time_limit, self.take_parts(body, most)).await;
        taken.map_err(|_| Refusal::UploadSlow(self.time_limit))?
    }

    async fn take_parts(&self, body: Body, most: u64) -> Result<Upload, Refusal> {
        let mut body = Bounded::new(body, most, self.idle);
        let mut upload = Upload::default();
        while let Some(part) = body.frame().await {
            let part = part.map_err(|cut| refusal(&cut, most))?;
            if let Ok(data) = part.into_data() {
                upload.add(&data, self.room_for(&data)?);
            }
        }
        Ok(upload)
    }

    fn room_for(&self, data: &Bytes) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Refusal::NoRoom(self.retry_after))
    }
}

const fn refusal(cut: &Cut, most: u64) -> Refusal {
    match cut {
        Cut::TooLarge => Refusal::TooLarge(most),
        Cut::Silent => Refusal::UploadSilent,
        Cut::BrokenOff(_) => Refusal::UploadBroken,
    }
}

impl Upload {
    /// The part is copied: it may be one byte, and what hyper read it into a thousand times that.
    fn add(&mut self, data: &[u8], room: OwnedSemaphorePermit) {
        self.content.extend_from_slice(data);
        match &mut self.room {
            Some(all) => all.merge(room),
            None => self.room = Some(room),
        }
    }

    /// What is in it, and its room, to be held until it is sent.
    pub fn into_parts(self) -> (Bytes, Option<OwnedSemaphorePermit>) {
        (self.content.into(), self.room)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use tokio::time::sleep;

    use super::*;

    /// A body of `parts` parts of one byte, each after `pause`.
    fn trickle(parts: usize, pause: Duration) -> Body {
        let part = move |_| async move {
            sleep(pause).await;
            Ok::<_, Infallible>("x")
        };
        Body::from_stream(stream::iter(0..parts).then(part))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_though_it_is_never_silent_for_long() {
        let uploads = Uploads::new(&Limits::default());
        let slow = uploads.take(trickle(100, Duration::from_secs(1)), 1024).await;
        assert!(matches!(slow, Err(Refusal::UploadSlow(_))), "{slow:?}");
        let silent = uploads.take(trickle(1, Duration::from_secs(6)), 1024).await;
        assert!(matches!(silent, Err(Refusal::UploadSilent)), "{silent:?}");
        let whole = uploads.take(trickle(3, Duration::from_secs(1)), 1024).await.unwrap();
        assert_eq!(whole.into_parts().0, "xxx");
    }

    #[tokio::test]
    async fn there_is_so_much_room_and_what_is_dropped_gives_its_own_back() {
        let uploads = Uploads::new(&Limits { body: 8, uploads: 12, ..Limits::default() });
        let first = uploads.take(Body::from("12345678"), 8).await.unwrap();
        assert!(matches!(uploads.take(Body::from("12345"), 8).await, Err(Refusal::NoRoom(_))));
        assert!(uploads.take(Body::from("1234"), 8).await.is_ok());
        let (_, room) = first.into_parts();
        assert!(matches!(uploads.take(Body::from("12345"), 8).await, Err(Refusal::NoRoom(_))));
        drop(room);
        assert!(uploads.take(Body::from("12345"), 8).await.is_ok());
        assert!(matches!(uploads.take(Body::from("123456789"), 8).await, Err(Refusal::TooLarge(8))));
    }
}
