//! The rules of orders and their cancellation, without anything around them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Positive, Subject, Timestamp};
use cook_contract::{CookStarted, Cooked};
use events::{Decision, Offer as _, react};
use foodcourt_order_contract::Canceled;
use foodcourt_order_domain::{
    Attempt, CancelOffer, Cancellation, Cancelled, CookedOrder, Occupied, Order, OtherPrice, Progress, Quantity,
    Request, StepEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn number(number: i64) -> Positive {
    Positive::new(number).unwrap()
}

fn request(qty: i64, price: Option<i64>, customer: Option<&str>) -> Request {
    Request {
        shop_id: number(1),
        menu_id: number(2),
        qty: Quantity::new(qty).unwrap(),
        price: price.map(number),
        customer: customer.map(|name| Subject::new(name).unwrap()),
    }
}

fn order(request: &Request, price: i64) -> Order {
    Order::new(number(9), request.at(number(price), NOW).unwrap())
}

fn started() -> StepEvent {
    StepEvent::CookStarted(CookStarted { order_id: 9, shop_id: 1 })
}

fn cooked() -> StepEvent {
    StepEvent::Cooked(Cooked { order_id: 9, shop_id: 1 })
}

#[test]
fn a_quantity_is_from_1_to_99() {
    assert_eq!([0, 1, 99, 100].map(|number| Quantity::new(number).map(Quantity::get)), [None, Some(1), Some(99), None]);
}

#[test]
fn an_order_has_the_price_of_the_dish_and_another_expectation_is_refused() {
    let placed = order(&request(3, Some(1_000), Some("ann")), 1_000);
    assert_eq!((placed.placement.price, placed.placement.amount()), (number(1_000), 3_000));
    assert_eq!(placed.ordered().customer.as_deref(), Some("ann"));
    assert_eq!(order(&request(1, None, None), 7).placement.price, number(7));
    let other = request(3, Some(999), None).at(number(1_000), NOW).unwrap_err();
    assert_eq!(other, OtherPrice { price: 1_000, expected: 999 });
    assert_eq!(other.to_string(), "the price is 1000, and 999 was expected");
}

#[test]
fn the_same_request_again_is_the_same_order_whatever_the_dish_costs_now() {
    let known = order(&request(3, Some(1_000), Some("ann")), 1_000);
    for again in [request(3, Some(1_000), Some("ann")), request(3, None, Some("ann")), request(3, None, None)] {
        assert_eq!(again.again(known.clone()), Ok(known.clone()));
    }
    assert_eq!(request(2, None, Some("ann")).again(known.clone()), Err(Occupied::Different));
    assert_eq!(request(3, Some(1), Some("ann")).again(known.clone()), Err(Occupied::Different));
    assert_eq!(request(3, None, Some("bob")).again(known), Err(Occupied::Taken));
}

#[test]
fn a_cancellation_begins_waits_or_is_known() {
    let offer = CancelOffer { shop_id: number(1) };
    let attempt = |number: i64| Attempt { order_id: Positive::new(9).unwrap(), number, shop_id: offer.shop_id };
    let decide = |known: Option<Cancellation>| offer.decide(known.as_ref(), number(9), NOW);
    assert_eq!(decide(None), Decision::Begin(attempt(1_000)));
    assert_eq!(decide(Some(Cancellation::Void(attempt(1_000)))), Decision::Begin(attempt(1_001)));
    assert_eq!(decide(Some(Cancellation::Undecided(attempt(1)))), Decision::InProgress);
    assert_eq!(decide(Some(attempt(1).into())), Decision::Known(attempt(1)));
    assert_eq!(attempt(1).canceled(), Canceled { order_id: 9, shop_id: 1 });
}

#[test]
fn an_order_is_cancelled_once_the_kitchen_has_agreed() {
    let placed = order(&request(1, None, None), 7);
    for (cancelled, status) in [(Cancelled::No, "order"), (Cancelled::Undecided, "order"), (Cancelled::Yes, "cancel")] {
        assert_eq!(Order { cancelled, ..placed.clone() }.status(), status);
    }
}

proptest! {
    #[test]
    fn the_furthest_step_counts_in_every_order_and_repetition(events in vec(select(vec![started(), cooked()]), 0..8)) {
        let mut order = CookedOrder { order_id: 9, progress: Progress::Order };
        for event in &events {
            prop_assert!(react(&mut order, event, NOW).is_none());
        }
        let furthest = if events.contains(&cooked()) {
            Progress::Cooked
        } else if events.contains(&started()) {
            Progress::Cook
        } else {
            Progress::Order
        };
        prop_assert_eq!(order.progress, furthest);
    }
}
