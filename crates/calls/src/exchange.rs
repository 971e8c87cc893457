//! The innermost service: one request, one whole answer.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use reqwest::{Request, Response};
use serde::de::DeserializeOwned;
use tower::Service;

use crate::error::reason;
use crate::{CallError, CallFuture};

/// What the callee answered, whole. A refusal of the callee (4xx) is an answer too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; never 5xx, except in [`CallError::Failed`].
    pub status: StatusCode,
    /// The body, at most `CALL_ANSWER_LIMIT` long.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON. A body that cannot be read leaves the outcome unknown: [`CallError::Broken`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|error| CallError::Broken(reason(&error)))
    }
}

/// Sends a request and reads its answer to the end, so that the layers above guard all of it.
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
    type Response = Answer;
    type Error = CallError;
    type Future = CallFuture<Answer>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.http.poll_ready(cx).map_err(CallError::from)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let response = self.http.call(request);
        let limit = self.answer_limit;
        Box::pin(async move { read(response.await?, limit).await })
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Answer, CallError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::Broken(format!("the answer is longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let answer = Answer { status, body: body.into() };
    if status.is_server_error() { Err(CallError::Failed(answer)) } else { Ok(answer) }
}
