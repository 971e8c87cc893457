//! The tables, the events and the operations that the laws are about.

use audit::{EventKind, Table};

/// `POST /orders`: a customer orders.
pub const ORDER: &str = "order";
/// `PATCH /orders/{id}`: the customer cancels.
pub const CANCEL: &str = "cancel";
/// `PATCH /deliveries/{id}`: the courier hands the pizza over.
pub const DELIVER: &str = "deliver";
/// `POST /refunds`: the customer requests a refund.
pub const REFUND: &str = "refund";

/// The statuses of a response that establishes something, now or before.
pub(crate) const ESTABLISHED: &[u16] = &[200, 201];

/// What a row of a saga meets while the saga is in progress.
const UNDECIDED: &str = "phase NOT IN ('established', 'void')";

/// The orders, each with its latest attempt.
pub const ORDERS: Table = Table::new("order", "orders", "order_id")
    .judged(&[
        "attempt",
        "pizza_id",
        "qty",
        "price",
        "phase",
        "payment",
        "delivery",
        "canceled",
        "refund",
        "refund_step",
        "coupon_version",
        "coupon",
        "customer",
    ])
    .not_judged(&["retry_at"])
    .in_progress(UNDECIDED);

/// The payments: `Approved`, `Canceled` or `Void`.
pub const PAYMENTS: Table =
    Table::new("payment", "payments", "order_id").judged(&["attempt", "price", "state"]).not_judged(&["details"]);

/// The refunds of money that the provider has not confirmed yet.
pub const REFUNDS_DUE: Table = Table::new("payment", "refunds_due", "order_id")
    .judged(&["attempt", "price"])
    .not_judged(&["retry_at"])
    .in_progress("TRUE");

/// The deliveries. The status is that of the API, or empty.
pub const DELIVERIES: Table = Table::new("delivery", "deliveries", "order_id").judged(&[
    "attempt",
    "pizza_id",
    "qty",
    "customer",
    "paid",
    "canceled",
    "status",
    "refund",
    "withdrawn",
]);

/// The coupons: `published`, `couponRefunded`, or empty.
pub const COUPONS: Table = Table::new("coupon", "coupons", "order_id").judged(&[
    "attempt",
    "delivered",
    "canceled",
    "refund",
    "refund_step",
    "status",
    "version",
    "customer",
]);

/// The refunds, each the latest one of its order: `refunded`, `returned` or `refundCanceled`.
pub const REFUNDS: Table = Table::new("refund", "refunds", "order_id")
    .judged(&["refund", "order_attempt", "reason", "phase", "status", "canceled_before", "customer"])
    .not_judged(&["retry_at", "early"])
    .in_progress(UNDECIDED);

/// The views.
pub const STATUS_VIEWS: Table = Table::new("statusview", "status_views", "order_id")
    .judged(&["attempt", "customer", "pizza_id", "qty", "price", "reason", "steps"]);

pub(crate) const ORDERED: EventKind = EventKind::new("order", "Ordered");
pub(crate) const ORDER_CANCELED: EventKind = EventKind::new("order", "OrderCanceled");
pub(crate) const PAYMENT_APPROVED: EventKind = EventKind::new("payment", "PaymentApproved");
pub(crate) const PAYMENT_CANCELED: EventKind = EventKind::new("payment", "PaymentCanceled");
pub(crate) const DELIVERY_STARTED: EventKind = EventKind::new("delivery", "DeliveryStarted");
pub(crate) const DELIVERY_CANCELED: EventKind = EventKind::new("delivery", "DeliveryCanceled");
pub(crate) const DELIVERED: EventKind = EventKind::new("delivery", "Delivered");
pub(crate) const DELIVERY_REFUNDED: EventKind = EventKind::new("delivery", "DeliveryRefunded");
pub(crate) const DELIVERY_RETURNED: EventKind = EventKind::new("delivery", "DeliveryReturned");
pub(crate) const RETURN_CANCELED: EventKind = EventKind::new("delivery", "RefundDeliveryCanceled");
pub(crate) const REFUNDED: EventKind = EventKind::new("refund", "Refunded");
pub(crate) const REFUND_COMPLETED: EventKind = EventKind::new("refund", "RefundCompleted");
pub(crate) const REFUND_CANCELED: EventKind = EventKind::new("refund", "RefundCanceled");
pub(crate) const COUPON_PUBLISHED: EventKind = EventKind::new("coupon", "CouponPublished");
pub(crate) const COUPON_REFUNDED: EventKind = EventKind::new("coupon", "CouponRefunded");
