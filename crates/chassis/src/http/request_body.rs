//! The part of a request body that the handler leaves unread, on an HTTP/1.1 connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use tokio::sync::Semaphore;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::time::timeout;

/// Bytes of the remainder that are read and discarded. A connection that closes while the client still sends loses the
/// response on its way to the client (RFC 9112, section 9.6).
const DISCARDED: usize = 1 << 20;

/// Connections of a process whose remainders are discarded at the same time. Each costs a read buffer: beyond that number,
/// as in a flood of bodies that are rejected, connections close at once.
pub(crate) const CONCURRENT_DISCARDS: usize = 64;

/// Time to discard them while the response waits. What has arrived takes less; what is still on its way costs the client
/// the connection.
const BEFORE_RESPONSE: Duration = Duration::from_millis(10);

/// Time to discard them after the response: for the response to reach the client, which then stops.
const AFTER_RESPONSE: Duration = Duration::from_millis(500);

/// A request body that hands its remainder to a `Remainder` when it is dropped.
pub(crate) struct RequestBody {
    body: Option<Incoming>,
    remainder: Option<Sender<Incoming>>,
}

/// What the handler has left of a body.
pub(crate) struct Remainder {
    receiver: Option<Receiver<Incoming>>,
    /// The client sends the body only if it is asked to, which reading does.
    expects_continue: bool,
}

/// Separates the request from the remainder of its body.
pub(crate) fn watch(request: Request<Incoming>) -> (Request<RequestBody>, Remainder) {
    let expects_continue = request.headers().contains_key(EXPECT);
    let (remainder, receiver) = if hyper::body::Body::is_end_stream(request.body()) {
        (None, None)
    } else {
        let (sender, receiver) = oneshot::channel();
        (Some(sender), Some(receiver))
    };
    let request = request.map(|body| RequestBody { body: Some(body), remainder });
    (request, Remainder { receiver, expects_continue })
}

impl Remainder {
    /// What is left when the response begins. `None` if the handler has read the body to its end.
    pub(crate) fn unread(self) -> Option<Unread> {
        match self.receiver?.try_recv() {
            Ok(body) if !self.expects_continue => Some(Unread(Some(body))),
            Err(TryRecvError::Closed) => None,
            // It is still reading, or the client still waits for permission to send.
            Ok(_) | Err(TryRecvError::Empty) => Some(Unread(None)),
        }
    }
}

/// A body that is not read to its end. `None`: it cannot be discarded.
pub(crate) struct Unread(Option<Incoming>);

impl Unread {
    /// Discards what has arrived. Returns whether the connection can carry another request. If not, what is still on its
    /// way is discarded in the background, and the connection must close after the response.
    pub(crate) async fn discard(self, permits: &Arc<Semaphore>) -> bool {
        let Some(mut body) = self.0 else { return false };
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else { return false };
        let mut left = DISCARDED;
        if let Ok(complete) = timeout(BEFORE_RESPONSE, discard(&mut body, &mut left)).await {
            return complete;
        }
        tokio::spawn(async move {
            let _ = timeout(AFTER_RESPONSE, discard(&mut body, &mut left)).await;
            drop((body, permit));
        });
        false
    }
}

/// Whether the body ended before `left` bytes were read.
async fn discard(body: &mut Incoming, left: &mut usize) -> bool {
    while let Some(frame) = body.frame().await {
        let bytes = frame.as_ref().ok().and_then(Frame::data_ref).map(Bytes::len);
        match left.checked_sub(bytes.unwrap_or_default()) {
            Some(less) if frame.is_ok() => *left = less,
            _ => return false,
        }
    }
    true
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(hyper::body::Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let (Some(body), Some(remainder)) = (self.body.take(), self.remainder.take())
            && !hyper::body::Body::is_end_stream(&body)
        {
            // An error: the response was sent already.
            let _ = remainder.send(body);
        }
    }
}
