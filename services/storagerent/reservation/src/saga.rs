//! The saga of a request: storage holds the room, and payment approves its price.

use std::time::Duration;

use ambient::Positive;
use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use context::saga::{
    Definition, HttpParticipant, Recovery, Refusal, Reply, Requested, SagaTable, Step, confirmed_or_declined, declined,
};
use context::{ReceivedProblem, ServiceClient};
use messaging::Argument;
use reservation_contract::ReservationEvent;
use reservation_domain::{Attempt, Established, Offer, Terms};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::reservation_row::{ReservationRow, TABLE};

/// When a request may be repeated whose earlier attempt still holds a room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The request of a reservation.
pub struct RequestSaga;

/// The problems with which storage declines a hold.
pub(crate) const HOLD_DECLINED: [Refusal; 4] = [
    Refusal { kind: "storage-unknown", status: StatusCode::NOT_FOUND, title: "There is no such storage" },
    Refusal { kind: "storage-taken", status: StatusCode::CONFLICT, title: "The storage is taken" },
    Refusal { kind: "storage-without-price", status: StatusCode::CONFLICT, title: "The storage has no price" },
    Refusal { kind: "other-price", status: StatusCode::CONFLICT, title: "The storage has another price" },
];

/// The problem with which payment declines.
pub(crate) const PAYMENT_DECLINED: Refusal =
    Refusal { kind: "payment-declined", status: StatusCode::PAYMENT_REQUIRED, title: "The payment is declined" };

impl Definition for RequestSaga {
    type Attempt = Attempt;
    type Reason = Problem;
    type Event = ReservationEvent;

    const NAME: &'static str = "the request of a reservation";
    const STEPS: &'static [Step] = &[
        Step {
            participant: "storage",
            action: "hold the room for the attempt",
            compensation: "release the room, and reject a later hold",
        },
        Step {
            participant: "payment",
            action: "approve the payment of the attempt",
            compensation: "cancel the payment of the attempt, and reject a later approval",
        },
    ];
    // The client of an unknown outcome was answered 503, and may request the same id again.
    const RECOVERY: Recovery = Recovery::Backward;
    const TABLE: SagaTable = TABLE;
    const ESTABLISHED_TOTAL: &'static str = "reservations_established_total";

    fn key(attempt: &Attempt) -> Argument<'_> {
        Argument::Number(attempt.id.get())
    }

    fn number(attempt: &Attempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![
            ("storage_id", Argument::Number(attempt.storage_id.get())),
            ("price", Argument::OptionalNumber(attempt.price().map(Positive::get))),
            ("hold", Argument::OptionalNumber(None)),
            ("status", Argument::Text("")),
            ("paid", Argument::Number(0)),
            ("customer", Argument::OptionalText(attempt.customer.as_deref())),
        ]
    }

    fn results(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        let Terms::Held { hold, price } = attempt.terms else { return Vec::new() };
        vec![("price", Argument::Number(price.get())), ("hold", Argument::Number(hold.get()))]
    }

    fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
        Ok(ReservationRow::from_row(row)?.into_state()?.attempt().clone())
    }

    fn event(attempt: &Attempt) -> ReservationEvent {
        attempt.created().into()
    }
}

impl Requested for RequestSaga {
    type Row = ReservationRow;
    type Offer = Offer;
    type Established = Established;

    const REFUSED_TOTAL: &'static str = "reservations_refused_total";
    const DIFFERENT: &'static str = "this reservation exists for another room or price";
    const KEY_REUSED: StatusCode = StatusCode::CONFLICT;
    const UNAVAILABLE: &'static str =
        "storage or payment is unavailable now; nothing is reserved, and whatever was held or paid is given back";
    const UNDECIDED: &'static str = "It is not known yet whether the reservation is established";

    fn declined(problem: Problem) -> Problem {
        problem
    }
}

/// Storage, which holds the room and states its price.
pub fn storage(client: ServiceClient) -> HttpParticipant<RequestSaga> {
    HttpParticipant { client, action: "/holds", compensation: "/releases", body: hold, read: held }
}

/// Payment.
pub fn payment(client: ServiceClient) -> HttpParticipant<RequestSaga> {
    HttpParticipant { client, action: "/approvals", compensation: "/cancellations", body: bill, read: paid }
}

/// Without the price and the customer if there are none: their absence has a meaning.
fn hold(attempt: &Attempt) -> Value {
    let mut hold = json!({
        "storageId": attempt.storage_id.get(), "reservationId": attempt.id.get(), "attempt": attempt.number,
    });
    if let Some(price) = attempt.price() {
        hold["price"] = price.get().into();
    }
    if let Some(customer) = &attempt.customer {
        hold["customer"] = customer.as_str().into();
    }
    hold
}

/// The response to a hold.
#[derive(Deserialize)]
struct Hold {
    hold: i64,
    price: i64,
}

fn held(attempt: &mut Attempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    if answer.status == StatusCode::OK {
        let Hold { hold, price } = answer.json().ok()?;
        let (hold, price) = (Positive::new(hold).ok()?, Positive::new(price).ok()?);
        attempt.terms = Terms::Held { hold, price };
        return Some(Reply::Done);
    }
    let problem = ReceivedProblem::of(answer);
    // An earlier attempt still holds a room, or the recovery has released this one.
    if problem.kind() == "hold-released" {
        return Some(Reply::NotSent(RETRY_AFTER));
    }
    declined(&problem, &HOLD_DECLINED).map(Reply::Declined)
}

fn bill(attempt: &Attempt) -> Value {
    json!({
        "reservationId": attempt.id.get(), "attempt": attempt.number, "price": attempt.price().map(Positive::get),
        "storageId": attempt.storage_id.get(), "hold": attempt.hold(),
    })
}

fn paid(_: &mut Attempt, answer: &CallResponse) -> Option<Reply<Problem>> {
    confirmed_or_declined(answer, &[PAYMENT_DECLINED])
}
