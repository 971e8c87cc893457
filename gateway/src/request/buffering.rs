//! Request buffering: a body is received in whole before its service gets the request.
//!
//! A slow client occupies a connection to the gateway and some memory, but no permit of the route and nothing of the
//! service.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::config::Limits;
use crate::request::body::{BodyError, BoundedBody};
use crate::request::client_id::ClientId;
use crate::request::error::GatewayError;
use crate::request::pool::{Pool, PoolError, Reservation};

/// Buffers request bodies within the limits.
#[derive(Debug)]
pub struct RequestBuffers {
    idle_timeout: Duration,
    total_timeout: Duration,
    retry_after: Duration,
    /// One unit is one byte.
    pool: Arc<Pool>,
}

/// A complete body. Its memory is released when the reservation is dropped.
#[derive(Debug, Default)]
pub struct BufferedBody {
    bytes: Vec<u8>,
    reservation: Option<Reservation>,
}

impl RequestBuffers {
    /// Buffers within `limits`. The share of one client is at least `largest` bytes.
    pub fn new(limits: &Limits, largest: u64) -> Self {
        Self {
            idle_timeout: limits.body_idle_timeout,
            total_timeout: limits.body_timeout,
            retry_after: limits.retry_after,
            pool: Arc::new(Pool::new(limits.request_buffer_bytes, limits.share, largest)),
        }
    }

    /// Receives a body of at most `max_bytes` bytes. The error names the limit that was exceeded.
    pub async fn buffer(&self, body: Body, max_bytes: u64, client: &ClientId) -> Result<BufferedBody, GatewayError> {
        if body.is_end_stream() {
            return Ok(BufferedBody::default());
        }
        let buffered = timeout(self.total_timeout, self.read_frames(body, max_bytes, client)).await;
        buffered.map_err(|_| GatewayError::BodyTimeout(self.total_timeout))?
    }

    async fn read_frames(&self, body: Body, max_bytes: u64, client: &ClientId) -> Result<BufferedBody, GatewayError> {
        let mut body = BoundedBody::new(body, max_bytes, self.idle_timeout);
        let (mut bytes, mut reservation) = (Vec::new(), self.pool.reservation(client.clone()));
        while let Some(part) = body.frame().await {
            let part = part.map_err(|error| gateway_error(&error, max_bytes))?;
            if let Ok(data) = part.into_data() {
                self.reserve_bytes(&mut reservation, data.len() as u64)?;
                // Copied: a part of one byte may hold a much larger read buffer of hyper.
                bytes.extend_from_slice(&data);
            }
        }
        Ok(BufferedBody { bytes, reservation: Some(reservation) })
    }

    fn reserve_bytes(&self, reservation: &mut Reservation, bytes: u64) -> Result<(), GatewayError> {
        reservation.reserve(bytes).and_then(|()| reservation.acquire(bytes)).map_err(|error| match error {
            PoolError::ShareExceeded => GatewayError::ShareExceeded(self.retry_after),
            PoolError::Exhausted => GatewayError::BuffersFull(self.retry_after),
        })
    }
}

const fn gateway_error(error: &BodyError, max_bytes: u64) -> GatewayError {
    match error {
        BodyError::TooLarge => GatewayError::BodyTooLarge(max_bytes),
        BodyError::IdleTimeout => GatewayError::BodyIdle,
        BodyError::Aborted(_) => GatewayError::BodyAborted,
    }
}

