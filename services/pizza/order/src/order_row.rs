use ambient::{Positive, Subject};
use context::saga::{Phase, SagaTable};
use pizza_order_domain::{
    Attempt, CouponChange, CouponState, DeliveryState, Established, Order, PaymentState, Progress, Quantity,
};
use refund_contract::LatestRefund;
use sqlx::Error;
use store::Row;

/// A row of `orders`. `attempt` and `phase` belong to the saga, and so does the column `retry_at`.
#[derive(Debug, Row)]
#[row(table = "orders", key = "order_id", owner = "customer", state = "Order")]
pub struct OrderRow {
    order_id: i64,
    attempt: i64,
    pizza_id: Positive,
    qty: i64,
    price: Positive,
    phase: String,
    payment: String,
    delivery: String,
    canceled: bool,
    refund: i64,
    refund_step: String,
    coupon_version: i64,
    coupon: String,
    customer: Option<Subject>,
}

/// The columns of the saga.
pub(crate) const TABLE: SagaTable = SagaTable {
    step: None,
    // A void attempt has no owner.
    on_void: Some("customer = NULL"),
    ..SagaTable::of(OrderRow::TABLE)
};

impl From<Order> for OrderRow {
    fn from(state: Order) -> Self {
        let (phase, progress) = match &state {
            Order::Pending(_, progress) => (Phase::Pending, *progress),
            Order::Compensating(_) => (Phase::Compensating, Progress::default()),
            Order::Void(_) => (Phase::Void, Progress::default()),
            Order::Established(established) => (Phase::Established, established.progress),
        };
        let Attempt { id, number, pizza_id, qty, price, customer } = state.attempt().clone();
        let Progress { payment, delivery, is_canceled, refund, coupon } = progress;
        let (refund, refund_step) = LatestRefund::to_columns(refund);
        Self {
            order_id: id.get(),
            attempt: number,
            pizza_id,
            qty: qty.get(),
            price,
            phase: TABLE.name_of(phase).to_owned(),
            payment: payment.map_or("", PaymentState::name).to_owned(),
            delivery: delivery.map_or("", DeliveryState::name).to_owned(),
            canceled: is_canceled,
            refund,
            refund_step,
            coupon_version: coupon.map_or(0, |coupon| coupon.version),
            coupon: coupon.map_or("", |coupon| coupon.state.name()).to_owned(),
            customer,
        }
    }
}

impl TryFrom<OrderRow> for Order {
    type Error = Error;

    fn try_from(row: OrderRow) -> Result<Self, Error> {
        let id = Positive::new(row.order_id).map_err(|error| Error::Decode(error.into()))?;
        let qty = Quantity::new(row.qty).map_err(|error| Error::Decode(error.into()))?;
        let progress = row.progress();
        let OrderRow { attempt: number, pizza_id, price, phase, customer, .. } = row;
        let attempt = Attempt { id, number, pizza_id, qty, price, customer };
        match TABLE.phase_named(&phase) {
            Some(Phase::Pending) => Ok(Self::Pending(attempt, progress)),
            Some(Phase::Compensating) => Ok(Self::Compensating(attempt)),
            Some(Phase::Void) => Ok(Self::Void(attempt)),
            Some(Phase::Established) => Ok(Self::Established(Established { attempt, progress })),
            _ => Err(Error::Decode(format!("{phase:?} is no phase of an order").into())),
        }
    }
}

impl OrderRow {
    fn progress(&self) -> Progress {
        let version = self.coupon_version;
        Progress {
            payment: PaymentState::named(&self.payment),
            delivery: DeliveryState::named(&self.delivery),
            is_canceled: self.canceled,
            refund: LatestRefund::from_columns(self.refund, &self.refund_step),
            coupon: CouponState::named(&self.coupon).map(|state| CouponChange { version, state }),
        }
    }
}
