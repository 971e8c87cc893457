//! The saga of a cancellation: the kitchen drops the order, or declines.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use calls::CallResponse;
use chassis::problem::Problem;
use context::ServiceClient;
use context::saga::{Definition, NotCompensated, Participant, Recovery, Reply, Requested, SagaTable, Step};
use events::TraceContext;
use foodcourt_order_contract::OrderEvent;
use foodcourt_order_domain::{Attempt, CancelOffer, Cancellation, Progress};
use messaging::Argument;
use serde::Deserialize;
use serde_json::json;
use sqlx::FromRow as _;
use sqlx::any::AnyRow;
use store::Row as _;

use crate::rows::{CANCELLATIONS, CancellationRow};

/// The cancellation of an order.
pub struct CancelSaga;

impl Definition for CancelSaga {
    type Attempt = Attempt;
    type Reason = Progress;
    type Event = OrderEvent;

    const NAME: &'static str = "the cancellation of an order";
    const STEPS: &'static [Step] = &[Step {
        participant: "cook",
        action: "drop the order, unless it is taken",
        compensation: "none: the kitchen declines for good",
    }];
    // The kitchen may have dropped the order: then it must be cancelled.
    const RECOVERY: Recovery = Recovery::Forward;
    const TABLE: SagaTable = CANCELLATIONS;
    const ESTABLISHED_TOTAL: &'static str = "orders_cancelled_total";

    fn key(attempt: &Attempt) -> Argument<'_> {
        Argument::Number(attempt.order_id.get())
    }

    fn number(attempt: &Attempt) -> i64 {
        attempt.number
    }

    fn parameters(attempt: &Attempt) -> Vec<(&'static str, Argument<'_>)> {
        vec![("shop_id", Argument::Number(attempt.shop_id.get()))]
    }

    fn read(row: &AnyRow) -> Result<Attempt, sqlx::Error> {
        Ok(match CancellationRow::from_row(row)?.into_state()? {
            Cancellation::Undecided(attempt) | Cancellation::Void(attempt) | Cancellation::Established(attempt) => {
                attempt
            }
        })
    }

    fn event(attempt: &Attempt) -> OrderEvent {
        attempt.canceled().into()
    }
}

impl Requested for CancelSaga {
    type Row = CancellationRow;
    type Offer = CancelOffer;
    type Established = Attempt;

    const REFUSED_TOTAL: &'static str = "cancellations_refused_total";
    const DIFFERENT: &'static str = "this order is cancelled already";
    const UNAVAILABLE: &'static str = "the kitchen does not answer now; nothing has changed, unless the order says that its cancellation is undecided";
    const UNDECIDED: &'static str =
        "the kitchen has not answered; the order is cancelled once it does, unless it was taken: read the order";

    fn declined(progress: Progress) -> Problem {
        Problem::new(StatusCode::CONFLICT, "too-late", "It is too late to cancel the order")
            .detail(format!("the kitchen has taken the order: its state there is {:?}", progress.name()))
            .member("cookStatus", progress.name())
    }
}

/// When to repeat a cancellation that is undecided.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The kitchen.
pub struct Kitchen(pub ServiceClient);

#[async_trait]
impl Participant<CancelSaga> for Kitchen {
    fn unavailable_for(&self) -> Option<Duration> {
        self.0.unavailable_for()
    }

    async fn execute(&self, attempt: &mut Attempt, trace: &TraceContext) -> Reply<Progress> {
        let body = json!({ "orderId": attempt.order_id.get(), "shopId": attempt.shop_id.get() });
        self.0.execute("/cancellations", &body, trace, read).await
    }

    /// The kitchen declines an order that it has taken, and it never gives one back: no call that is still on its way can
    /// have an effect.
    async fn compensate(&self, _attempt: &Attempt) -> Result<(), NotCompensated> {
        Ok(())
    }
}

/// The problem with which the kitchen declines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declined {
    cook_status: String,
}

fn read(answer: &CallResponse) -> Option<Reply<Progress>> {
    match answer.status {
        StatusCode::OK => Some(Reply::Done),
        StatusCode::CONFLICT => {
            let Declined { cook_status } = answer.json().ok()?;
            Progress::named(&cook_status).map(Reply::Declined)
        }
        _ => None,
    }
}
