//! A customer cancels an order: the kitchen decides.

use axum::Json;
use axum::extract::State;
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::conditional::{Conditions, changed_since};
use chassis::openapi::{self, Responses, number_or_digits, object, one_of, or_null};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use chassis::{Principal, Scope};
use context::saga::{RequestOutcome, Requested};
use context::{Route, check_conditions, command, outcome_or, run_to_completion, store_problem};
use events::TraceContext;
use foodcourt_order_domain::{CANCEL, CancelOffer, Progress};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa_axum::router::OpenApiRouter;

use crate::documents::OrderDocument;
use crate::saga::{CancelSaga, RETRY_AFTER};
use crate::state::{CUSTOMER, OrderState};

const ABOUT: &str = "Cancels an order, unless the kitchen has taken it. Idempotent. The role customer cancels its own.";

pub(crate) fn handlers() -> OpenApiRouter<OrderState> {
    let status = object("The cancellation of an order.").property("status", one_of(&[CANCEL]));
    let by_number = object("The cancellation of an order.")
        .property("orderId", number_or_digits("The order.", MAX_EXACT))
        .property("status", or_null(OneOfBuilder::new().item(one_of(&[CANCEL])).description(Some("May be left out."))))
        .required("orderId")
        .examples([json!({ "orderId": 1, "status": CANCEL })]);
    let patch = Route {
        method: HttpMethod::Patch,
        path: "/orders/{id}",
        id: "cancelOrder",
        about: ABOUT,
        parameters: [Id::<i64>::into_params(|| None), Conditions::into_params(|| None)].concat(),
        request: Some(openapi::required(status)),
        responses: responses(),
    };
    patch.handled_by(change).merge(command(
        "/orders/cancel",
        "cancelOrderByPost",
        ABOUT,
        by_number,
        responses(),
        cancel,
    ))
}

/// Handles `PATCH /orders/{id}`.
async fn change(
    State(state): State<OrderState>,
    principal: Principal,
    Id(order_id): Id<i64>,
    Trace(trace): Trace,
    conditions: Conditions,
    fields: Fields,
) -> Result<Json<bool>, Problem> {
    required(status(&fields)?, "status")?;
    decide(state, principal, order_id, &conditions, trace).await
}

/// Handles `POST /orders/cancel`.
async fn cancel(
    State(state): State<OrderState>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<bool>, Problem> {
    status(&fields)?;
    let order_id = required(fields.positive("orderId")?, "orderId")?.get();
    correlate(order_id);
    decide(state, principal, order_id, &Conditions::default(), trace).await
}

async fn decide(
    state: OrderState,
    principal: Principal,
    order_id: i64,
    conditions: &Conditions,
    trace: TraceContext,
) -> Result<Json<bool>, Problem> {
    let scope = Scope::of(principal.require_subject(CUSTOMER)?.as_deref());
    let order = state.store.orders.find(&order_id, &scope).await.map_err(store_problem)?;
    let order = order.ok_or_else(|| unknown(order_id))?;
    check_conditions::<OrderDocument>(conditions, &order_id, &order)?;
    let (id, offer) = (order.id, CancelOffer { shop_id: order.placement.shop_id });
    let cancellations = state.cancellations;
    match run_to_completion(&state.host, async move { cancellations.request(id, &offer, trace).await }).await? {
        RequestOutcome::Undecided(_) => Err(undecided()),
        outcome => outcome.into_result::<CancelSaga>().map(|_| Json(true)),
    }
}

fn status(fields: &Fields) -> Result<Option<()>, Problem> {
    match fields.text("status", 100)? {
        Some(status) if status != CANCEL => Err(no_such_change()),
        status => Ok(status.map(drop)),
    }
}

fn unknown(order_id: i64) -> Problem {
    Problem::not_found(format!("there is no order {order_id}"))
}

fn undecided() -> Problem {
    Problem::unavailable(CancelSaga::UNDECIDED, RETRY_AFTER)
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"cancel\": that is all that can be changed")
}

fn responses() -> Responses {
    let problems = [
        unknown(1),
        CancelSaga::declined(Progress::Cook),
        Problem::unavailable(CancelSaga::UNAVAILABLE, RETRY_AFTER),
        undecided(),
        no_such_change(),
        changed_since(),
    ];
    let done = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    outcome_or("It is cancelled, now or before.", done, problems)
}
