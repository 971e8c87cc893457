use std::time::Duration;

use async_trait::async_trait;
use calls::CallResponse;
use events::TraceContext;
use serde_json::Value;

use crate::ServiceClient;
use crate::saga::{Definition, NotCompensated, Participant, Reply};

/// Reads the reply in a response, and writes what it contains to the attempt. `None`: the response is not promised.
pub type ReadReply<D> = fn(&mut <D as Definition>::Attempt, &CallResponse) -> Option<Reply<<D as Definition>::Reason>>;

/// A participant that is called over HTTP: its step is `POST` of one body to two paths.
pub struct HttpParticipant<D: Definition> {
    /// The context.
    pub client: ServiceClient,
    /// The path of the action.
    pub action: &'static str,
    /// The path of the compensation. It is confirmed by 200.
    pub compensation: &'static str,
    /// The body of both.
    pub body: fn(&D::Attempt) -> Value,
    /// Reads the responses to the action. What it writes to the attempt is stored: see [`Definition::results`]. The outcome
    /// of a response that is not promised is unknown.
    pub read: ReadReply<D>,
}

#[async_trait]
impl<D: Definition> Participant<D> for HttpParticipant<D> {
    fn unavailable_for(&self) -> Option<Duration> {
        self.client.unavailable_for()
    }

    async fn execute(&self, attempt: &mut D::Attempt, trace: &TraceContext) -> Reply<D::Reason> {
        let body = (self.body)(attempt);
        self.client.execute(self.action, &body, trace, |answer| (self.read)(attempt, answer)).await
    }

    async fn compensate(&self, attempt: &D::Attempt) -> Result<(), NotCompensated> {
        self.client.compensate(self.compensation, &(self.body)(attempt)).await
    }
}
