//! The state of an order, and the commands of a shop: it takes an order, and finishes it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, one_of};
use chassis::problem::Problem;
use chassis::query::{Value, Values};
use chassis::trace::{Trace, correlate};
use context::{Repository, Route, command, outcome_or, shown, shown_or, store_problem};
use cook_contract::CookEvent;
use cook_domain::{KitchenOrder, OtherStatus, Status, Step};
use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::document::KitchenOrderDocument;
use crate::roles::{OPERATOR, SHOP, TENANCY};
use crate::rows::CookRow;

/// The counter of the steps.
pub(crate) const TOTAL: &str = "cook_steps_total";

pub(crate) fn handlers() -> OpenApiRouter<Repository<CookRow>> {
    let about = "Takes or finishes an order. Idempotent. For the shop that the token names, and for operators.";
    let mut order = Values::Positive.describe("orderId", "The order.");
    order.required = Required::True;
    let check = Route {
        method: HttpMethod::Get,
        path: "/cook/cookStatusCheck",
        id: "checkCookStatus",
        about: "The state of an order in its kitchen.",
        parameters: vec![order],
        request: None,
        responses: checked(),
    };
    check.handled_by(status).merge(command(
        "/cook/statusChange",
        "changeCookStatus",
        about,
        request(),
        changed(),
        change,
    ))
}

/// Handles `GET /cook/cookStatusCheck`.
async fn status(
    State(orders): State<Repository<CookRow>>,
    principal: Principal,
    uri: Uri,
) -> Result<Json<&'static str>, Problem> {
    let scope = principal.tenant_scope(TENANCY)?;
    let Some(Value::Number(order_id)) = Values::Positive.read("orderId", &uri)? else {
        return Err(missing("orderId"));
    };
    correlate(order_id);
    let order = orders.find(&order_id, &scope).await.map_err(store_problem)?;
    order.map(|order| Json(order.status.name())).ok_or_else(|| unknown(order_id))
}

/// Handles `POST /cook/statusChange`.
async fn change(
    State(orders): State<Repository<CookRow>>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    principal.require_any_role(&[SHOP, OPERATOR])?;
    let scope = principal.tenant_scope(TENANCY)?;
    let order_id = required(fields.positive("orderId")?, "orderId")?.get();
    let step = required(fields.text("cookStatus", 100)?, "cookStatus")?;
    let step = Step::named(step).ok_or_else(no_such_step)?;
    correlate(order_id);
    let advance = |order: &mut KitchenOrder| order.advance(step).map_err(other_status);
    let changed = orders.update::<CookEvent, _>(&order_id, &scope, trace, TOTAL, advance).await;
    let order = changed.map_err(store_problem)??.ok_or_else(|| unknown(order_id))?;
    shown::<KitchenOrderDocument>(&order)
}

/// 409: the order is in another state.
pub(crate) fn other_status(error: OtherStatus) -> Problem {
    Problem::new(StatusCode::CONFLICT, "other-cook-status", "The order is in another state")
        .detail(error.to_string())
        .member("cookStatus", error.0.name())
}

fn unknown(order_id: i64) -> Problem {
    Problem::not_found(format!("the kitchen has not heard of the order {order_id}"))
}

fn missing(field: &str) -> Problem {
    Problem::unprocessable_field(field, "is required")
}

fn no_such_step() -> Problem {
    Problem::unprocessable_field("cookStatus", "must be \"cook\" or \"cooked\"")
}

fn request() -> ObjectBuilder {
    object("A step of a kitchen.")
        .property("orderId", number_or_digits("The order.", MAX_EXACT))
        .property("cookStatus", one_of(&Step::ALL.map(Step::name)).description(Some("The new state.")))
        .examples([json!({ "orderId": 9, "cookStatus": "cook" })])
}

fn changed() -> Responses {
    let problems = [unknown(9), other_status(OtherStatus(Status::Order)), no_such_step(), missing("orderId")];
    shown_or::<KitchenOrderDocument>("It is so, now or before.", problems)
}

fn checked() -> Responses {
    let states = [Status::Order, Status::Cook, Status::Cooked, Status::Cancel].map(Status::name);
    outcome_or("The state.", one_of(&states), [unknown(9), missing("orderId"), Values::Positive.invalid("orderId")])
}
