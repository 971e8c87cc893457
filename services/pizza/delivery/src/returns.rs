//! Delivery as the participant of refunds: it agrees to a return, or withdraws it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::RequireService;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, positive, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{Repository, command, outcome_or, store_problem};
use delivery_domain::{AlreadyReturned, Refusal};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::delivery_row::DeliveryRow;

/// The maximum length of the id of a customer in characters.
const MAX_CUSTOMER: usize = 255;

/// The routes. No gateway has them.
pub(crate) fn handlers() -> OpenApiRouter<Repository<DeliveryRow>> {
    let agree_about = "Agrees to the refund of an order: its return begins. For other contexts. Idempotent.";
    let withdraw_about = "Withdraws a refund, whether it has arrived or not. For other contexts. Idempotent.";
    let withdrawals =
        command("/withdrawals", "withdrawReturn", withdraw_about, withdrawal_request(), withdrawn(), withdraw);
    command("/returns", "agreeToReturn", agree_about, return_request(), agreed(), agree).merge(withdrawals)
}

async fn agree(
    State(deliveries): State<Repository<DeliveryRow>>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (order_id, refund) = read(&fields)?;
    let customer = fields.text("customer", MAX_CUSTOMER)?;
    let agreed = deliveries.change_or_insert(&order_id, trace, |delivery| delivery.agree(refund, customer));
    let delivery = agreed.await.map_err(store_problem)?.map_err(not_agreed)?;
    Ok(Json(json!({ "orderId": order_id, "attempt": delivery.attempt })))
}

async fn withdraw(
    State(deliveries): State<Repository<DeliveryRow>>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (order_id, refund) = read(&fields)?;
    let withdrawn = deliveries.change_or_insert(&order_id, trace, |delivery| delivery.withdraw(refund));
    withdrawn.await.map_err(store_problem)?.map_err(not_withdrawn)?;
    Ok(Json(json!({ "orderId": order_id })))
}

fn read(fields: &Fields) -> Result<(i64, i64), Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let order_id = number("orderId")?;
    correlate(order_id);
    Ok((order_id, number("refund")?))
}

/// Each refusal has its type, which the caller reads.
fn not_agreed(refusal: Refusal) -> Problem {
    let (status, kind, title) = match refusal {
        Refusal::Unknown(_) => (StatusCode::NOT_FOUND, "order-unknown", "There is no such order"),
        Refusal::NotDelivered => (StatusCode::CONFLICT, "not-delivered", "The order is not delivered"),
        Refusal::Canceled => (StatusCode::CONFLICT, "order-canceled", "The order is cancelled"),
        Refusal::AlreadyRefunded => (StatusCode::CONFLICT, "already-refunded", "The order is already refunded"),
        Refusal::Withdrawn => (StatusCode::CONFLICT, "refund-withdrawn", "The refund was withdrawn"),
    };
    Problem::new(status, kind, title).detail(refusal.to_string())
}

fn not_withdrawn(rule: AlreadyReturned) -> Problem {
    Problem::conflict(rule.to_string())
}

fn withdrawal_request() -> ObjectBuilder {
    let refund = "The number of the refund. A later one of the same order has a greater number.";
    object("A refund, from another context.")
        .property("orderId", number_or_digits("The order.", MAX_EXACT))
        .property("refund", number_or_digits(refund, MAX_EXACT))
}

fn return_request() -> ObjectBuilder {
    let customer = "The customer who requests it. Left out if authentication is disabled.";
    let customer = text_like(r"^[^\x00-\x1f\x7f-\x9f]+$", MAX_CUSTOMER).description(Some(customer));
    let request = withdrawal_request().property("customer", customer);
    ["orderId", "refund"].into_iter().fold(request, ObjectBuilder::required)
}

fn agreed() -> Responses {
    let refusals =
        [Refusal::Unknown(1), Refusal::NotDelivered, Refusal::Canceled, Refusal::AlreadyRefunded, Refusal::Withdrawn];
    let outcome = object("The agreement.")
        .property("orderId", positive("The order."))
        .property("attempt", positive("The attempt at the order."));
    let problems = refusals.map(not_agreed).into_iter().chain([missing()]);
    outcome_or("The return has begun, now or before.", outcome, problems)
}

fn withdrawn() -> Responses {
    let outcome = object("The withdrawal.").property("orderId", positive("The order."));
    let about = "It is withdrawn, now or before, and will not be agreed to.";
    outcome_or(about, outcome, [not_withdrawn(AlreadyReturned), missing()])
}

fn missing() -> Problem {
    Problem::unprocessable_field("refund", "is required")
}
