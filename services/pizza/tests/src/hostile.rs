//! Readers of the formats that only this fleet has, for hostile input: see the crate `hostile`.

use coupon_contract::CouponEvent;
use delivery_contract::DeliveryEvent;
use hostile::{Reader, events};
use pizza_order_contract::OrderEvent;
use pizza_payment_contract::PaymentEvent;
use refund_contract::RefundEvent;

/// The readers, by the name of their folder in `corpus`.
pub const READERS: [Reader; 1] = [("events", context_events)];

/// A record as an event of each context.
///
/// # Panics
///
/// If an accepted event is not encoded again as the same event.
pub fn context_events(bytes: &[u8]) {
    events::<OrderEvent>(bytes);
    events::<PaymentEvent>(bytes);
    events::<DeliveryEvent>(bytes);
    events::<CouponEvent>(bytes);
    events::<RefundEvent>(bytes);
}
