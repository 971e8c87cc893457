//! The saga of a request, and payment, its only participant.

use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use context::ServiceClient;
use context::saga::{
    Definition, HttpParticipant, Recovery, Refusal, Reply, Requested, SagaTable, Step, confirmed_or_declined,
};
use match_contract::MatchEvent;
use match_domain::{Established, MatchAttempt, Offer};
use messaging::Argument;
use serde_json::{Value, json};
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::match_row::{MatchRow, TABLE};

/// The request of a match.
pub struct RequestSaga;

/// The problem with which payment declines.
pub(crate) const PAYMENT_DECLINED: Refusal =
    Refusal { kind: "payment-declined", status: StatusCode::PAYMENT_REQUIRED, title: "The payment is declined" };

impl Definition for RequestSaga {
    type Attempt = MatchAttempt;
    type Reason = Problem;
    type Event = MatchEvent;

    const NAME: &'static str = "the request of a match";
    const STEPS: &'static [Step] = &[Step {
        participant: "payment",
        action: "approve the payment of the attempt",
        compensation: "cancel the payment of the attempt, and reject a later approval",
    }];
    // The client of an unknown outcome was answered 503, and may request the same id again.
    const RECOVERY: Recovery = Recovery::Backward;
    const TABLE: SagaTable = TABLE;
    const ESTABLISHED_TOTAL: &'static str = "matches_established_total";

    fn key(attempt: &MatchAttempt) -> Argument<'_> {
        Argument::Number(attempt.id.get())
    }

    fn number(attempt: &MatchAttempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &MatchAttempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![
            ("price", Argument::Number(attempt.price.get())),
            ("step", Argument::Text("")),
            ("student", Argument::OptionalText(attempt.student.as_deref())),
        ]
    }

    fn read(row: &AnyRow) -> Result<MatchAttempt, sqlx::Error> {
        Ok(MatchRow::from_row(row)?.into_state()?.attempt().clone())
    }

    fn event(attempt: &MatchAttempt) -> MatchEvent {
        attempt.requested().into()
    }
}

impl Requested for RequestSaga {
    type Row = MatchRow;
    type Offer = Offer;
    type Established = Established;

    const REFUSED_TOTAL: &'static str = "matches_refused_total";
    const DIFFERENT: &'static str = "this match exists with another price";
    const UNAVAILABLE: &'static str =
        "payment is unavailable now; there is no match, and whatever was paid is paid back";
    const UNDECIDED: &'static str = "It is not known yet whether the match is established";

    fn declined(problem: Problem) -> Problem {
        problem
    }
}

/// Payment.
pub fn payment(client: ServiceClient) -> HttpParticipant<RequestSaga> {
    HttpParticipant { client, action: "/approvals", compensation: "/cancellations", body: bill, read: reply }
}

fn bill(attempt: &MatchAttempt) -> Value {
    json!({ "matchId": attempt.id.get(), "attempt": attempt.number, "price": attempt.price.get() })
}

fn reply(_: &mut MatchAttempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    confirmed_or_declined(answer, &[PAYMENT_DECLINED])
}
