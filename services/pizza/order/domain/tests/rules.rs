//! The rules of an order, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Positive, Subject, Timestamp};
use coupon_contract::{CouponPublished, CouponRefunded};
use delivery_contract::{Delivered, DeliveryCanceled, DeliveryStarted};
use events::{Decision, Offer as _, react};
use pizza_order_domain::{
    AlreadyDelivered, Attempt, CouponState, Established, InvalidQuantity, MENU, Offer, Order, PaymentState, Pizza,
    Progress, ProgressEvent, Quantity, Status,
};
use pizza_payment_contract::{PaymentApproved, PaymentCanceled};
use proptest::prelude::*;
use refund_contract::{RefundCanceled, Refunded};

const NOW: Timestamp = Timestamp::from_micros(1_000);
const ORDER: i64 = 5;
const ATTEMPT: i64 = 7;

fn number(number: i64) -> Positive {
    Positive::new(number).unwrap()
}

fn offer(pizza: i64, qty: i64, customer: Option<&str>) -> Offer {
    let (qty, customer) = (Quantity::new(qty).unwrap(), customer.map(|name| Subject::new(name).unwrap()));
    Offer { pizza_id: number(pizza), qty, price: number(9), customer }
}

fn attempt(attempt: i64) -> Attempt {
    let (pizza_id, qty, price) = (number(10), Quantity::new(2).unwrap(), number(9));
    Attempt { id: number(ORDER), number: attempt, pizza_id, qty, price, customer: None }
}

fn established() -> Established {
    attempt(ATTEMPT).into()
}

/// The events of an order that is delivered, refunded twice, and returned.
fn story() -> Vec<ProgressEvent> {
    let (order_id, attempt, price) = (ORDER, ATTEMPT, 9);
    let reason = || "too late".to_owned();
    vec![
        ProgressEvent::PaymentApproved(PaymentApproved { order_id, attempt, price }),
        ProgressEvent::DeliveryStarted(DeliveryStarted { order_id, attempt }),
        ProgressEvent::Delivered(Delivered { order_id, attempt, customer: None }),
        ProgressEvent::CouponPublished(CouponPublished { order_id, attempt, version: 1 }),
        ProgressEvent::Refunded(Refunded { order_id, attempt, refund: 1, reason: reason() }),
        ProgressEvent::CouponRefunded(CouponRefunded { order_id, attempt, version: 2 }),
        ProgressEvent::RefundCanceled(RefundCanceled { order_id, attempt, refund: 1 }),
        ProgressEvent::CouponPublished(CouponPublished { order_id, attempt, version: 3 }),
        ProgressEvent::Refunded(Refunded { order_id, attempt, refund: 2, reason: reason() }),
        ProgressEvent::CouponRefunded(CouponRefunded { order_id, attempt, version: 4 }),
        ProgressEvent::PaymentCanceled(PaymentCanceled { order_id, attempt, price }),
    ]
}

fn after(events: &[ProgressEvent]) -> Progress {
    let mut order = Order::from(established());
    for event in events {
        react(&mut order, event, NOW);
    }
    order.established().unwrap().progress
}

