use ambient::{Positive, Subject};
use context::saga::{Phase, SagaTable};
use refund_contract::RefundStep;
use refund_domain::{Attempt, End, Established, Reason, Refund};
use sqlx::Error;
use store::Row;

/// A row of `refunds`. `refund` and `phase` belong to the saga, and so does the column `retry_at`.
#[derive(Debug, Row)]
#[row(table = "refunds", key = "order_id", owner = "customer", state = "Refund")]
pub struct RefundRow {
    order_id: i64,
    refund: i64,
    order_attempt: Option<i64>,
    reason: String,
    phase: String,
    status: String,
    early: String,
    canceled_before: Option<String>,
    customer: Option<Subject>,
}

/// The columns of the saga.
pub(crate) const TABLE: SagaTable = SagaTable {
    attempt: "refund",
    step: None,
    // The row has the cancelled refund before, which clients see.
    keep: Some("canceled_before IS NOT NULL"),
    on_established: Some("status = 'refunded'"),
    // A void attempt has no owner, unless clients see the refund before.
    on_void: Some("customer = CASE WHEN canceled_before IS NULL THEN NULL ELSE customer END"),
    ..SagaTable::of(RefundRow::TABLE)
};

const fn end_name(end: End) -> &'static str {
    match end {
        End::Returned => "returned",
        End::Canceled => "canceled",
    }
}

impl From<Refund> for RefundRow {
    fn from(state: Refund) -> Self {
        let (phase, status, early) = match &state {
            Refund::Pending(_, early) => (Phase::Pending, None, *early),
            Refund::Completing(_, early) => (Phase::Completing, None, *early),
            Refund::Compensating(_) => (Phase::Compensating, None, None),
            Refund::Void(_) => (Phase::Void, None, None),
            Refund::Established(established) => (Phase::Established, Some(established.step()), established.early),
            Refund::Canceled(_) => (Phase::Void, Some(RefundStep::RefundCanceled), None),
        };
        let Attempt { order_id, number, reason, order_attempt, canceled_before, customer } = state.attempt().clone();
        Self {
            order_id: order_id.get(),
            refund: number,
            order_attempt,
            reason: reason.as_str().to_owned(),
            phase: TABLE.name_of(phase).to_owned(),
            status: status.map_or("", RefundStep::name).to_owned(),
            early: early.map_or("", end_name).to_owned(),
            canceled_before: canceled_before.map(|reason| reason.as_str().to_owned()),
            customer,
        }
    }
}

impl TryFrom<RefundRow> for Refund {
    type Error = Error;

    fn try_from(row: RefundRow) -> Result<Self, Error> {
        let reason = |text: String| Reason::new(text).map_err(|error| Error::Decode(error.into()));
        let attempt = Attempt {
            order_id: Positive::new(row.order_id).map_err(|error| Error::Decode(error.into()))?,
            number: row.refund,
            reason: reason(row.reason)?,
            order_attempt: row.order_attempt,
            canceled_before: row.canceled_before.map(reason).transpose()?,
            customer: row.customer,
        };
        let early = [End::Returned, End::Canceled].into_iter().find(|end| end_name(*end) == row.early);
        let step = RefundStep::named(&row.status);
        match (TABLE.phase_named(&row.phase), step) {
            (Some(Phase::Pending), _) => Ok(Self::Pending(attempt, early)),
            (Some(Phase::Completing), _) => Ok(Self::Completing(attempt, early)),
            (Some(Phase::Compensating), _) => Ok(Self::Compensating(attempt)),
            (Some(Phase::Void), Some(RefundStep::RefundCanceled)) => Ok(Self::Canceled(attempt)),
            (Some(Phase::Void), None) => Ok(Self::Void(attempt)),
            (Some(Phase::Established), Some(step @ (RefundStep::Refunded | RefundStep::Returned))) => {
                Ok(Self::Established(Established { attempt, early, is_returned: step == RefundStep::Returned }))
            }
            (phase, step) => Err(Error::Decode(format!("{phase:?} and {step:?} are no state of a refund").into())),
        }
    }
}
