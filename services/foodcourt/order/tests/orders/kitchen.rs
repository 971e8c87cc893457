//! A kitchen that replies as the test sets it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use context::saga::{NotCompensated, Participant, Reply};
use events::TraceContext;
use foodcourt_order_domain::{Attempt, Progress};
use foodcourt_order_service::CancelSaga;

/// The replies that are due, and then consent.
#[derive(Default)]
pub struct Scripted {
    replies: Mutex<VecDeque<Reply<Progress>>>,
    asked: Mutex<Vec<Attempt>>,
    is_away: Mutex<bool>,
}

impl Scripted {
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply<Progress>>) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).extend(replies);
    }

    /// The breaker is open.
    pub fn is_away(&self, is_away: bool) {
        *self.is_away.lock().unwrap_or_else(PoisonError::into_inner) = is_away;
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Participant<CancelSaga> for Scripted {
    fn unavailable_for(&self) -> Option<Duration> {
        self.is_away.lock().unwrap_or_else(PoisonError::into_inner).then_some(Duration::from_secs(5))
    }

    async fn execute(&self, attempt: &mut Attempt, _trace: &TraceContext) -> Reply<Progress> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(*attempt);
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Reply::Done)
    }

    async fn compensate(&self, _attempt: &Attempt) -> Result<(), NotCompensated> {
        Ok(())
    }
}
