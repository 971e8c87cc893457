//! Errors of calls, by what the caller may conclude.

use std::error::Error;
use std::time::Duration;

use crate::response::CallResponse;

/// Why there is no response. Programs decide by the variant; the reasons are for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The breaker is open: recent calls have failed.
    #[error("refused: the breaker is open")]
    Open {
        /// When to retry.
        retry_after: Duration,
    },
    /// The maximum number of calls is in flight.
    #[error("refused: too many calls are on their way")]
    Busy {
        /// When to retry.
        retry_after: Duration,
    },
    /// No connection: the callee has certainly not received the request.
    #[error("not sent: {0}")]
    Unsent(String),
    /// No whole response within the time limit: the outcome is unknown.
    #[error("no answer within the time limit")]
    TimedOut,
    /// The request was sent, but its response was lost or cannot be parsed: the outcome is unknown.
    #[error("no readable answer: {0}")]
    Broken(String),
    /// The callee responded with 5xx: the outcome is unknown.
    #[error("the callee failed: {}", .0.status)]
    Failed(CallResponse),
}

impl CallError {
    /// Whether the callee has certainly not received the request. If not, the outcome is unknown.
    pub fn certainly_not_sent(&self) -> bool {
        match self {
            CallError::Open { .. } | CallError::Busy { .. } | CallError::Unsent(_) => true,
            CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_) => false,
        }
    }

    /// When to retry, if the call was rejected before anything was sent.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Open { retry_after } | CallError::Busy { retry_after } => Some(*retry_after),
            CallError::Unsent(_) | CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_) => None,
        }
    }

    /// The label in metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            CallError::Open { .. } => "open",
            CallError::Busy { .. } => "busy",
            CallError::Unsent(_) => "unsent",
            CallError::TimedOut => "timed_out",
            CallError::Broken(_) => "broken",
            CallError::Failed(_) => "failed",
        }
    }
}

/// From an exchange without a response.
impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let never_connected = error.is_connect() || error.is_builder();
        // Without the address, which may be confidential.
        let reason = reason(&error.without_url());
        if never_connected { CallError::Unsent(reason) } else { CallError::Broken(reason) }
    }
}

/// The whole chain of causes: the text of reqwest alone is too general.
pub(crate) fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
