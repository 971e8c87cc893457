use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::openapi::{self, Answers};
use chassis::page::PageRequest;
use chassis::problem::Problem;
use chassis::trace::{Trace, about};
use chassis::{Asker, Host, OnlyServices};
use payment_domain::{Bill, Refusal};
use utoipa::IntoResponses;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Asked};
use crate::bodies::{BillRequest, Payment, PaymentAction, PaymentList, Settled};

/// Who sees payments. Students see the state of theirs on the match and on myPage.
const OPERATOR: &str = "operator";

/// Who calls what. The last two are for other contexts: no gateway routes them.
pub fn routes(app: Arc<App>, host: Host) -> Router {
    Router::from(handlers()).layer(Extension(host)).with_state(app)
}

/// What the context promises over HTTP.
pub fn document() -> OpenApi {
    let about = "Takes the price of a match, and gives it back.";
    openapi::document("payment", about, env!("CARGO_PKG_VERSION"), handlers().into_openapi())
}

fn handlers() -> OpenApiRouter<Arc<App>> {
    let seen = OpenApiRouter::default().routes(routes!(list)).routes(routes!(show));
    seen.routes(routes!(approve)).routes(routes!(cancel))
}

/// Takes a payment. For other contexts: twice is as good as once.
#[utoipa::path(
    post,
    path = "/approvals",
    operation_id = "approvePayment",
    request_body = BillRequest,
    responses((status = 200, body = Settled, description = "It is taken, now or before."), NotApproved),
)]
async fn approve(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    _: OnlyServices,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Settled>, Problem> {
    let bill = bill(&fields)?;
    // What the provider has taken is written down although the caller gave up waiting.
    let asked = host.see_through(async move { app.approve(bill, trace).await }).await;
    asked.ok_or_else(Problem::internal)?.map_err(store::problem)?.into_answer(bill.match_id).map(Json)
}

impl Asked {
    fn into_answer(self, match_id: i64) -> Result<Settled, Problem> {
        match self {
            Self::Approved => Ok(Settled { match_id, payment_action: PaymentAction::Approved }),
            Self::Declined(reason) => {
                let declined = "The payment is declined";
                Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", declined).detail(reason))
            }
            Self::Refused(refusal) => Err(Problem::conflict(refusal.to_string())),
            Self::Unknown => {
                let failed = "The payment provider failed";
                Err(Problem::new(StatusCode::BAD_GATEWAY, "provider-failed", failed))
            }
        }
    }
}

/// Why no payment is taken, as the document has it.
struct NotApproved;

impl IntoResponses for NotApproved {
    fn responses() -> Answers {
        let declined = Asked::Declined("the card has expired".to_owned());
        let refused = [Refusal::Canceled, Refusal::OtherAttempt].map(Asked::Refused);
        let outcomes = refused.into_iter().chain([declined, Asked::Unknown]);
        openapi::refusals(outcomes.filter_map(|outcome| outcome.into_answer(5000).err()).chain([no_price()]))
    }
}

fn no_price() -> Problem {
    Problem::unprocessable_field("price", "is required")
}

/// As the document has it.
struct NotCanceled;

impl IntoResponses for NotCanceled {
    fn responses() -> Answers {
        openapi::refusals([no_price()])
    }
}

/// Cancels a payment, whether it was taken or not. For other contexts: twice is as good as once.
#[utoipa::path(
    post,
    path = "/cancellations",
    operation_id = "cancelPayment",
    request_body = BillRequest,
    responses((status = 200, body = Settled, description = "It is cancelled, now or before."), NotCanceled),
)]
async fn cancel(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    _: OnlyServices,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Settled>, Problem> {
    let bill = bill(&fields)?;
    let canceled = host.see_through(async move { app.cancel(bill, trace).await }).await;
    canceled.ok_or_else(Problem::internal)?.map_err(store::problem)?;
    Ok(Json(Settled { match_id: bill.match_id, payment_action: PaymentAction::Canceled }))
}

fn bill(fields: &Fields) -> Result<Bill, Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let match_id = number("matchId")?;
    about(match_id);
    Ok(Bill { match_id, attempt: number("attempt")?, price: number("price")? })
}

/// The payment of a match.
#[utoipa::path(
    get,
    path = "/payments/{id}",
    operation_id = "showPayment",
    params(Id),
    responses((status = 200, body = Payment, description = "The payment.")),
)]
async fn show(State(app): State<Arc<App>>, asker: Asker, Id(id): Id) -> Result<Json<Payment>, Problem> {
    asker.in_any(&[OPERATOR])?;
    let payment = app.find(id).await.map_err(store::problem)?;
    let unknown = || Problem::not_found(format!("there is no payment of match {id}"));
    payment.map(|payment| Json(Payment::new(&payment))).ok_or_else(unknown)
}

/// The payments in the order of their matches.
#[utoipa::path(
    get,
    path = "/payments",
    operation_id = "listPayments",
    params(PageRequest<1>),
    responses((status = 200, body = PaymentList, description = "A page.")),
)]
async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    request: PageRequest<1>,
) -> Result<Json<PaymentList>, Problem> {
    asker.in_any(&[OPERATOR])?;
    let after = request.after_number();
    let found = app.page(after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.bill.match_id]);
    Ok(Json(PaymentList::new(found.items.iter().map(Payment::new).collect(), &request, next)))
}
