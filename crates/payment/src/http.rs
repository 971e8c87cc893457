use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, positive};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use chassis::{Host, RequireService};
use context::{List, Repository, Resource, Visibility, command, outcome_or, run_to_completion};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::document::{APPROVED, CANCELED, PaymentDocument, action};
use crate::payable::Payable;
use crate::row::PaymentRow;
use crate::rules::{ApproveError, Bill, EarlierAttemptApproved};
use crate::use_cases::{ApprovalOutcome, UseCases};

/// The state of the handlers.
#[derive(Clone)]
pub struct PaymentState<P: Payable> {
    /// The use cases.
    pub use_cases: Arc<UseCases<P>>,
    /// The rows of the payments.
    pub rows: Repository<PaymentRow<P>>,
    /// The process.
    pub host: Host,
}

impl<P: Payable> FromRef<PaymentState<P>> for Repository<PaymentRow<P>> {
    fn from_ref(state: &PaymentState<P>) -> Self {
        state.rows.clone()
    }
}

/// The routes. `/approvals` and `/cancellations` are for other contexts: no gateway has them.
pub(crate) fn handlers<P: Payable>() -> OpenApiRouter<PaymentState<P>> {
    let list = List::new("state <> 'Void'", [P::KEY_COLUMN]);
    let approve_about = "Takes a payment. For other contexts. Idempotent.";
    let cancel_about = "Cancels a payment, whether it was taken or not. For other contexts. Idempotent.";
    Resource::<PaymentDocument<P>, _>::new(Visibility::Shared(P::READERS))
        .list(&format!("The payments in the order of {}.", P::KEY_FIELD), list)
        .show(&format!("The payment of a {}.", P::NAME))
        .into_router()
        .merge(command(
            "/approvals",
            "approvePayment",
            approve_about,
            request::<P>(),
            approve_responses::<P>(),
            approve,
        ))
        .merge(command(
            "/cancellations",
            "cancelPayment",
            cancel_about,
            request::<P>(),
            cancel_responses::<P>(),
            cancel,
        ))
}

async fn approve<P: Payable>(
    State(state): State<PaymentState<P>>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (bill, details) = read::<P>(&fields)?;
    let use_cases = state.use_cases;
    // What the provider has taken is stored although the caller does not wait any longer.
    match run_to_completion(&state.host, async move { use_cases.approve(bill, details, trace).await }).await? {
        ApprovalOutcome::Approved => Ok(Json(outcome_of::<P>(bill, APPROVED))),
        outcome => Err(not_approved::<P>(outcome)),
    }
}

async fn cancel<P: Payable>(
    State(state): State<PaymentState<P>>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (bill, details) = read::<P>(&fields)?;
    let use_cases = state.use_cases;
    let canceled = run_to_completion(&state.host, async move { use_cases.cancel(bill, details, trace).await });
    canceled.await?.map_err(not_canceled)?;
    Ok(Json(outcome_of::<P>(bill, CANCELED)))
}

fn read<P: Payable>(fields: &Fields) -> Result<(Bill, P::Details), Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let key = number(P::KEY_FIELD)?;
    correlate(key);
    Ok((Bill { key, attempt: number("attempt")?, price: number("price")? }, P::details(fields)?))
}

fn outcome_of<P: Payable>(bill: Bill, action: &str) -> Value {
    let fields = [(P::KEY_FIELD, json!(bill.key)), ("paymentAction", json!(action))];
    Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))).into()
}

fn not_approved<P: Payable>(outcome: ApprovalOutcome) -> Problem {
    match outcome {
        ApprovalOutcome::Declined(reason) => {
            Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", "The payment is declined").detail(reason)
        }
        ApprovalOutcome::Rejected(ApproveError::OtherAttempt) => {
            Problem::conflict(format!("another attempt at this {} counts", P::NAME))
        }
        ApprovalOutcome::Rejected(error @ ApproveError::Canceled) => Problem::conflict(error.to_string()),
        ApprovalOutcome::Unknown | ApprovalOutcome::Approved => {
            Problem::new(StatusCode::BAD_GATEWAY, "provider-failed", "The payment provider failed")
        }
    }
}

fn not_canceled(error: EarlierAttemptApproved) -> Problem {
    Problem::conflict(error.to_string())
}

fn request<P: Payable>() -> ObjectBuilder {
    let name = P::NAME;
    let attempt = format!("The attempt at this {name}. Later attempts have greater numbers.");
    let request = object("A payment to take or to cancel, from another context.")
        .property(P::KEY_FIELD, number_or_digits(&format!("The {name}."), MAX_EXACT))
        .property("attempt", number_or_digits(&attempt, MAX_EXACT))
        .property("price", number_or_digits("The amount.", MAX_EXACT));
    P::describe_details(request)
}

fn approve_responses<P: Payable>() -> Responses {
    let rejected = [ApproveError::Canceled, ApproveError::OtherAttempt].map(ApprovalOutcome::Rejected);
    let declined = ApprovalOutcome::Declined("the card has expired".to_owned());
    let problems = rejected.into_iter().chain([declined, ApprovalOutcome::Unknown]).map(not_approved::<P>);
    responses::<P>("It is taken, now or before.", problems)
}

fn cancel_responses<P: Payable>() -> Responses {
    responses::<P>("It is cancelled, now or before.", [not_canceled(EarlierAttemptApproved)])
}

fn responses<P: Payable>(about: &str, problems: impl IntoIterator<Item = Problem>) -> Responses {
    let no_price = Problem::unprocessable_field("price", "is required");
    let outcome = object("The outcome.")
        .property(P::KEY_FIELD, positive(&format!("The {}.", P::NAME)))
        .property("paymentAction", action());
    outcome_or(about, outcome, problems.into_iter().chain([no_price]))
}
