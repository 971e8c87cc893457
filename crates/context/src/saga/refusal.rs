use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;

use crate::ReceivedProblem;
use crate::saga::Reply;

/// A problem with which a participant declines, and with which the context then responds to its own client.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The type of the problem, the same for the participant and for the client.
    pub kind: &'static str,
    /// The status for the client.
    pub status: StatusCode,
    /// The title for the client. The explanation is the participant's.
    pub title: &'static str,
}

impl Refusal {
    /// The problem for the client, without an explanation.
    pub fn problem(&self) -> Problem {
        Problem::new(self.status, self.kind, self.title)
    }

    /// As an example in an `OpenAPI` document.
    pub fn example(&self) -> Problem {
        self.problem().detail("the reason")
    }
}

/// The reply of a participant that confirms with 200, and declines with one of `refusals`.
pub fn confirmed_or_declined(answer: &CallResponse, refusals: &[Refusal]) -> Option<Reply<Problem>> {
    if answer.status == StatusCode::OK {
        return Some(Reply::Done);
    }
    declined(&ReceivedProblem::of(answer), refusals).map(Reply::Declined)
}

/// The problem for the client, if a participant declines with one of `refusals`.
pub fn declined(received: &ReceivedProblem, refusals: &[Refusal]) -> Option<Problem> {
    let refusal = refusals.iter().find(|refusal| refusal.kind == received.kind())?;
    Some(match &received.detail {
        Some(detail) => refusal.problem().detail(detail.as_str()),
        None => refusal.problem(),
    })
}
