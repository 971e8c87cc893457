//! The response of a callee.

use bytes::Bytes;
use http::StatusCode;

/// A complete response. A rejection by the callee (4xx) is a response too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResponse {
    /// The status; never 5xx, except in [`CallError::Failed`](crate::CallError::Failed).
    pub status: StatusCode,
    /// The body; at most `CALL_ANSWER_LIMIT` bytes.
    pub body: Bytes,
}
