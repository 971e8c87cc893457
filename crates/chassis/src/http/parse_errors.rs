//! Problem documents for requests that hyper cannot parse.
//!
//! hyper rejects them with 400, 414 or 431, without a body and without a call of the service. On HTTP/1 the document is
//! added while the response is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::StatusCode;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::problem::Problem;

/// The part of hyper's response that declares an empty body.
const NO_BODY: &str = "content-length: 0\r\n";

/// The requests in flight on a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<State>);

#[derive(Debug)]
struct State {
    /// Requests whose responses have not ended.
    requests: AtomicUsize,
    /// Whether all responses of the service are flushed.
    idle: AtomicBool,
}

impl Default for State {
    fn default() -> Self {
        Self { requests: AtomicUsize::new(0), idle: AtomicBool::new(true) }
    }
}

impl InFlight {
    /// Counts a request until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlightGuard {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        self.0.idle.store(false, Ordering::SeqCst);
        InFlightGuard(Arc::clone(&self.0))
    }

    /// Everything written so far is flushed.
    fn flushed(&self) {
        if self.0.requests.load(Ordering::SeqCst) == 0 {
            self.0.idle.store(true, Ordering::SeqCst);
        }
    }

    fn is_idle(&self) -> bool {
        self.0.idle.load(Ordering::SeqCst)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<State>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl InFlightGuard {
    /// Keeps the request in flight until the body of its response is dropped.
    pub(crate) fn until_end_of(self, response: Response) -> Response {
        response.map(|body| Body::new(GuardedBody { body, _guard: self }))
    }
}

struct GuardedBody {
    body: Body,
    _guard: InFlightGuard,
}

impl hyper::body::Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An HTTP/1 connection that adds a body to hyper's own responses.
#[derive(Debug)]
pub(crate) struct ParseErrorWriter<Io> {
    io: Io,
    in_flight: InFlight,
    /// The text written in place of hyper's response, and how many of its bytes are written.
    replacement: Option<(Vec<u8>, usize)>,
}

impl<Io: AsyncWrite + Unpin> ParseErrorWriter<Io> {
    pub(crate) const fn new(io: Io, in_flight: InFlight) -> Self {
        Self { io, in_flight, replacement: None }
    }

    /// Writes the replacement of `length` bytes.
    fn poll_replacement(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some((text, done)) = &mut self.replacement {
            match ready!(Pin::new(&mut self.io).poll_write(context, &text[*done..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *done += written,
            }
            if *done == text.len() {
                self.replacement = None;
            }
        }
        Poll::Ready(Ok(length))
    }
}

/// The response with a body, if it is one of hyper's own.
fn with_body(answer: &[u8]) -> Option<Vec<u8>> {
    let text =
        str::from_utf8(answer).ok().filter(|text| text.starts_with("HTTP/1.1 4") && text.ends_with("\r\n\r\n"))?;
    let problem = match StatusCode::from_bytes(text.as_bytes().get(9..12)?).ok()? {
        StatusCode::BAD_REQUEST => Problem::bad_request("the head of the request is invalid"),
        StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::head_too_large(),
        _ => return None,
    };
    let body = problem.document().to_string();
    let head = format!("content-type: application/problem+json\r\ncontent-length: {}\r\n", body.len());
    let (before, after) = text.split_once(NO_BODY)?;
    Some([before, &head, after, &body].concat().into_bytes())
}

impl<Io: AsyncRead + Unpin> AsyncRead for ParseErrorWriter<Io> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for ParseErrorWriter<Io> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replacement.is_none() && self.in_flight.is_idle() {
            self.replacement = with_body(bytes).map(|text| (text, 0));
        }
        if self.replacement.is_some() {
            return self.poll_replacement(context, bytes.len());
        }
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper writes its own responses in one part.
        match parts {
            [only] => self.poll_write(context, only),
            parts => Pin::new(&mut self.io).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_flight.flushed();
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn a_response_of_hyper_gets_a_body_of_its_content_length() {
        let text = String::from_utf8(with_body(BARE).unwrap()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{text}");
        assert!(
            head.contains("\r\ncontent-type: application/problem+json") && body.contains(r#""status":431"#),
            "{text}"
        );
        for other in [&b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..], b"HTTP/1.1 431", b"", b"\xff"] {
            assert_eq!(with_body(other), None);
        }
    }

    #[tokio::test]
    async fn a_response_of_the_service_is_never_replaced() {
        use tokio::io::AsyncWriteExt;

        let (in_flight, mut written) = (InFlight::default(), Vec::new());
        let mut writer = ParseErrorWriter::new(&mut written, in_flight.clone());
        let guard = in_flight.begin();
        writer.write_all(BARE).await.unwrap();
        writer.flush().await.unwrap();
        // The response has ended, but is not flushed.
        drop(guard);
        writer.write_all(BARE).await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(written, [BARE, BARE].concat());
        let mut writer = ParseErrorWriter::new(&mut written, in_flight);
        writer.write_all(BARE).await.unwrap();
        assert_eq!(&written[2 * BARE.len()..], with_body(BARE).unwrap());
    }
}
