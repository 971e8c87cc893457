//! The saga of a request, and payment, its only participant.

use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use context::ServiceClient;
use context::saga::{
    Definition, HttpParticipant, Recovery, Refusal, Reply, Requested, SagaTable, Step, confirmed_or_declined,
};
use messaging::Argument;
use pizza_order_contract::OrderEvent;
use pizza_order_domain::{Attempt, Established, Offer};
use serde_json::{Value, json};
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::order_row::{OrderRow, TABLE};

/// The request of an order.
pub struct RequestSaga;

/// The problem with which payment declines.
pub(crate) const PAYMENT_DECLINED: Refusal =
    Refusal { kind: "payment-declined", status: StatusCode::PAYMENT_REQUIRED, title: "The payment is declined" };

impl Definition for RequestSaga {
    type Attempt = Attempt;
    type Reason = Problem;
    type Event = OrderEvent;

    const NAME: &'static str = "the request of an order";
    const STEPS: &'static [Step] = &[Step {
        participant: "payment",
        action: "approve the payment of the attempt",
        compensation: "cancel the payment of the attempt, and reject a later approval",
    }];
    // The client of an unknown outcome was answered 503, and may request the same id again.
    const RECOVERY: Recovery = Recovery::Backward;
    const TABLE: SagaTable = TABLE;
    const ESTABLISHED_TOTAL: &'static str = "orders_established_total";

    fn key(attempt: &Attempt) -> Argument<'_> {
        Argument::Number(attempt.id.get())
    }

    fn number(attempt: &Attempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![
            ("pizza_id", Argument::Number(attempt.pizza_id.get())),
            ("qty", Argument::Number(attempt.qty.get())),
            ("price", Argument::Number(attempt.price.get())),
            // An approval of the attempt before may be known.
            ("payment", Argument::Text("")),
            ("customer", Argument::OptionalText(attempt.customer.as_deref())),
        ]
    }

    fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
        Ok(OrderRow::from_row(row)?.into_state()?.attempt().clone())
    }

    fn event(attempt: &Attempt) -> OrderEvent {
        attempt.ordered().into()
    }
}

impl Requested for RequestSaga {
    type Row = OrderRow;
    type Offer = Offer;
    type Established = Established;

    const REFUSED_TOTAL: &'static str = "orders_refused_total";
    const DIFFERENT: &'static str = "this order exists with another pizza or quantity";
    const UNAVAILABLE: &'static str =
        "payment is unavailable now; nothing is ordered, and whatever was paid is paid back";
    const UNDECIDED: &'static str = "The outcome is not known yet";

    fn declined(problem: Problem) -> Problem {
        problem
    }
}

/// Payment.
pub fn payment(client: ServiceClient) -> HttpParticipant<RequestSaga> {
    HttpParticipant { client, action: "/approvals", compensation: "/cancellations", body: bill, read: reply }
}

fn bill(attempt: &Attempt) -> Value {
    json!({ "orderId": attempt.id.get(), "attempt": attempt.number, "price": attempt.price.get() })
}

fn reply(_: &mut Attempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    confirmed_or_declined(answer, &[PAYMENT_DECLINED])
}
