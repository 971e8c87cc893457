//! The rules of a reservation, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Positive, Subject, Timestamp};
use events::{Decision, Offer as _, react};
use proptest::prelude::*;
use reservation_contract::{
    ReservationCancelRequested, ReservationCancelled, ReservationConfirmed, ReservationCreated, ReservationEvent,
};
use reservation_domain::{Attempt, Established, Offer, Reservation, Status, StepEvent, Terms};
use storagerent_payment_contract::{PaymentApproved, PaymentCancelled};

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn number(number: i64) -> Positive {
    Positive::new(number).unwrap()
}

fn offer(room: i64, price: Option<i64>, customer: Option<&str>) -> Offer {
    let customer = customer.map(|name| Subject::new(name).unwrap());
    Offer { storage_id: number(room), price: price.map(number), customer }
}

fn attempt(attempt: i64) -> Attempt {
    let terms = Terms::Held { hold: number(3), price: number(10) };
    Attempt { id: number(5), number: attempt, storage_id: number(1), terms, customer: None }
}

fn established() -> Reservation {
    Established::from(attempt(7)).into()
}

fn created(attempt: i64) -> StepEvent {
    StepEvent::ReservationCreated(ReservationCreated {
        reservation_id: 5,
        attempt,
        storage_id: 1,
        hold: 3,
        price: 10,
        customer: None,
    })
}

fn approved(attempt: i64) -> StepEvent {
    StepEvent::PaymentApproved(PaymentApproved { reservation_id: 5, attempt, storage_id: 1, hold: 3, price: 10 })
}

fn cancelled(attempt: i64) -> StepEvent {
    StepEvent::PaymentCancelled(PaymentCancelled { reservation_id: 5, attempt, storage_id: 1, hold: 3, price: 10 })
}

fn status(reservation: &Reservation) -> Option<Status> {
    reservation.established().map(|established| established.status)
}

#[test]
fn a_new_or_void_id_begins_an_attempt_with_a_greater_number() {
    let Decision::Begin(first) = offer(1, None, None).decide(None, number(5), NOW) else { panic!("it begins") };
    assert_eq!((first.number, first.terms), (1_000, Terms::Expected(None)));
    let void = Reservation::Void(attempt(2_000));
    let Decision::Begin(next) = offer(2, Some(9), None).decide(Some(&void), number(5), NOW) else {
        panic!("it begins")
    };
    assert_eq!((next.number, next.storage_id, next.terms), (2_001, number(2), Terms::Expected(Some(number(9)))));
}

#[test]
fn the_same_request_is_known_and_another_room_or_price_is_different() {
    let known = established();
    for (offer, same) in [
        (offer(1, None, None), true),
        (offer(1, Some(10), None), true),
        (offer(1, Some(11), None), false),
        (offer(2, None, None), false),
    ] {
        let decision = offer.decide(Some(&known), number(5), NOW);
        assert_eq!(matches!(decision, Decision::Known(_)), same, "{offer:?}");
        assert_eq!(matches!(decision, Decision::Different), !same, "{offer:?}");
    }
}

#[test]
fn an_id_of_another_customer_is_taken_in_every_phase_but_void() {
    let of = |customer| Attempt { customer: Some(Subject::new(customer).unwrap()), ..attempt(7) };
    let phases: [fn(Attempt) -> Reservation; 3] = [
        |attempt| Reservation::Pending(attempt, false),
        Reservation::Compensating,
        |attempt| Established::from(attempt).into(),
    ];
    for phase in phases {
        let known = phase(of("kim"));
        assert_eq!(offer(1, None, Some("lee")).decide(Some(&known), number(5), NOW), Decision::Taken);
        assert_ne!(offer(1, None, Some("kim")).decide(Some(&known), number(5), NOW), Decision::Taken);
    }
    let void = Reservation::Void(of("kim"));
    assert!(matches!(offer(1, None, Some("lee")).decide(Some(&void), number(5), NOW), Decision::Begin(_)));
}

#[test]
fn an_approval_confirms_once_and_one_that_comes_early_confirms_when_the_reservation_is_created() {
    let mut late = established();
    assert!(matches!(react(&mut late, &approved(7), NOW), Some(ReservationEvent::ReservationConfirmed(_))));
    assert_eq!(react(&mut late, &approved(7), NOW), None);
    assert_eq!(react(&mut late, &created(7), NOW), None);

    let mut early = Reservation::Pending(attempt(7), false);
    assert_eq!(react(&mut early, &approved(7), NOW), None);
    let Reservation::Pending(pending, true) = early else { panic!("it is recorded") };
    let mut early = Reservation::Established(Established { paid: true, ..Established::from(pending) });
    assert!(matches!(react(&mut early, &created(7), NOW), Some(ReservationEvent::ReservationConfirmed(_))));
    assert_eq!(status(&early), Some(Status::Reserved));
}

