use audit::Law;

use crate::declared::{CANCEL, COUPONS, DELIVER, ESTABLISHED, ORDER, ORDERS, REFUND, STATUS_VIEWS};

mod agreement;
mod folds;
mod topics;

/// The laws of the fleet, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &[
    Law::answered(
        "an order that was answered 201 or 200 is established, with its pizza and quantity",
        ORDER,
        ESTABLISHED,
        agreement::answered,
    ),
    Law::never_answered(
        "an order that was refused has neither money nor a delivery in the end",
        ORDER,
        ESTABLISHED,
        agreement::refused,
    ),
    Law::answered("a cancellation that was answered 200 has cancelled the order", CANCEL, &[200], agreement::canceled),
    Law::answered("a delivery that was answered 200 has arrived", DELIVER, &[200], agreement::arrived),
    Law::answered(
        "a refund that was answered 201 or 200 was established, and delivery has agreed",
        REFUND,
        ESTABLISHED,
        agreement::refunded,
    ),
    Law::never_answered(
        "a refund that was refused is neither there nor known to delivery",
        REFUND,
        ESTABLISHED,
        agreement::not_refunded,
    ),
    Law::new("nothing is undecided, and no money is due to be paid back", agreement::decided),
    Law::new(
        "an order that is neither cancelled nor returned is paid, at the same attempt and price, and nothing else is paid",
        agreement::paid,
    ),
    Law::new("the money taken, in the topic and in the store, is the price of such orders", agreement::money),
    Law::new(
        "an order is under way or has arrived exactly if it is established, unless it was stopped",
        agreement::delivered,
    ),
    Law::new("a refund and its delivery agree", agreement::returned),
    Law::new(
        "a coupon is published exactly if the order is delivered, not cancelled and not under refund",
        agreement::coupon,
    ),
    Law::emits_exactly("the topic of order has exactly the events that its state implies", ORDERS, topics::orders),
    Law::new("the topic of payment has exactly the events that its state implies", topics::payments),
    Law::new("the topic of delivery has exactly the events that its state implies", topics::deliveries),
    Law::new("the topic of refund has exactly the events that its state implies", topics::refunds),
    Law::new("the topic of coupon has each change of the coupon", topics::coupons),
    Law::in_order("the events of an order are in the order of the state changes behind them", topics::rank),
    Law::new("an established order knows what the topics give", folds::order),
    Law::folds("a coupon is what the topics give", COUPONS, folds::coupon),
    Law::folds("the view of every order is what the topics give", STATUS_VIEWS, folds::view),
];
