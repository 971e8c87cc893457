//! The saga of a refund, and delivery, its only participant.

use std::time::Duration;

use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use context::saga::{Definition, HttpParticipant, Recovery, Refusal, Reply, Requested, SagaTable, Step, declined};
use context::{ReceivedProblem, ServiceClient};
use messaging::Argument;
use refund_contract::RefundEvent;
use refund_domain::{Attempt, Established, Offer, Reason};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::refund_row::{RefundRow, TABLE};

/// When a request may be repeated of which delivery knows that it was withdrawn.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The request of a refund.
pub struct RefundSaga;

/// The problems with which delivery declines a refund.
pub(crate) const REFUND_DECLINED: [Refusal; 4] = [
    Refusal { kind: "order-unknown", status: StatusCode::NOT_FOUND, title: "There is no such order" },
    Refusal { kind: "not-delivered", status: StatusCode::CONFLICT, title: "The order is not delivered" },
    Refusal { kind: "order-canceled", status: StatusCode::CONFLICT, title: "The order is cancelled" },
    Refusal { kind: "already-refunded", status: StatusCode::CONFLICT, title: "The order is already refunded" },
];

impl Definition for RefundSaga {
    type Attempt = Attempt;
    type Reason = Problem;
    type Event = RefundEvent;

    const NAME: &'static str = "the refund of an order";
    const STEPS: &'static [Step] = &[Step {
        participant: "delivery",
        action: "agree to the refund: the return begins",
        compensation: "withdraw the refund, and reject a later agreement",
    }];
    // What delivery has agreed to is refunded.
    const RECOVERY: Recovery = Recovery::Forward;
    const TABLE: SagaTable = TABLE;
    const ESTABLISHED_TOTAL: &'static str = "refunds_established_total";

    fn key(attempt: &Attempt) -> Argument<'_> {
        Argument::Number(attempt.order_id.get())
    }

    fn number(attempt: &Attempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![
            ("order_attempt", Argument::OptionalNumber(None)),
            ("reason", Argument::Text(attempt.reason.as_str())),
            ("status", Argument::Text("")),
            ("early", Argument::Text("")),
            ("canceled_before", Argument::OptionalText(attempt.canceled_before.as_ref().map(Reason::as_str))),
            ("customer", Argument::OptionalText(attempt.customer.as_deref())),
        ]
    }

    fn results(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![("order_attempt", Argument::OptionalNumber(attempt.order_attempt))]
    }

    fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
        Ok(RefundRow::from_row(row)?.into_state()?.attempt().clone())
    }

    fn event(attempt: &Attempt) -> RefundEvent {
        attempt.refunded().into()
    }
}

impl Requested for RefundSaga {
    type Row = RefundRow;
    type Offer = Offer;
    type Established = Established;

    const REFUSED_TOTAL: &'static str = "refunds_refused_total";
    const DIFFERENT: &'static str = "the order is already refunded";
    const TAKEN: &'static str = "the refund of this order belongs to another customer";
    const REPEATABLE: bool = false;
    const UNAVAILABLE: &'static str = "delivery is unavailable now; nothing is refunded";
    const UNDECIDED: &'static str = "The outcome is not known yet";

    fn declined(problem: Problem) -> Problem {
        problem
    }
}

/// Delivery, which knows whether the order has arrived.
pub fn delivery(client: ServiceClient) -> HttpParticipant<RefundSaga> {
    HttpParticipant { client, action: "/returns", compensation: "/withdrawals", body, read: reply }
}

/// Without the customer if there is none.
fn body(attempt: &Attempt) -> Value {
    let mut body = json!({ "orderId": attempt.order_id.get(), "refund": attempt.number });
    if let Some(customer) = &attempt.customer {
        body["customer"] = customer.as_str().into();
    }
    body
}

/// The response to a return that delivery agrees to.
#[derive(Deserialize)]
struct Agreed {
    attempt: i64,
}

fn reply(attempt: &mut Attempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    if answer.status == StatusCode::OK {
        let Agreed { attempt: order_attempt } = answer.json().ok()?;
        attempt.order_attempt = Some(order_attempt);
        return Some(Reply::Done);
    }
    let problem = ReceivedProblem::of(answer);
    // The recovery has withdrawn it, or the clock of another replica has given a later number.
    if problem.kind() == "refund-withdrawn" {
        return Some(Reply::NotSent(RETRY_AFTER));
    }
    declined(&problem, &REFUND_DECLINED).map(Reply::Declined)
}