#[test]
fn a_cancellation_is_requested_once_and_completed_when_the_payment_is_cancelled() {
    let mut reservation = established();
    assert_eq!(react(&mut reservation, &cancelled(7), NOW), None, "nobody has requested it");
    let Reservation::Established(known) = &mut reservation else { panic!("it is established") };
    assert!(known.request_cancellation().is_some());
    assert!(known.request_cancellation().is_none());
    assert_eq!(react(&mut reservation, &approved(7), NOW), None, "it is not confirmed any more");
    assert!(matches!(react(&mut reservation, &cancelled(7), NOW), Some(ReservationEvent::ReservationCancelled(_))));
    assert_eq!(react(&mut reservation, &cancelled(7), NOW), None);
    assert_eq!(status(&reservation), Some(Status::Cancelled));
}

#[test]
fn each_event_names_the_reservation_its_room_and_its_customer() {
    let kim = Attempt { customer: Some(Subject::new("kim").unwrap()), ..attempt(7) };
    let (reservation_id, attempt, storage_id, hold, customer) = (5, 7, 1, 3, Some("kim".to_owned()));
    let created =
        ReservationCreated { reservation_id, attempt, storage_id, hold, price: 10, customer: customer.clone() };
    assert_eq!(kim.created(), created);
    let mut reservation = Established::from(kim).into();
    let confirmed = ReservationConfirmed { reservation_id, attempt, storage_id, hold, customer: customer.clone() };
    assert_eq!(react(&mut reservation, &approved(7), NOW), Some(confirmed.into()));
    let Reservation::Established(known) = &mut reservation else { panic!("it is established") };
    let requested = ReservationCancelRequested { reservation_id, attempt, storage_id, hold };
    assert_eq!(known.request_cancellation(), Some(requested));
    let cancelled_event = ReservationCancelled { reservation_id, attempt, storage_id, hold, customer };
    assert_eq!(react(&mut reservation, &cancelled(7), NOW), Some(cancelled_event.into()));
}

#[test]
fn an_attempt_has_no_hold_and_the_expected_price_before_its_room_is_held() {
    let expected = Attempt { terms: Terms::Expected(Some(number(9))), ..attempt(7) };
    assert_eq!((expected.hold(), expected.price()), (0, Some(number(9))));
    assert_eq!((attempt(7).hold(), attempt(7).price()), (3, Some(number(10))));
}

#[test]
fn equal_offers_have_one_content_and_belong_to_their_customers() {
    let offers = [offer(1, None, Some("kim")), offer(1, None, Some("lee")), offer(2, Some(9), Some("kim"))];
    assert_eq!(offers.each_ref().map(events::Offer::content), ["room 1", "room 1", "room 2 for 9"]);
    assert_eq!(offers.each_ref().map(|offer| offer.owner().unwrap().as_str()), ["kim", "lee", "kim"]);
}

#[test]
fn while_an_attempt_is_undecided_no_other_begins() {
    for known in [Reservation::Pending(attempt(7), false), Reservation::Compensating(attempt(7))] {
        assert_eq!(offer(1, None, None).decide(Some(&known), number(5), NOW), Decision::InProgress);
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Created(i64),
    Approved(i64),
    Cancelled(i64),
    Request,
}

fn step() -> impl Strategy<Value = Step> {
    let attempt = 6..9_i64;
    prop_oneof![
        attempt.clone().prop_map(Step::Created),
        attempt.clone().prop_map(Step::Approved),
        attempt.prop_map(Step::Cancelled),
        Just(Step::Request),
    ]
}

proptest! {
    /// In every order and with every repetition: each event is published at most once, the status never goes back, and
    /// events of other attempts change nothing.
    #[test]
    fn each_event_is_published_at_most_once(steps in proptest::collection::vec(step(), 0..30)) {
        let mut reservation = established();
        let mut published = Vec::new();
        for step in steps {
            let before = (reservation.clone(), status(&reservation));
            let event = match step {
                Step::Created(attempt) => react(&mut reservation, &created(attempt), NOW),
                Step::Approved(attempt) => react(&mut reservation, &approved(attempt), NOW),
                Step::Cancelled(attempt) => react(&mut reservation, &cancelled(attempt), NOW),
                Step::Request => {
                    let Reservation::Established(known) = &mut reservation else { panic!("it is established") };
                    known.request_cancellation().map(Into::into)
                }
            };
            if let Step::Created(6 | 8) | Step::Approved(6 | 8) | Step::Cancelled(6 | 8) = step {
                prop_assert_eq!(&reservation, &before.0);
            }
            prop_assert!(status(&reservation) >= before.1);
            published.extend(event.map(|event| events::encode(&event).unwrap().0));
        }
        let count = |kind: &str| published.iter().filter(|one| *one == kind).count();
        let kinds = ["ReservationConfirmed", "ReservationCancelRequested", "ReservationCancelled"].map(count);
        prop_assert!(kinds.iter().all(|times| *times <= 1), "{:?}", published);
        prop_assert!(kinds[2] <= kinds[1], "{:?}", published);
    }
}
