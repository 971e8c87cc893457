//! Frames of one connection: read within limits, answered one after the other.
//!
//! Tansu's own reader takes any length that a client announces, also a negative one, and its limit refuses the small
//! frames instead of the large ones. Hence this one.

use bytes::Bytes;
use rama::{Context, Service};
use std::{io, sync::Arc, time::Duration};
use tansu_broker::Error;
use tansu_service::{BytesFrameService, FrameRouteService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// The length that stands before each frame.
const PREFIX: usize = size_of::<i32>();

/// Bytes that are taken from the connection at a time: memory is used for what has arrived, not for what is announced.
const CHUNK: usize = 64 * 1024;

/// How long the rest of a frame may take once its length has arrived.
const REST_WITHIN: Duration = Duration::from_secs(30);

/// Answers everything that comes over one connection.
pub struct Connection {
    /// What a frame is handed to.
    pub routes: BytesFrameService<FrameRouteService<(), Error>>,
    /// What a frame may take.
    pub limits: FrameLimits,
}

/// What frames may take.
#[derive(Debug, Clone)]
pub struct FrameLimits {
    /// Bytes of one frame.
    pub frame: usize,
    /// Bytes of the frames of all connections together that have arrived and are not answered yet.
    pub all: Arc<Semaphore>,
}

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The client is gone, or cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It announced a frame that is too long, or shorter than nothing.
    #[error("a frame of {announced} bytes is announced; 0 to {limit} are allowed (BROKER_FRAME_BYTES)")]
    Length {
        /// As the client put it.
        announced: i32,
        /// What is allowed.
        limit: usize,
    },
    /// Unanswered frames of all connections take all the memory that they may.
    #[error("unanswered frames of all connections take the memory that they may (BROKER_FRAMES_BYTES)")]
    Full,
    /// A frame did not arrive in time.
    #[error("a frame did not arrive within {REST_WITHIN:?}")]
    Slow,
    /// The request cannot be answered.
    #[error("{0}")]
    Refused(#[from] Error),
}

impl Connection {
    /// Answers frames until the client leaves or breaks a limit.
    pub async fn serve(&self, mut stream: TcpStream) -> Result<(), Closed> {
        loop {
            let length = self.length(stream.read_i32().await?)?;
            // Held until the answer is written.
            let rest = timeout(REST_WITHIN, self.frame(&mut stream, length)).await;
            let (frame, _held) = rest.map_err(|_| Closed::Slow)??;
            let answer = self.routes.serve(Context::<()>::default(), Bytes::from(frame)).await?;
            stream.write_all(&answer).await?;
        }
    }

    fn length(&self, announced: i32) -> Result<usize, Closed> {
        let limit = self.limits.frame;
        let length = usize::try_from(announced).ok().filter(|length| *length <= limit);
        length.ok_or(Closed::Length { announced, limit })
    }

    /// The frame with its length before it, as Tansu reads it.
    async fn frame(
        &self,
        stream: &mut TcpStream,
        length: usize,
    ) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), Closed> {
        let mut frame = i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes().to_vec();
        let mut held: Option<SemaphorePermit<'_>> = None;
        while frame.len() < PREFIX + length {
            let chunk = CHUNK.min(PREFIX + length - frame.len());
            let room = u32::try_from(chunk).ok().and_then(|chunk| self.limits.all.try_acquire_many(chunk).ok());
            let room = room.ok_or(Closed::Full)?;
            match &mut held {
                Some(held) => held.merge(room),
                None => held = Some(room),
            }
            let begin = frame.len();
            frame.resize(begin + chunk, 0);
            stream.read_exact(&mut frame[begin..]).await?;
        }
        Ok((frame, held))
    }
}
