//! Cancellations, for the order context: the kitchen decides about them.

use axum::Json;
use axum::extract::State;
use chassis::RequireService;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{number_or_digits, object, positive};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{Repository, command, outcome_or, store_problem};
use cook_contract::CookEvent;
use cook_domain::{KitchenOrder, OtherStatus, Status};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use crate::rows::CookRow;
use crate::steps::other_status;

/// The route. No gateway has it.
pub(crate) fn handlers() -> OpenApiRouter<Repository<CookRow>> {
    let about = "Drops an order that is not taken, whether it has come or not. For other contexts. Idempotent.";
    let request = object("The cancellation of an order, from another context.")
        .property("orderId", number_or_digits("The order.", MAX_EXACT))
        .property("shopId", number_or_digits("The shop.", MAX_EXACT));
    let dropped = object("The cancellation.").property("orderId", positive("The order."));
    let problems = [other_status(OtherStatus(Status::Cook)), Problem::unprocessable_field("orderId", "is required")];
    let responses = outcome_or("It is dropped, now or before, and will never be shown.", dropped, problems);
    command("/cancellations", "dropOrder", about, request, responses, cancel)
}

async fn cancel(
    State(orders): State<Repository<CookRow>>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let number = |name| Ok::<_, Problem>(required(fields.positive(name)?, name)?.get());
    let (order_id, shop_id) = (number("orderId")?, number("shopId")?);
    correlate(order_id);
    let drop = |order: &mut KitchenOrder| order.cancel(shop_id).map(|()| None);
    let decided =
        orders.change_or_insert::<CookEvent, OtherStatus>(&order_id, trace, drop).await.map_err(store_problem)?;
    let order = decided.map_err(other_status)?;
    Ok(Json(json!({ "orderId": order.order_id })))
}
