//! The payment context: takes the price of an order, and pays it back. The crate `payment` has its rules.

use delivery_contract::DeliveryReturned;
use events::Inbound;
use payment::{Bill, NoDetails, NoProvider, Payable, Payment, PaymentContext};
use pizza_order_contract::OrderCanceled;
use pizza_payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Migrations;

/// The context as it is deployed: add a provider, see `docs/decisions/0027-one-payment-context-for-all-fleets.md`.
pub type Payments = PaymentContext<OrderPayment, NoProvider>;

/// The payment of an order.
#[derive(Debug, Clone)]
pub struct OrderPayment;

/// The events that cancel a payment.
#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "attempt")]
pub enum Cancellation {
    /// The order is cancelled.
    OrderCanceled(OrderCanceled),
    /// The order was refunded, and its return has arrived.
    DeliveryReturned(DeliveryReturned),
}

impl Payable for OrderPayment {
    const NAME: &'static str = "order";
    const TITLE: &'static str = "payment of order";
    const KEY_FIELD: &'static str = "orderId";
    const KEY_COLUMN: &'static str = "order_id";
    const ABOUT: &'static str = "Takes the price of an order, and pays it back.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Details = NoDetails;
    type Event = PaymentEvent;
    type Cancellation = Cancellation;

    fn approved(payment: &Payment<NoDetails>) -> PaymentEvent {
        let Bill { key: order_id, attempt, price } = payment.bill;
        PaymentApproved { order_id, attempt, price }.into()
    }

    fn canceled(payment: &Payment<NoDetails>) -> PaymentEvent {
        let Bill { key: order_id, attempt, price } = payment.bill;
        PaymentCanceled { order_id, attempt, price }.into()
    }
}
