//! The rules of a delivery and its return, without anything around it.

use ambient::Timestamp;
use delivery_contract::DeliveryEvent;
use delivery_domain::{AlreadyReturned, Delivery, OrderStep, Refusal, Status};
use events::{Projection as _, apply};
use pizza_order_contract::{OrderCanceled, Ordered};
use pizza_payment_contract::PaymentApproved;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_000);
const ORDER: i64 = 5;

fn ordered(attempt: i64) -> OrderStep {
    let customer = Some("kim".to_owned());
    OrderStep::Ordered(Ordered { order_id: ORDER, attempt, pizza_id: 10, qty: 1, price: 9, customer })
}

fn approved(attempt: i64) -> OrderStep {
    OrderStep::PaymentApproved(PaymentApproved { order_id: ORDER, attempt, price: 9 })
}

fn canceled(attempt: i64) -> OrderStep {
    OrderStep::OrderCanceled(OrderCanceled { order_id: ORDER, attempt })
}

fn after(steps: &[OrderStep]) -> (Delivery, Vec<DeliveryEvent>) {
    let mut delivery = Delivery::begin(ORDER, 0);
    let published = steps.iter().flat_map(|step| apply(&mut delivery, step, NOW)).collect();
    (delivery, published)
}

/// A delivery that has arrived.
fn finished() -> Delivery {
    let (mut delivery, _) = after(&[ordered(7), approved(7)]);
    assert!(matches!(delivery.report(Status::Finished), Ok(Some(DeliveryEvent::Delivered(_)))));
    delivery
}

#[test]
fn a_delivery_starts_once_when_its_order_is_established_and_paid() {
    assert_eq!(after(&[approved(7)]).0.status, None, "the order may not be established in the end");
    assert_eq!(after(&[ordered(7)]).0.status, None);
    assert_eq!(after(&[ordered(7), approved(6)]).0.status, None, "an earlier attempt was paid");
    let (delivery, published) = after(&[approved(7), ordered(7), approved(7), ordered(7)]);
    assert_eq!((delivery.status, published.len()), (Some(Status::Started), 1));
}

#[test]
fn a_cancelled_order_stops_its_delivery_unless_it_has_arrived() {
    let (stopped, published) = after(&[ordered(7), approved(7), canceled(7), canceled(7)]);
    assert_eq!(stopped.status, Some(Status::Canceled));
    assert!(matches!(published[..], [DeliveryEvent::DeliveryStarted(_), DeliveryEvent::DeliveryCanceled(_)]));
    let (never, published) = after(&[canceled(7), ordered(7), approved(7)]);
    assert_eq!((never.status, published), (None, vec![]));
    let mut arrived = finished();
    assert_eq!(apply(&mut arrived, &canceled(7), NOW), vec![]);
    assert_eq!((arrived.status, arrived.is_canceled), (Some(Status::Finished), true));
    assert_eq!(arrived.agree(9, Some("kim")), Err(Refusal::Canceled), "it is paid back already");
}

#[test]
fn a_courier_takes_the_steps_that_there_are_and_no_others() {
    for from in Status::ALL {
        for to in Status::ALL {
            let mut delivery = Delivery { status: Some(from), refund: 9, ..finished() };
            let is_step = matches!(
                (from, to),
                (Status::Started, Status::Finished) | (Status::Refunded, Status::Returned | Status::RefundCanceled)
            );
            let reported = delivery.report(to);
            assert_eq!(reported.is_err(), !is_step && from != to, "{from:?} to {to:?}");
            assert_eq!(delivery.status, Some(if reported.is_ok() { to } else { from }));
            if let Err(refusal) = reported {
                assert!(refusal.to_string().contains(from.name()), "{refusal}");
            }
        }
    }
    assert_eq!(Delivery::begin(ORDER, 7).report(Status::Finished), Ok(None), "it has not started");
}

#[test]
fn a_refund_is_agreed_to_once_however_often_it_is_requested() {
    let mut delivery = finished();
    assert!(matches!(delivery.agree(9, Some("kim")), Ok(Some(DeliveryEvent::DeliveryRefunded(_)))));
    assert_eq!(delivery.agree(9, Some("kim")), Ok(None));
    assert_eq!(delivery.agree(10, Some("kim")), Err(Refusal::AlreadyRefunded));
    delivery.report(Status::RefundCanceled).unwrap();
    assert_eq!(delivery.agree(9, Some("kim")), Ok(None), "it had agreed, whatever the courier did since");
    assert_eq!(delivery.status, Some(Status::RefundCanceled));
    assert!(delivery.agree(10, Some("kim")).unwrap().is_some(), "a second refund");
    assert_eq!(delivery.agree(9, Some("kim")), Err(Refusal::Withdrawn), "a later one counts");
    delivery.report(Status::Returned).unwrap();
    assert_eq!(delivery.agree(11, Some("kim")), Err(Refusal::AlreadyRefunded));
}

