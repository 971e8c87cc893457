//! The saga of a request: the management accepts the call.

use std::time::Duration;

use ambient::Positive;
use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use cleancall_contract::CleanCallEvent;
use cleancall_domain::{Attempt, Established, Offer};
use context::saga::{Definition, HttpParticipant, Recovery, Refusal, Reply, Requested, SagaTable, Step, declined};
use context::{ReceivedProblem, ServiceClient};
use messaging::Argument;
use serde_json::{Value, json};
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::call_row::{CallRow, TABLE};

/// When a request may be repeated whose earlier attempt is not withdrawn yet.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The request of a call.
pub struct CallSaga;

/// The problems with which the management declines a call.
pub(crate) const CALL_DECLINED: [Refusal; 2] = [
    Refusal { kind: "place-not-served", status: StatusCode::CONFLICT, title: "The place is not served" },
    Refusal { kind: "too-many-calls", status: StatusCode::CONFLICT, title: "There are too many calls" },
];

impl Definition for CallSaga {
    type Attempt = Attempt;
    type Reason = Problem;
    type Event = CleanCallEvent;

    const NAME: &'static str = "the request of a call";
    const STEPS: &'static [Step] = &[Step {
        participant: "cleanmanage",
        action: "accept the call of the attempt",
        compensation: "withdraw the call of the attempt, and reject a later acceptance",
    }];
    // The client of an unknown outcome was answered 503, and may request the same id again.
    const RECOVERY: Recovery = Recovery::Backward;
    const TABLE: SagaTable = TABLE;
    const ESTABLISHED_TOTAL: &'static str = "cleancalls_established_total";

    fn key(attempt: &Attempt) -> Argument<'_> {
        Argument::Number(attempt.id.get())
    }

    fn number(attempt: &Attempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![
            ("tel", Argument::Text(attempt.request.tel.as_str())),
            ("location", Argument::OptionalText(attempt.request.location.as_deref())),
            ("cost", Argument::OptionalNumber(attempt.request.cost.map(Positive::get))),
            ("progress", Argument::Text("waiting")),
            ("cleaner", Argument::OptionalText(None)),
            ("canceled", Argument::Number(0)),
            ("customer", Argument::OptionalText(attempt.customer.as_deref())),
        ]
    }

    fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
        Ok(CallRow::from_row(row)?.into_state()?.attempt().clone())
    }

    fn event(attempt: &Attempt) -> CleanCallEvent {
        attempt.called().into()
    }
}

impl Requested for CallSaga {
    type Row = CallRow;
    type Offer = Offer;
    type Established = Established;

    const REFUSED_TOTAL: &'static str = "cleancalls_refused_total";
    const DIFFERENT: &'static str = "this call exists with another telephone number, place or price";
    const UNAVAILABLE: &'static str = "the management is unavailable now, try again shortly; the call is not taken, and whatever was accepted is withdrawn";
    const UNDECIDED: &'static str = "It is not known yet whether the call is taken";

    fn declined(problem: Problem) -> Problem {
        problem
    }
}

/// The management, which accepts the call.
pub fn management(client: ServiceClient) -> HttpParticipant<CallSaga> {
    HttpParticipant { client, action: "/acceptances", compensation: "/withdrawals", body, read }
}

/// Without the place and the customer if there are none: their absence has a meaning. Only the call's own context has the
/// whole telephone number.
fn body(attempt: &Attempt) -> Value {
    let mut body =
        json!({ "callId": attempt.id.get(), "attempt": attempt.number, "tel": attempt.request.tel.masked() });
    if let Some(location) = &attempt.request.location {
        body["location"] = location.as_str().into();
    }
    if let Some(customer) = &attempt.customer {
        body["customer"] = customer.as_str().into();
    }
    body
}

fn read(_: &mut Attempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    if answer.status == StatusCode::OK {
        return Some(Reply::Done);
    }
    let problem = ReceivedProblem::of(answer);
    // An earlier attempt is still accepted, or the recovery has withdrawn this one.
    if problem.kind() == "call-withdrawn" {
        return Some(Reply::NotSent(RETRY_AFTER));
    }
    declined(&problem, &CALL_DECLINED).map(Reply::Declined)
}
