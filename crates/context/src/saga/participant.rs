use std::time::Duration;

use async_trait::async_trait;
use events::TraceContext;

use crate::saga::Definition;

/// A participant of a saga: another context, called synchronously.
///
/// Both calls name the key and the attempt. The saga relies on this of every participant:
///
/// - **Repetition.** The same call again has no second effect, and the same reply.
/// - **The mark.** A compensation is confirmed whether the action had an effect, had none, or was never received. From
///   then on an action of the same attempt is declined: it may still be on its way. So a compensation without an effect
///   to undo stores a mark.
/// - **Attempts.** Calls of an attempt change nothing of a later attempt.
#[async_trait]
pub trait Participant<D: Definition>: Send + Sync {
    /// How long the participant is known to be unavailable, such as by an open circuit breaker. `None`: a call may succeed.
    fn unavailable_for(&self) -> Option<Duration>;

    /// Executes the action of its step. What it learns is written to `attempt`: see [`Definition::results`].
    async fn execute(&self, attempt: &mut D::Attempt, trace: &TraceContext) -> Reply<D::Reason>;

    /// Undoes the action of its step, whether it had an effect or not, and prevents a later effect.
    async fn compensate(&self, attempt: &D::Attempt) -> Result<(), NotCompensated>;
}

/// The reply of a participant to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<R> {
    /// It had its effect.
    Done,
    /// It had no effect, for this reason.
    Declined(R),
    /// It was certainly not sent. It may be repeated after this time.
    NotSent(Duration),
    /// It may have had its effect, or may have it later.
    Unknown,
}

impl<R> Reply<R> {
    /// A word for logs and spans.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined(_) => "declined",
            Self::NotSent(_) => "not sent",
            Self::Unknown => "unknown",
        }
    }
}

/// The participant has not confirmed a compensation: it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompensated(pub String);
