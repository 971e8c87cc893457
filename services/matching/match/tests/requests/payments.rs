//! A payment context that answers as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use chassis::problem::Problem;
use context::saga::{NotCompensated, Participant, Reply};
use events::TraceContext;
use match_domain::MatchAttempt;
use match_service::RequestSaga;
use tokio::sync::watch;

/// The problem of a declined payment, with this reason.
pub fn declined(reason: &str) -> Problem {
    Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", "The payment is declined").detail(reason)
}

pub struct Scripted {
    /// Answers to come; when there are none, it approves.
    pub answers: Mutex<VecDeque<Reply<Problem>>>,
    pub unavailable_for: Mutex<Option<Duration>>,
    /// Cancellations that it does not confirm, from now on.
    pub unconfirmed: Mutex<usize>,
    /// All attempts that it was asked to approve.
    pub asked: Mutex<Vec<MatchAttempt>>,
    /// All attempts that it was asked to cancel.
    pub canceled: Mutex<Vec<MatchAttempt>>,
    /// While this is false, a request for an approval waits.
    pub open: watch::Sender<bool>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            answers: Mutex::default(),
            unavailable_for: Mutex::default(),
            unconfirmed: Mutex::default(),
            asked: Mutex::default(),
            canceled: Mutex::default(),
            open: watch::Sender::new(true),
        }
    }
}

impl Scripted {
    pub fn answer(&self, answers: impl IntoIterator<Item = Reply<Problem>>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn asked(&self) -> Vec<MatchAttempt> {
        self.asked.lock().unwrap().clone()
    }

    pub fn canceled(&self) -> Vec<MatchAttempt> {
        self.canceled.lock().unwrap().clone()
    }
}

#[async_trait]
impl Participant<RequestSaga> for Scripted {
    fn unavailable_for(&self) -> Option<Duration> {
        *self.unavailable_for.lock().unwrap()
    }

    async fn execute(&self, attempt: &mut MatchAttempt, _trace: &TraceContext) -> Reply<Problem> {
        self.asked.lock().unwrap().push(attempt.clone());
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.answers.lock().unwrap().pop_front().unwrap_or(Reply::Done)
    }

    async fn compensate(&self, attempt: &MatchAttempt) -> Result<(), NotCompensated> {
        self.canceled.lock().unwrap().push(attempt.clone());
        let mut unconfirmed = self.unconfirmed.lock().unwrap();
        if *unconfirmed > 0 {
            *unconfirmed -= 1;
            return Err(NotCompensated("as the test wants it".to_owned()));
        }
        Ok(())
    }
}
