//! The innermost service: sends one request and reads one whole response.

use std::task::{Context, Poll};

use reqwest::{Request, Response};
use serde::de::DeserializeOwned;
use tower::Service;

use crate::CallFuture;
use crate::error::{CallError, reason};
use crate::response::CallResponse;

impl CallResponse {
    /// Parses the body as JSON.
    ///
    /// # Errors
    ///
    /// [`CallError::Broken`] if that fails: the outcome is unknown.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|error| CallError::Broken(reason(&error)))
    }
}

/// Sends a request and reads the response to its end, so that the guards cover all of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    http: reqwest::Client,
    answer_limit: usize,
}

impl Exchange {
    pub(crate) fn new(http: reqwest::Client, answer_limit: usize) -> Self {
        Exchange { http, answer_limit }
    }
}

impl Service<Request> for Exchange {
    type Response = CallResponse;
    type Error = CallError;
    type Future = CallFuture<CallResponse>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.http.poll_ready(cx).map_err(CallError::from)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let response = self.http.call(request);
        let limit = self.answer_limit;
        Box::pin(async move { read(response.await?, limit).await })
    }
}

async fn read(mut response: Response, limit: usize) -> Result<CallResponse, CallError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::Broken(format!("the answer is longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let answer = CallResponse { status, body: body.into() };
    if status.is_server_error() { Err(CallError::Failed(answer)) } else { Ok(answer) }
}
