//! A customer places an order.

use ambient::{Positive, Subject};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, one_of, or_null};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{command, created, created_or, run_to_completion, shown, shown_or};
use foodcourt_order_domain::{Occupied, OtherPrice, Progress, Quantity, Request};
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::documents::OrderDocument;
use crate::state::{CUSTOMER, OrderState};
use crate::store::NotPlaced;

pub(crate) const ABOUT: &str = "Orders a dish. It is ordered even while the kitchen is away. The role customer orders.";

/// The other path of `POST /orders`.
pub(crate) fn handlers() -> OpenApiRouter<OrderState> {
    command("/orders/order", "placeOrderByOrder", ABOUT, request(), responses(), place)
}

/// Handles `POST /orders`.
pub(crate) async fn place(
    State(state): State<OrderState>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    let customer = principal.require_subject(CUSTOMER)?;
    let chosen = fields.positive("orderId")?;
    let request = read(&fields, customer)?;
    let (store, requested) = (state.store, request.clone());
    let placed = run_to_completion(&state.host, async move { store.place(chosen, &requested, trace).await }).await?;
    let (order, is_known) = placed.map_err(|refusal| not_placed(&request, refusal))?;
    correlate(order.id.get());
    if is_known { shown::<OrderDocument>(&order) } else { created::<OrderDocument>(&order) }
}

fn read(fields: &Fields, customer: Option<Subject>) -> Result<Request, Problem> {
    let shop_id = required(fields.positive("shopId")?, "shopId")?;
    let menu_id = required(fields.positive("menuId")?, "menuId")?;
    let qty = required(fields.whole_number("qty", 1..=Quantity::MAX)?.and_then(Quantity::new), "qty")?;
    let price = fields.positive("price")?;
    match fields.text("status", 100)? {
        Some(status) if status != Progress::Order.name() => Err(other_status()),
        _ => Ok(Request { shop_id, menu_id, qty, price, customer }),
    }
}

fn not_placed(request: &Request, refusal: NotPlaced) -> Problem {
    let Request { shop_id, menu_id, .. } = request;
    match refusal {
        NotPlaced::UnknownDish => {
            Problem::not_found(format!("the shop {} has no dish {}", shop_id.get(), menu_id.get()))
        }
        NotPlaced::OtherPrice(other) => Problem::conflict(other.to_string()),
        NotPlaced::Occupied(Occupied::Different) => Problem::conflict("this order exists with other contents"),
        NotPlaced::Occupied(Occupied::Taken) => {
            Problem::conflict("this id is taken: choose another one, or leave it out")
        }
        NotPlaced::Undecided(id) => {
            let title = "It is not known yet whether the order is placed";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", title)
                .detail(format!("order {} again with the same contents: it is placed once", id.get()))
        }
    }
}

fn other_status() -> Problem {
    Problem::unprocessable_field("status", "must be \"order\", or left out")
}

pub(crate) fn request() -> ObjectBuilder {
    let status = OneOfBuilder::new().item(one_of(&[Progress::Order.name()])).description(Some("May be left out."));
    let price = "The price of one that the customer expects. Without it, that of the dish.";
    object("An order.")
        .property("orderId", or_null(number_or_digits("The order. Without it, an id is assigned.", MAX_EXACT)))
        .property("shopId", number_or_digits("The shop.", MAX_EXACT))
        .property("menuId", number_or_digits("The dish, in the menu of the shop.", MAX_EXACT))
        .property("qty", number_or_digits("How many of it.", Quantity::MAX))
        .property("price", or_null(number_or_digits(price, MAX_EXACT)))
        .property("status", or_null(status))
        .required("shopId")
        .required("menuId")
        .required("qty")
        .examples([json!({ "shopId": 1, "menuId": 1, "qty": 1, "price": 1_000, "status": "order" })])
}

pub(crate) fn responses() -> Responses {
    let Ok(one) = Positive::new(1) else { return Responses::new() };
    let request = Request { shop_id: one, menu_id: one, qty: Quantity::ONE, price: None, customer: None };
    let refusals = [
        NotPlaced::UnknownDish,
        NotPlaced::OtherPrice(OtherPrice { price: 1_000, expected: 999 }),
        NotPlaced::Occupied(Occupied::Different),
        NotPlaced::Occupied(Occupied::Taken),
        NotPlaced::Undecided(one),
    ];
    let missing = Problem::unprocessable_field("shopId", "is required");
    let problems = refusals.map(|refusal| not_placed(&request, refusal)).into_iter().chain([other_status(), missing]);
    let before = shown_or::<OrderDocument>("The same was ordered before.", []);
    created_or::<OrderDocument>(problems).into_iter().chain(before).collect()
}
