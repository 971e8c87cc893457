//! The rules of a refund, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Positive, Subject, Timestamp};
use delivery_contract::{DeliveryReturned, RefundDeliveryCanceled};
use events::{Decision, Offer as _, react};
use proptest::prelude::*;
use refund_contract::{RefundEvent, RefundStep, Refunded};
use refund_domain::{Attempt, End, Established, InvalidReason, Offer, Reason, Refund, ReturnEvent};

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn order() -> Positive {
    Positive::new(5).unwrap()
}

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

fn attempt(number: i64) -> Attempt {
    let (reason, order_attempt) = (reason("too late"), Some(7));
    Attempt { order_id: order(), number, reason, order_attempt, canceled_before: None, customer: None }
}

fn of(customer: &str, number: i64) -> Attempt {
    Attempt { customer: Some(Subject::new(customer).unwrap()), ..attempt(number) }
}

fn offer(text: &str, customer: Option<&str>) -> Offer {
    Offer { reason: reason(text), customer: customer.map(|name| Subject::new(name).unwrap()) }
}

fn own(refund: i64) -> ReturnEvent {
    ReturnEvent::Refunded(Refunded { order_id: 5, attempt: 7, refund, reason: "too late".into() })
}

fn returned(refund: i64) -> ReturnEvent {
    ReturnEvent::DeliveryReturned(DeliveryReturned { order_id: 5, attempt: 7, refund })
}

fn canceled(refund: i64) -> ReturnEvent {
    ReturnEvent::RefundDeliveryCanceled(RefundDeliveryCanceled { order_id: 5, attempt: 7, refund })
}

#[test]
fn a_reason_has_1_to_500_characters_and_more_than_blanks() {
    for text in ["", " \t", &"x".repeat(501)] {
        assert_eq!(Reason::new(text), Err(InvalidReason), "{text:?}");
    }
    assert_eq!(reason(&"é".repeat(500)).as_str().chars().count(), 500);
}

#[test]
fn a_refund_begins_if_there_is_none_or_if_the_latest_is_void_or_cancelled() {
    let Decision::Begin(first) = offer("cold", None).decide(None, order(), NOW) else { panic!("it begins") };
    assert_eq!((first.number, first.order_attempt, first.canceled_before), (1_000, None, None));
    let Decision::Begin(next) = offer("cold", None).decide(Some(&Refund::Canceled(attempt(2_000))), order(), NOW)
    else {
        panic!("it begins")
    };
    assert_eq!(
        (next.number, next.reason, next.canceled_before.clone()),
        (2_001, reason("cold"), Some(reason("too late")))
    );
    // A request without effect keeps what clients see of the refund before.
    let void = Refund::Void(Attempt { canceled_before: next.canceled_before, ..attempt(2_001) });
    assert_eq!(void.visible(), Some((RefundStep::RefundCanceled, &reason("too late"))));
    let Decision::Begin(third) = offer("cold", None).decide(Some(&void), order(), NOW) else { panic!("it begins") };
    assert_eq!((third.number, third.canceled_before), (2_002, Some(reason("too late"))));
    assert_eq!(Refund::Void(attempt(1)).visible(), None);
}

#[test]
fn a_refund_that_stands_is_known_by_its_reason_and_another_is_different() {
    let stands = Refund::from(Established::from(attempt(7)));
    assert!(matches!(offer("too late", None).decide(Some(&stands), order(), NOW), Decision::Known(_)));
    assert_eq!(offer("cold", None).decide(Some(&stands), order(), NOW), Decision::Different);
    for undecided in
        [Refund::Pending(attempt(7), None), Refund::Completing(attempt(7), None), Refund::Compensating(attempt(7))]
    {
        assert_eq!(offer("cold", None).decide(Some(&undecided), order(), NOW), Decision::InProgress);
        assert_eq!(undecided.visible(), None);
    }
}

#[test]
fn a_refund_that_clients_see_belongs_to_its_customer() {
    let seen = [Refund::from(Established::from(of("kim", 7))), Refund::Canceled(of("kim", 7))];
    for refund in &seen {
        assert_eq!(offer("cold", Some("lee")).decide(Some(refund), order(), NOW), Decision::Taken);
        assert_ne!(offer("cold", Some("kim")).decide(Some(refund), order(), NOW), Decision::Taken);
    }
    // Of others there is nothing to see, and delivery decides whose order it is.
    let void = Refund::Void(of("lee", 7));
    assert!(matches!(offer("cold", Some("kim")).decide(Some(&void), order(), NOW), Decision::Begin(_)));
    let pending = Refund::Pending(of("lee", 7), None);
    assert_eq!(offer("cold", Some("kim")).decide(Some(&pending), order(), NOW), Decision::InProgress);
}

#[test]
fn the_end_of_the_return_ends_the_refund_once() {
    let mut refund = Refund::from(Established::from(attempt(7)));
    assert_eq!(react(&mut refund, &own(7), NOW), None);
    assert!(matches!(react(&mut refund, &returned(7), NOW), Some(RefundEvent::RefundCompleted(_))));
    assert_eq!(react(&mut refund, &returned(7), NOW), None);
    assert_eq!(refund.visible().map(|(step, _)| step), Some(RefundStep::Returned));

    let mut refund = Refund::from(Established::from(attempt(7)));
    assert!(matches!(react(&mut refund, &canceled(7), NOW), Some(RefundEvent::RefundCanceled(_))));
    assert_eq!(refund, Refund::Canceled(attempt(7)));
    assert_eq!(react(&mut refund, &canceled(7), NOW), None);
    assert_eq!(react(&mut refund, &own(7), NOW), None);
}

#[test]
fn the_end_of_a_return_that_comes_early_ends_the_refund_when_it_is_established() {
    let undecided: [fn(Attempt) -> Refund; 2] =
        [|attempt| Refund::Pending(attempt, None), |attempt| Refund::Completing(attempt, None)];
    for undecided in undecided {
        let mut refund = undecided(attempt(7));
        assert_eq!(react(&mut refund, &canceled(7), NOW), None);
        let (Refund::Pending(pending, early) | Refund::Completing(pending, early)) = refund else {
            panic!("it is still undecided")
        };
        assert_eq!(early, Some(End::Canceled));
        let mut refund = Refund::from(Established { early, ..Established::from(pending) });
        assert!(matches!(react(&mut refund, &own(7), NOW), Some(RefundEvent::RefundCanceled(_))));
        assert_eq!(refund, Refund::Canceled(attempt(7)));
    }
    let mut void = Refund::Void(attempt(7));
    assert_eq!(react(&mut void, &canceled(7), NOW), None, "delivery has withdrawn it");
}

proptest! {
    /// In every order and with every repetition a refund ends once, and events of other refunds change nothing.
    #[test]
    fn a_refund_ends_once(
        is_canceled in any::<bool>(),
        early in any::<bool>(),
        steps in proptest::collection::vec((0..3_u8, 6..9_i64), 0..20),
    ) {
        let early = early.then_some(if is_canceled { End::Canceled } else { End::Returned });
        let mut refund = Refund::from(Established { early, ..Established::from(attempt(7)) });
        let mut ended = 0;
        for (step, number) in steps {
            let before = refund.clone();
            let event = match step {
                0 => own(number),
                _ if is_canceled => canceled(number),
                _ => returned(number),
            };
            ended += usize::from(react(&mut refund, &event, NOW).is_some());
            prop_assert!(number == 7 || refund == before);
        }
        prop_assert!(ended <= 1);
        let is_ended = refund.visible().map(|(step, _)| step) != Some(RefundStep::Refunded);
        prop_assert_eq!(ended == 1, is_ended);
    }
}
