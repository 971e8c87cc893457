//! Sends requests to services, with safe retries.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::header::HOST;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::time::{Instant, timeout_at};

use crate::request::error::GatewayError;
use crate::upstream::client::{Client, ConnectError};
use crate::upstream::replicas::SelectedReplica;
use crate::upstream::route::ActiveRoute;

/// The response of a service, and the replica that sent it.
pub type UpstreamResponse = (http::Response<Incoming>, SelectedReplica);

/// Sends a request, and retries it if that is safe and the budget allows it.
///
/// A request that was not sent, or not processed, may be retried, on another replica if there is one. A connection may
/// also be closed while a request is written to it; then it is unknown whether it was processed. An idempotent request
/// without a body is retried in that case, others never.
pub async fn send_with_retries(
    client: &Client,
    route: &ActiveRoute,
    head: Parts,
    body: Bytes,
) -> Result<UpstreamResponse, GatewayError> {
    let (replicas, deadline) = (route.replicas(), Instant::now() + route.timeout());
    let idempotent = head.method.is_idempotent() && body.is_empty();
    let retryable = idempotent || replicas.has_several() || route.is_grpc();
    let mut tried = Vec::new();
    let mut selected = replicas.select();
    while retryable && tried.len() + 1 < replicas.max_attempts() {
        tried.push(selected.index());
        match send(client, route, selected, head.clone(), body.clone(), deadline).await {
            Err(error) if is_retryable(&error, idempotent, replicas.has_several()) && replicas.withdraw_retry() => {
                selected = replicas.select_other(&tried);
            }
            outcome => return outcome,
        }
    }
    send(client, route, selected, head, body, deadline).await
}

/// [`send_with_retries`] on a shared HTTP/2 connection: it continues when the caller is dropped, until the response
/// begins or the time limit is reached, and keeps `resources` until then.
///
/// A service closes a connection on which many calls are reset before they were processed (CVE-2023-44487), for all
/// clients on it. A response that has begun may be reset at any time.
pub async fn send_detached<H: Send + 'static>(
    client: Client,
    route: Arc<ActiveRoute>,
    head: Parts,
    body: Bytes,
    resources: H,
) -> Result<(UpstreamResponse, H), GatewayError> {
    let retry_after = route.retry_after();
    let call =
        async move { send_with_retries(&client, &route, head, body).await.map(|response| (response, resources)) };
    match tokio::spawn(call).await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(GatewayError::ConnectionRefused(retry_after)),
        },
    }
}

async fn send(
    client: &Client,
    route: &ActiveRoute,
    to: SelectedReplica,
    mut head: Parts,
    body: Bytes,
    deadline: Instant,
) -> Result<UpstreamResponse, GatewayError> {
    head.headers.insert(HOST, to.host());
    head.uri = to.address(head.uri.path_and_query().cloned());
    let response = client.request(http::Request::from_parts(head, Full::new(body)));
    let outcome = match timeout_at(deadline, response).await {
        Ok(response) => response.map_err(|error| gateway_error(error, route.retry_after())),
        Err(_) => Err(GatewayError::Timeout(route.timeout())),
    };
    match outcome {
        Ok(answer) => {
            to.record_success();
            Ok((answer, to))
        }
        // A normal close of the connection is not a failure.
        Err(error @ GatewayError::NotProcessed(_)) => Err(error),
        Err(error) => {
            to.record_failure();
            Err(error)
        }
    }
}

/// Whether a request may be retried after this error.
const fn is_retryable(error: &GatewayError, idempotent: bool, others: bool) -> bool {
    matches!(error, GatewayError::NotProcessed(_))
        || (others && error.was_not_sent())
        || (idempotent && matches!(error, GatewayError::ConnectionBroken(_)))
}

/// The gateway error for an error of the HTTP client.
fn gateway_error(error: legacy::Error, retry_after: Duration) -> GatewayError {
    match cause::<ConnectError>(&error) {
        Some(ConnectError::Refused) => GatewayError::ConnectionRefused(retry_after),
        Some(ConnectError::Timeout) => GatewayError::ConnectTimeout,
        Some(ConnectError::Unreachable(_)) => GatewayError::Unreachable(error),
        None if was_not_processed(&error) => GatewayError::NotProcessed(error),
        None => GatewayError::ConnectionBroken(error),
    }
}

/// Whether the service states by HTTP/2 that it has not processed the request: by GOAWAY, or by `REFUSED_STREAM`.
fn was_not_processed(error: &legacy::Error) -> bool {
    cause::<h2::Error>(error).is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

/// The first cause of type `E`.
fn cause<E: std::error::Error + 'static>(error: &legacy::Error) -> Option<&E> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| cause.source()).find_map(|cause| cause.downcast_ref())
}
