//! The rules of a coupon, without anything around it.

use ambient::Timestamp;
use coupon_contract::CouponEvent;
use coupon_domain::{Coupon, CouponCause, Status};
use delivery_contract::Delivered;
use events::{Projection as _, apply};
use pizza_order_contract::OrderCanceled;
use proptest::prelude::*;
use refund_contract::{RefundCanceled, Refunded};

const NOW: Timestamp = Timestamp::from_micros(1_000);
const ORDER: i64 = 5;
const ATTEMPT: i64 = 7;

fn delivered() -> CouponCause {
    let customer = Some("kim".to_owned());
    CouponCause::Delivered(Delivered { order_id: ORDER, attempt: ATTEMPT, customer })
}

fn canceled() -> CouponCause {
    CouponCause::OrderCanceled(OrderCanceled { order_id: ORDER, attempt: ATTEMPT })
}

fn refunded(refund: i64) -> CouponCause {
    let reason = "delivery error".to_owned();
    CouponCause::Refunded(Refunded { order_id: ORDER, attempt: ATTEMPT, refund, reason })
}

fn refund_canceled(refund: i64) -> CouponCause {
    CouponCause::RefundCanceled(RefundCanceled { order_id: ORDER, attempt: ATTEMPT, refund })
}

/// The coupon after these events, and what it has published.
fn after(causes: &[CouponCause]) -> (Coupon, Vec<CouponEvent>) {
    let mut coupon = Coupon::begin(ORDER, 0);
    let published = causes.iter().flat_map(|cause| apply(&mut coupon, cause, NOW)).collect();
    (coupon, published)
}

fn version(event: &CouponEvent) -> (i64, Status) {
    match event {
        CouponEvent::CouponPublished(event) => (event.version, Status::Published),
        CouponEvent::CouponRefunded(event) => (event.version, Status::CouponRefunded),
    }
}

#[test]
fn a_coupon_is_published_taken_back_and_published_again() {
    let (coupon, published) = after(&[delivered(), refunded(1), refund_canceled(1), refunded(2)]);
    let expected =
        [(1, Status::Published), (2, Status::CouponRefunded), (3, Status::Published), (4, Status::CouponRefunded)];
    assert_eq!(published.iter().map(version).collect::<Vec<_>>(), expected);
    assert_eq!((coupon.status, coupon.customer.as_deref()), (Some(Status::CouponRefunded), Some("kim")));
}

#[test]
fn a_refund_that_is_known_before_the_delivery_takes_the_coupon_back() {
    assert_eq!(after(&[refunded(1)]).0.status, None, "there is no coupon yet");
    assert_eq!(after(&[refunded(1), delivered()]).0.status, Some(Status::CouponRefunded));
}

#[test]
fn a_cancelled_refund_that_is_known_before_the_refund_leaves_the_coupon() {
    let (coupon, published) = after(&[delivered(), refund_canceled(1), refunded(1)]);
    assert_eq!((coupon.status, published.len()), (Some(Status::Published), 1));
}

#[test]
fn an_order_that_is_cancelled_while_it_is_handed_over_has_no_coupon() {
    for causes in [[delivered(), canceled()], [canceled(), delivered()]] {
        assert_eq!(after(&causes).0.status, Some(Status::CouponRefunded));
    }
    let (coupon, published) = after(&[canceled()]);
    assert_eq!((coupon.status, published), (None, vec![]), "one that was not delivered never had one");
}

#[test]
fn the_cancellation_of_an_earlier_refund_changes_nothing_of_a_later_one() {
    let (coupon, _) = after(&[delivered(), refunded(2), refund_canceled(1), refunded(1)]);
    assert_eq!(coupon.status, Some(Status::CouponRefunded));
    assert_eq!(coupon.refund.unwrap().number, 2);
}

/// The causes of an order with so many refunds, each but the last cancelled.
fn story() -> impl Strategy<Value = Vec<CouponCause>> {
    (0..4_i64, any::<bool>(), any::<bool>()).prop_map(|(refunds, is_last_canceled, is_canceled)| {
        let refunds = (1..=refunds).flat_map(|number| {
            let end = (number < refunds || is_last_canceled).then(|| refund_canceled(number));
            [refunded(number)].into_iter().chain(end)
        });
        [delivered()].into_iter().chain(refunds).chain(is_canceled.then(canceled)).collect()
    })
}

fn in_any_order() -> impl Strategy<Value = (Vec<CouponCause>, Vec<CouponCause>)> {
    story().prop_flat_map(|story| {
        let all = [story.clone(), story.clone()].concat();
        (Just(story), Just(all).prop_shuffle())
    })
}

proptest! {
    /// In every order and with every repetition a coupon ends the same, and its last event is its status.
    #[test]
    fn a_coupon_ends_the_same_in_any_order((story, shuffled) in in_any_order()) {
        let ((expected, _), (coupon, published)) = (after(&story), after(&shuffled));
        prop_assert_eq!(coupon.status, expected.status);
        prop_assert_eq!((coupon.refund, coupon.is_canceled), (expected.refund, expected.is_canceled));
        let versions: Vec<_> = published.iter().map(version).collect();
        prop_assert!(versions.iter().map(|(version, _)| *version).eq(1..=coupon.version));
        prop_assert_eq!(versions.last().map(|(_, status)| *status), coupon.status);
    }
}
