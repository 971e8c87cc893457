//! The checks of every gRPC request, and the translation of problems.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use crate::grpc::status::in_grpc;
use crate::http::body::{read_whole, too_large, too_slow};
use crate::http::cross_origin::wrong_content_type;
use crate::http::limits::RequestLimits;
use crate::http::media_types::{GRPC, is_grpc};
use crate::http::problem::Problem;

/// Rejects requests without a gRPC content type: a page of any origin could send them (see [`access`](crate::access)).
pub(crate) async fn require_grpc(request: Request, next: Next) -> Response {
    if is_grpc(request.headers()) {
        return next.run(request).await;
    }
    wrong_content_type(request.headers(), GRPC).into_response()
}

/// Reads the whole body, which must be one message: no method here has streaming clients.
pub(crate) async fn require_unary(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let (extensions, mut reading) = (head.extensions.clone(), Request::new(body));
    *reading.extensions_mut() = extensions;
    let body = match read_whole(reading).await.and_then(check_messages) {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    match decode_error(&response) {
        Some(problem) => problem.into_response(),
        None => response,
    }
}

/// gRPC requires UNIMPLEMENTED for any number of messages other than one ("Status codes and their use in gRPC").
fn check_messages(body: Vec<u8>) -> Result<Vec<u8>, Problem> {
    match count_messages(&body) {
        Some(1) => Ok(body),
        Some(count) => {
            let detail = format!("this method takes one message, and the request has {count}");
            Err(Problem::bad_request(detail).in_grpc(Code::Unimplemented))
        }
        None => Err(Problem::bad_request("the last message is not complete")),
    }
}

/// A message has a prefix of five bytes: a compression flag and the length. `None` if the last message is incomplete.
fn count_messages(mut rest: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !rest.is_empty() {
        let (prefix, after) = rest.split_at_checked(5)?;
        let length = u32::from_be_bytes(prefix[1..].try_into().ok()?);
        rest = after.get(usize::try_from(length).ok()?..)?;
        count += 1;
    }
    Some(count)
}

/// The problem of a message that tonic could not decode. tonic responds INTERNAL, but the client is at fault. An
/// INTERNAL of our own handlers comes from a problem and has details.
fn decode_error(response: &Response) -> Option<Problem> {
    let status = Status::from_header_map(response.headers())?;
    let from_tonic = status.code() == Code::Internal && status.details().is_empty();
    from_tonic.then(|| Problem::bad_request(format!("the message cannot be read: {}", status.message())))
}

/// Applies the body limits to a streaming request.
pub(crate) async fn limit_body(request: Request, next: Next) -> Response {
    match RequestLimits::of(request.extensions()) {
        Ok(&RequestLimits { body_limit, body_read_timeout, .. }) => {
            next.run(request.map(|body| limited_body(body, body_limit, body_read_timeout))).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn limited_body(body: Body, limit: usize, within: Duration) -> Body {
    let deadline = Instant::now() + within;
    let parts = stream::try_unfold((body.into_data_stream(), limit), move |(mut parts, left)| async move {
        let part = timeout_at(deadline, parts.next()).await.map_err(|_| too_slow(within))?;
        let Some(part) = part else { return Ok(None) };
        let part = part.map_err(|_| Problem::bad_request("the body ended before it was complete"))?;
        let left = left.checked_sub(part.len()).ok_or_else(|| too_large(limit))?;
        Ok(Some((part, (parts, left))))
    });
    Body::from_stream(parts.map(|part| part.map_err(|problem: Problem| Status::from(problem))))
}

/// Translates problems into gRPC statuses for gRPC requests.
pub async fn translate_problems(request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    let response = next.run(request).await;
    if is_grpc { in_grpc(response) } else { response }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_their_lengths() {
        let message = |length: u8| [&[0, 0, 0, 0, length][..], &vec![7; length.into()]].concat();
        assert_eq!(count_messages(&[]), Some(0));
        assert_eq!(count_messages(&message(0)), Some(1));
        assert_eq!(count_messages(&[message(3), message(0), message(255)].concat()), Some(3));
        for broken in [&[0][..], &[0, 0, 0, 0, 1], &[0, 255, 255, 255, 255, 1], &[&message(2)[..], &[0, 0]].concat()] {
            assert_eq!(count_messages(broken), None, "{broken:?}");
        }
    }
}
