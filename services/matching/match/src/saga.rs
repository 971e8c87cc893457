//! The saga of a request: payment is its only participant.

use context::saga::{Definition, Recovery, SagaTable, Step};
use match_contract::MatchEvent;
use match_domain::MatchAttempt;
use messaging::Argument;
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::store::MatchRow;

/// The request of a match.
pub struct RequestSaga;

impl Definition for RequestSaga {
    type Attempt = MatchAttempt;
    type Reason = String;
    type Event = MatchEvent;

    const NAME: &'static str = "the request of a match";
    const STEPS: &'static [Step] = &[Step {
        participant: "payment",
        action: "approve the payment of the attempt",
        compensation: "cancel the payment of the attempt, and reject a later approval",
    }];
    // The client of an unknown outcome was answered 503, and may request the same id again.
    const RECOVERY: Recovery = Recovery::Backward;
    const TABLE: SagaTable = SagaTable {
        retry_at: "settle_at",
        step: None,
        compensating: "settling",
        // Another context may have reported a step before the reply of payment arrived.
        on_established: Some("step = CASE WHEN step = '' THEN 'matchRequested' ELSE step END"),
        // A void attempt has no owner.
        on_void: Some("student = NULL"),
        ..SagaTable::of(MatchRow::TABLE)
    };
    const ESTABLISHED_TOTAL: &'static str = "matches_established_total";
    const UNFINISHED: &'static str = "matches_pending";

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
        MatchRow::from_row(row)?.attempt()
    }

    fn event(attempt: &MatchAttempt) -> MatchEvent {
        MatchEvent::MatchRequested(attempt.requested())
    }
}