#[test]
fn the_menu_has_kind_10_and_each_kind_once() {
    assert!(Pizza::with_id(number(10)).is_some_and(|pizza| pizza.price > 0));
    assert_eq!(Pizza::with_id(number(11)), None);
    assert!(MENU.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[test]
fn a_quantity_is_from_1_to_99() {
    assert_eq!([0, 100, -1].map(Quantity::new), [Err(InvalidQuantity); 3]);
    assert_eq!([1, 99].map(|qty| Quantity::new(qty).unwrap().get()), [1, 99]);
}

#[test]
fn a_new_or_void_id_begins_an_attempt_with_a_greater_number() {
    let Decision::Begin(first) = offer(10, 2, None).decide(None, number(ORDER), NOW) else { panic!("it begins") };
    assert_eq!((first.number, first.price), (1_000, number(9)));
    let void = Order::Void(attempt(2_000));
    let Decision::Begin(next) = offer(20, 1, None).decide(Some(&void), number(ORDER), NOW) else { panic!("it begins") };
    assert_eq!((next.number, next.pizza_id), (2_001, number(20)));
}

#[test]
fn the_same_request_is_known_whatever_its_price_is_today_and_another_is_different() {
    let known = Order::from(established());
    for (offer, same) in [
        (offer(10, 2, None), true),
        (Offer { price: number(11), ..offer(10, 2, None) }, true),
        (offer(10, 1, None), false),
        (offer(20, 2, None), false),
    ] {
        let decision = offer.decide(Some(&known), number(ORDER), NOW);
        assert_eq!(matches!(decision, Decision::Known(_)), same, "{offer:?}");
        assert_eq!(matches!(decision, Decision::Different), !same, "{offer:?}");
    }
    for known in [Order::Pending(attempt(7), Progress::default()), Order::Compensating(attempt(7))] {
        assert_eq!(offer(10, 2, None).decide(Some(&known), number(ORDER), NOW), Decision::InProgress);
    }
}

#[test]
fn an_id_of_another_customer_is_taken() {
    let kim = Attempt { customer: Some(Subject::new("kim").unwrap()), ..attempt(7) };
    let known = Order::from(Established::from(kim));
    assert_eq!(offer(10, 2, Some("lee")).decide(Some(&known), number(ORDER), NOW), Decision::Taken);
    assert!(matches!(offer(10, 2, Some("kim")).decide(Some(&known), number(ORDER), NOW), Decision::Known(_)));
}

#[test]
fn the_status_follows_the_events() {
    use Status::{Delivered, DeliveryStarted, Ordered, Paid, Refunded};
    let story = story();
    let statuses: Vec<_> = (0..=story.len()).map(|known| after(&story[..known]).status()).collect();
    let expected = [
        Ordered,
        Paid,
        DeliveryStarted,
        Delivered,
        Delivered,
        Refunded,
        Refunded,
        Delivered,
        Delivered,
        Refunded,
        Refunded,
        Refunded,
    ];
    assert_eq!(statuses, expected);
}

#[test]
fn an_order_is_cancelled_once_and_not_after_it_is_known_to_be_delivered() {
    let mut order = established();
    assert!(order.cancel().unwrap().is_some());
    assert_eq!(order.cancel(), Ok(None));
    assert_eq!(order.progress.status(), Status::Canceled);
    // An order with a refund or a coupon counts as delivered.
    for known in [&story()[2..3], &story()[3..4], &story()[4..5], &story()[6..7]] {
        let mut order = Established { progress: after(known), ..established() };
        assert_eq!(order.cancel(), Err(AlreadyDelivered), "{known:?}");
    }
    assert!(AlreadyDelivered.to_string().contains("/refunds"));
}

#[test]
fn what_arrives_after_the_cancellation_does_not_change_the_status() {
    let mut order = established();
    order.cancel().unwrap();
    let mut order = Order::from(order);
    let stopped = ProgressEvent::DeliveryCanceled(DeliveryCanceled { order_id: ORDER, attempt: ATTEMPT });
    for event in story().iter().chain([&stopped]) {
        react(&mut order, event, NOW);
        assert_eq!(order.established().unwrap().progress.status(), Status::Canceled);
    }
}

#[test]
fn an_approval_that_comes_before_the_reply_of_payment_is_kept() {
    let mut order = Order::Pending(attempt(ATTEMPT), Progress::default());
    react(&mut order, &story()[0], NOW);
    let Order::Pending(_, progress) = order else { panic!("it is pending") };
    assert_eq!(progress.status(), Status::Paid);
    let mut other = Order::Pending(attempt(8), Progress::default());
    react(&mut other, &story()[0], NOW);
    assert_eq!(other, Order::Pending(attempt(8), Progress::default()), "it is of another attempt");
}

proptest! {
    /// In every order and with every repetition the same is known in the end.
    #[test]
    fn an_order_ends_the_same_in_any_order(events in Just([story(), story()].concat()).prop_shuffle()) {
        let progress = after(&events);
        prop_assert_eq!(progress, after(&story()));
        prop_assert_eq!(progress.payment, Some(PaymentState::Canceled));
        prop_assert_eq!(progress.coupon.unwrap().state, CouponState::CouponRefunded);
        prop_assert_eq!(progress.status(), Status::Refunded);
    }
}