#[test]
fn a_refund_of_what_has_not_arrived_or_is_somebody_elses_is_refused_and_changes_nothing() {
    let started = after(&[ordered(7), approved(7)]).0;
    let stopped = after(&[ordered(7), approved(7), canceled(7)]).0;
    for (delivery, customer, refusal) in [
        (Delivery::begin(ORDER, 0), None, Refusal::Unknown(ORDER)),
        (finished(), Some("lee"), Refusal::Unknown(ORDER)),
        (started, Some("kim"), Refusal::NotDelivered),
        (stopped, None, Refusal::NotDelivered),
    ] {
        let mut asked = delivery.clone();
        assert_eq!(asked.agree(9, customer), Err(refusal));
        assert_eq!(asked, delivery);
    }
}

#[test]
fn a_withdrawn_refund_is_never_agreed_to_and_a_later_one_may_be() {
    let mut early = finished();
    assert_eq!(early.withdraw(9), Ok(None), "it had not arrived");
    assert_eq!(early.agree(9, None), Err(Refusal::Withdrawn));
    assert_eq!(early.agree(8, None), Err(Refusal::Withdrawn));
    assert!(early.agree(10, None).unwrap().is_some());

    let mut late = finished();
    late.agree(9, None).unwrap();
    assert!(matches!(late.withdraw(9), Ok(Some(DeliveryEvent::RefundDeliveryCanceled(_)))));
    assert_eq!((late.withdraw(9), late.status), (Ok(None), Some(Status::RefundCanceled)));
    assert_eq!(late.agree(9, None), Err(Refusal::Withdrawn));

    let mut returned = finished();
    returned.agree(9, None).unwrap();
    returned.report(Status::Returned).unwrap();
    assert_eq!(returned.withdraw(9), Err(AlreadyReturned));
    assert_eq!((returned.withdraw(8), returned.status), (Ok(None), Some(Status::Returned)));
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Order,
    Approve,
    Cancel,
    Report(Status),
    Agree(i64),
    Withdraw(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Order),
        Just(Act::Approve),
        Just(Act::Cancel),
        proptest::sample::select(&Status::ALL[..]).prop_map(Act::Report),
        (1..6_i64).prop_map(Act::Agree),
        (1..6_i64).prop_map(Act::Withdraw),
    ]
}

proptest! {
    /// Whatever happens in whatever order: it starts and arrives once, each refund is agreed to once and ends once, and no
    /// refund is agreed to after it was withdrawn.
    #[test]
    fn each_event_is_published_at_most_once(acts in proptest::collection::vec(act(), 0..40)) {
        let mut delivery = Delivery::begin(ORDER, 0);
        let (mut published, mut withdrawn) = (Vec::new(), Vec::new());
        for act in acts {
            let event = match act {
                Act::Order => apply(&mut delivery, &ordered(7), NOW).pop(),
                Act::Approve => apply(&mut delivery, &approved(7), NOW).pop(),
                Act::Cancel => apply(&mut delivery, &canceled(7), NOW).pop(),
                Act::Report(status) => delivery.report(status).ok().flatten(),
                Act::Agree(number) => {
                    let agreed = delivery.agree(number, None);
                    prop_assert!(agreed.is_err() || !withdrawn.contains(&number));
                    agreed.ok().flatten()
                }
                Act::Withdraw(number) => match delivery.withdraw(number) {
                    Ok(event) => {
                        withdrawn.push(number);
                        event
                    }
                    Err(AlreadyReturned) => None,
                },
            };
            published.extend(event);
        }
        let mut unique: Vec<String> = published.iter().map(|event| format!("{event:?}")).collect();
        let count = unique.len();
        unique.sort_unstable();
        unique.dedup();
        prop_assert_eq!(unique.len(), count, "{:?}", published);
        let count = |is: fn(&DeliveryEvent) -> bool| published.iter().filter(|event| is(event)).count();
        let agreed = count(|event| matches!(event, DeliveryEvent::DeliveryRefunded(_)));
        let ended =
            count(|event| matches!(event, DeliveryEvent::DeliveryReturned(_) | DeliveryEvent::RefundDeliveryCanceled(_)));
        prop_assert_eq!(agreed - ended, usize::from(delivery.status == Some(Status::Refunded)));
    }
}
