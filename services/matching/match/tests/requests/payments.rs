//! A payment context that answers as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use events::TraceContext;
use match_domain::Case;
use match_service::{Approval, Payments, Unsettled};
use tokio::sync::watch;

pub struct Scripted {
    /// Answers to come; when there are none, it approves.
    pub answers: Mutex<VecDeque<Approval>>,
    pub refusal: Mutex<Option<Duration>>,
    /// Cancellations that it leaves without an answer, from now on.
    pub unsettled: Mutex<usize>,
    /// All attempts that it was asked to approve.
    pub asked: Mutex<Vec<Case>>,
    /// All attempts that it was asked to cancel.
    pub canceled: Mutex<Vec<Case>>,
    /// While this is false, who asks for an approval waits.
    pub open: watch::Sender<bool>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            answers: Mutex::default(),
            refusal: Mutex::default(),
            unsettled: Mutex::default(),
            asked: Mutex::default(),
            canceled: Mutex::default(),
            open: watch::Sender::new(true),
        }
    }
}

impl Scripted {
    pub fn answer(&self, answers: impl IntoIterator<Item = Approval>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn asked(&self) -> Vec<Case> {
        self.asked.lock().unwrap().clone()
    }

    pub fn canceled(&self) -> Vec<Case> {
        self.canceled.lock().unwrap().clone()
    }
}

#[async_trait]
impl Payments for Scripted {
    fn refusal(&self) -> Option<Duration> {
        *self.refusal.lock().unwrap()
    }

    async fn approve(&self, case: &Case, _trace: &TraceContext) -> Approval {
        self.asked.lock().unwrap().push(case.clone());
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.answers.lock().unwrap().pop_front().unwrap_or(Approval::Approved)
    }

    async fn cancel(&self, case: &Case) -> Result<(), Unsettled> {
        self.canceled.lock().unwrap().push(case.clone());
        let mut unsettled = self.unsettled.lock().unwrap();
        if *unsettled > 0 {
            *unsettled -= 1;
            return Err(Unsettled("as the test wants it".to_owned()));
        }
        Ok(())
    }
}