impl BufferedBody {
    /// The bytes, and the reservation, to be held until they are sent.
    pub fn into_parts(self) -> (Bytes, Option<Reservation>) {
        (self.bytes.into(), self.reservation)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use tokio::time::sleep;

    use super::*;

    fn kim() -> ClientId {
        ClientId::subject("kim")
    }

    /// A body of `parts` parts of one byte, each after `pause`.
    fn trickle(parts: usize, pause: Duration) -> Body {
        let part = move |_| async move {
            sleep(pause).await;
            Ok::<_, Infallible>("x")
        };
        Body::from_stream(stream::iter(0..parts).then(part))
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickling_body_is_rejected_though_its_pauses_are_short() {
        let buffers = RequestBuffers::new(&Limits::default(), 1024);
        let slow = buffers.buffer(trickle(100, Duration::from_secs(1)), 1024, &kim()).await;
        assert!(matches!(slow, Err(GatewayError::BodyTimeout(_))), "{slow:?}");
        let silent = buffers.buffer(trickle(1, Duration::from_secs(6)), 1024, &kim()).await;
        assert!(matches!(silent, Err(GatewayError::BodyIdle)), "{silent:?}");
        let whole = buffers.buffer(trickle(3, Duration::from_secs(1)), 1024, &kim()).await.unwrap();
        assert_eq!(whole.into_parts().0, "xxx");
    }

    #[tokio::test]
    async fn memory_is_limited_and_dropped_reservations_release_theirs() {
        let share = chassis::Share::ALL;
        let buffers = RequestBuffers::new(&Limits { body: 8, request_buffer_bytes: 12, share, ..Limits::default() }, 8);
        let first = buffers.buffer(Body::from("12345678"), 8, &kim()).await.unwrap();
        assert!(matches!(buffers.buffer(Body::from("12345"), 8, &kim()).await, Err(GatewayError::BuffersFull(_))));
        assert!(buffers.buffer(Body::from("1234"), 8, &kim()).await.is_ok());
        let (_, reservation) = first.into_parts();
        assert!(matches!(buffers.buffer(Body::from("12345"), 8, &kim()).await, Err(GatewayError::BuffersFull(_))));
        drop(reservation);
        assert!(buffers.buffer(Body::from("12345"), 8, &kim()).await.is_ok());
        assert!(matches!(buffers.buffer(Body::from("123456789"), 8, &kim()).await, Err(GatewayError::BodyTooLarge(8))));
    }

    #[tokio::test]
    async fn one_client_gets_its_share_of_the_memory_and_leaves_the_rest_to_others() {
        let share = "25%".parse().unwrap();
        let buffers = RequestBuffers::new(&Limits { body: 8, request_buffer_bytes: 40, share, ..Limits::default() }, 8);
        let buffer =
            async |who: &str, body: &'static str| buffers.buffer(Body::from(body), 8, &ClientId::subject(who)).await;
        let held = buffer("kim", "12345678").await.unwrap();
        assert!(matches!(buffer("kim", "123").await, Err(GatewayError::ShareExceeded(_))));
        assert!(buffer("kim", "12").await.is_ok());
        let mut others = Vec::new();
        for name in ["a", "b", "c", "d"] {
            others.push(buffer(name, "12345678").await.unwrap());
        }
        assert!(matches!(buffer("e", "1").await, Err(GatewayError::BuffersFull(_))));
        drop(held);
        assert!(buffer("kim", "12345678").await.is_ok() && buffer("e", "12345678").await.is_ok());
    }

    #[tokio::test]
    async fn an_aborted_or_dropped_body_releases_its_memory() {
        let buffers = RequestBuffers::new(&Limits { body: 8, request_buffer_bytes: 8, ..Limits::default() }, 8);
        let broken = stream::iter([Ok("1234567"), Err(std::io::Error::other("gone"))]);
        assert!(matches!(buffers.buffer(Body::from_stream(broken), 8, &kim()).await, Err(GatewayError::BodyAborted)));
        let silent = stream::iter([Ok::<_, Infallible>("1234567")]).chain(stream::pending());
        let kim = kim();
        tokio::select! {
            biased;
            _ = buffers.buffer(Body::from_stream(silent), 8, &kim) => panic!("the body has no end"),
            () = std::future::ready(()) => {}
        }
        assert!(buffers.buffer(Body::from("12345678"), 8, &kim).await.is_ok());
    }
}
