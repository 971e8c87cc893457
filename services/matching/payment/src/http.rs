use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::page::{PageRequest, page};
use chassis::problem::Problem;
use chassis::trace::{Trace, about};
use chassis::{Asker, Host, OnlyServices};
use payment_domain::{Bill, Payment};
use serde_json::{Value, json};

use crate::app::{App, Asked};
use crate::store::action;

/// Who sees payments. Students see the state of theirs on the match and on myPage.
const OPERATOR: &str = "operator";

/// Who calls what. The last two are for other contexts: no gateway routes them.
pub fn routes(app: Arc<App>, host: Host) -> Router {
    Router::new()
        .route("/payments", get(list))
        .route("/payments/{id}", get(show))
        .route("/approvals", post(approve))
        .route("/cancellations", post(cancel))
        .layer(Extension(host))
        .with_state(app)
}

async fn approve(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    _: OnlyServices,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let bill = bill(&fields)?;
    // What the provider has taken is written down although the caller gave up waiting.
    let asked = host.see_through(async move { app.approve(bill, trace).await }).await;
    match asked.ok_or_else(Problem::internal)?.map_err(store::problem)? {
        Asked::Approved => Ok(Json(json!({ "matchId": bill.match_id, "paymentAction": "Approved" }))),
        Asked::Declined(reason) => {
            let declined = "The payment is declined";
            Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", declined).detail(reason))
        }
        Asked::Refused(refusal) => Err(Problem::conflict(refusal.to_string())),
        Asked::Unknown => {
            let failed = "The payment provider failed";
            Err(Problem::new(StatusCode::BAD_GATEWAY, "provider-failed", failed))
        }
    }
}

async fn cancel(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    _: OnlyServices,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let bill = bill(&fields)?;
    let canceled = host.see_through(async move { app.cancel(bill, trace).await }).await;
    canceled.ok_or_else(Problem::internal)?.map_err(store::problem)?;
    Ok(Json(json!({ "matchId": bill.match_id, "paymentAction": "Canceled" })))
}

fn bill(fields: &Fields) -> Result<Bill, Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let match_id = number("matchId")?;
    about(match_id);
    Ok(Bill { match_id, attempt: number("attempt")?, price: number("price")? })
}

async fn show(State(app): State<Arc<App>>, asker: Asker, Id(id): Id) -> Result<Json<Value>, Problem> {
    asker.in_any(&[OPERATOR])?;
    let payment = app.find(id).await.map_err(store::problem)?;
    let unknown = || Problem::not_found(format!("there is no payment of match {id}"));
    payment.map(|payment| Json(body(&payment))).ok_or_else(unknown)
}

async fn list(State(app): State<Arc<App>>, asker: Asker, request: PageRequest<1>) -> Result<Json<Value>, Problem> {
    asker.in_any(&[OPERATOR])?;
    let after = request.after.map_or(0, |[after]| after);
    let found = app.page(after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.bill.match_id]);
    Ok(page("/payments", "payments", found.items.iter().map(body).collect(), &request, next))
}

fn body(payment: &Payment) -> Value {
    let Bill { match_id, price, .. } = payment.bill;
    json!({
        "id": match_id,
        "matchId": match_id,
        "price": price,
        "paymentAction": action(payment.state),
        "_links": { "self": { "href": format!("/payments/{match_id}") } },
    })
}
