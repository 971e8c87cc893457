//! The view of an order, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use context::{Representation, VersionVector, Versioned};
use coupon_contract::{CouponPublished, CouponRefunded};
use delivery_contract::{Delivered, DeliveryRefunded, DeliveryReturned, DeliveryStarted, RefundDeliveryCanceled};
use events::{Projection as _, apply};
use pizza_order_contract::Ordered;
use pizza_payment_contract::{PaymentApproved, PaymentCanceled};
use proptest::prelude::*;
use refund_contract::{RefundCanceled, RefundCompleted, Refunded};
use serde_json::{Value, json};
use statusview_service::{StatusDocument, StatusView, ViewEvent};

const ORDER: i64 = 5;

fn approved(attempt: i64) -> ViewEvent {
    ViewEvent::PaymentApproved(PaymentApproved { order_id: ORDER, attempt, price: 12_000 })
}

fn paid_back(attempt: i64) -> ViewEvent {
    ViewEvent::PaymentCanceled(PaymentCanceled { order_id: ORDER, attempt, price: 12_000 })
}

/// An attempt that was paid back before it was established, and one that is delivered, refunded twice and returned.
fn story() -> Vec<ViewEvent> {
    let (order_id, attempt) = (ORDER, 20);
    let customer = Some("kim".to_owned());
    let refunded = |refund, reason: &str| Refunded { order_id, attempt, refund, reason: reason.to_owned() };
    vec![
        approved(10),
        paid_back(10),
        approved(20),
        ViewEvent::Ordered(Ordered {
            order_id,
            attempt,
            pizza_id: 10,
            qty: 1,
            price: 12_000,
            customer: customer.clone(),
        }),
        ViewEvent::DeliveryStarted(DeliveryStarted { order_id, attempt }),
        ViewEvent::Delivered(Delivered { order_id, attempt, customer }),
        ViewEvent::CouponPublished(CouponPublished { order_id, attempt, version: 1 }),
        ViewEvent::DeliveryRefunded(DeliveryRefunded { order_id, attempt, refund: 30 }),
        ViewEvent::Refunded(refunded(30, "too late")),
        ViewEvent::CouponRefunded(CouponRefunded { order_id, attempt, version: 2 }),
        ViewEvent::RefundDeliveryCanceled(RefundDeliveryCanceled { order_id, attempt, refund: 30 }),
        ViewEvent::RefundCanceled(RefundCanceled { order_id, attempt, refund: 30 }),
        ViewEvent::CouponPublished(CouponPublished { order_id, attempt, version: 3 }),
        ViewEvent::DeliveryRefunded(DeliveryRefunded { order_id, attempt, refund: 40 }),
        ViewEvent::Refunded(refunded(40, "cold")),
        ViewEvent::CouponRefunded(CouponRefunded { order_id, attempt, version: 4 }),
        ViewEvent::DeliveryReturned(DeliveryReturned { order_id, attempt, refund: 40 }),
        ViewEvent::RefundCompleted(RefundCompleted { order_id, attempt, refund: 40 }),
        paid_back(20),
    ]
}

/// Each event with its time.
fn timed() -> Vec<(i64, ViewEvent)> {
    (1..).zip(story()).collect()
}

fn after(events: &[(i64, ViewEvent)]) -> StatusView {
    let mut view = StatusView::begin(ORDER, 0);
    for (at, event) in events {
        apply(&mut view, event, Timestamp::from_micros(*at));
    }
    view
}

fn statuses(view: &StatusView) -> [Value; 6] {
    let document = StatusDocument::of(view).unwrap();
    ["orderStatus", "paymentStatus", "deliveryStatus", "couponStatus", "refundStatus", "reason"]
        .map(|name| document[name].clone())
}

#[test]
fn the_view_shows_how_far_each_part_is() {
    let null = Value::Null;
    let [approved, canceled, published, taken] =
        ["approved", "canceled", "published", "couponRefunded"].map(Value::from);
    for (known, expected) in [
        (1, [json!("paid"), approved.clone(), null.clone(), null.clone(), null.clone(), null.clone()]),
        (2, [json!("paid"), canceled.clone(), null.clone(), null.clone(), null.clone(), null.clone()]),
        (3, [json!("paid"), approved.clone(), null.clone(), null.clone(), null.clone(), null.clone()]),
        (7, [json!("delivered"), approved.clone(), json!("Finished"), published.clone(), null.clone(), null]),
        (
            10,
            [
                json!("refunded"),
                approved.clone(),
                json!("refunded"),
                taken.clone(),
                json!("refunded"),
                json!("too late"),
            ],
        ),
        (
            13,
            [
                json!("delivered"),
                approved,
                json!("refundCanceled"),
                published,
                json!("refundCanceled"),
                json!("too late"),
            ],
        ),
        (19, [json!("refunded"), canceled, json!("returned"), taken, json!("returned"), json!("cold")]),
    ] {
        assert_eq!(statuses(&after(&timed()[..known])), expected, "{known}");
    }
}

#[test]
fn the_steps_have_the_times_of_the_latest_attempt_and_refund() {
    let document = StatusDocument::of(&after(&timed())).unwrap();
    let at = |micros| json!(Timestamp::from_micros(micros).to_string());
    assert_eq!(document["steps"]["paymentApproved"], at(3));
    assert_eq!(document["steps"]["refunded"], at(15));
    assert_eq!(document["steps"]["refundCanceled"], at(12));
    let first = StatusDocument::of(&after(&timed()[..3])).unwrap();
    assert_eq!(first["steps"], json!({ "paymentApproved": at(3) }), "nothing of the attempt before");
}

proptest! {
    /// In every order and with every repetition the view ends the same, and its version never goes back.
    #[test]
    fn a_view_ends_the_same_in_any_order(events in Just([timed(), timed()].concat()).prop_shuffle()) {
        prop_assert_eq!(after(&events), after(&timed()));
        let mut last = VersionVector::default();
        for known in 1..=events.len() {
            let view = after(&events[..known]);
            let version = StatusDocument::version(&view);
            prop_assert!(version.is_later_than(&last) || version == last);
            last = version;
        }
    }
}
