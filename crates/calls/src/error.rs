//! How a call can fail, sorted by what the caller may conclude.

use std::error::Error;
use std::time::Duration;

use crate::Answer;

/// Why there is no answer. The reasons are for people; what a program decides on is the variant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The breaker is open: the callee has failed too often to be asked now.
    #[error("refused: the breaker is open")]
    Open {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// As many calls as allowed are on their way already.
    #[error("refused: too many calls are on their way")]
    Busy {
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// No connection could be made: the callee has certainly seen nothing.
    #[error("not sent: {0}")]
    Unsent(String),
    /// No whole answer within the time limit: the outcome is unknown.
    #[error("no answer within the time limit")]
    TimedOut,
    /// The request was sent, but its answer did not arrive or cannot be read: the outcome is unknown.
    #[error("no readable answer: {0}")]
    Broken(String),
    /// The callee answered that it failed (5xx): how far it got is unknown.
    #[error("the callee failed: {}", .0.status)]
    Failed(Answer),
}

impl CallError {
    /// Whether the callee has certainly seen nothing of the call. If not, the outcome is unknown.
    pub fn certainly_not_sent(&self) -> bool {
        match self {
            CallError::Open { .. } | CallError::Busy { .. } | CallError::Unsent(_) => true,
            CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_) => false,
        }
    }

    /// When it is worth asking again, if that is known: the call was refused before anything was tried.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Open { retry_after } | CallError::Busy { retry_after } => Some(*retry_after),
            CallError::Unsent(_) | CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_) => None,
        }
    }

    /// The word for it in metrics.
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

/// From an exchange that ended without an answer.
impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let never_connected = error.is_connect() || error.is_builder();
        // The address stays out: it may hold what must not be logged.
        let reason = reason(&error.without_url());
        if never_connected { CallError::Unsent(reason) } else { CallError::Broken(reason) }
    }
}

/// The whole chain: reqwest's own text says only that something went wrong, and its sources say what.
pub(crate) fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
