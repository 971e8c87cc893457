//! The rules of a kitchen, without anything around them.

use ambient::Timestamp;
use cook_contract::{CookEvent, CookStarted, Cooked};
use cook_domain::{KitchenOrder, OrderChange, OtherStatus, Status, Step};
use events::apply;
use foodcourt_order_contract::{Canceled, Ordered};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const AT: Timestamp = Timestamp::from_micros(1_000);

fn ordered() -> OrderChange {
    OrderChange::Ordered(Ordered {
        order_id: 9,
        shop_id: 1,
        menu_id: 2,
        qty: 3,
        price: 10,
        customer: Some("ann".into()),
    })
}

fn canceled() -> OrderChange {
    OrderChange::Canceled(Canceled { order_id: 9, shop_id: 1 })
}

fn unknown() -> KitchenOrder {
    KitchenOrder::unknown(9)
}

fn received() -> KitchenOrder {
    let mut order = unknown();
    assert!(apply(&mut order, &ordered(), AT).is_empty());
    order
}

fn started() -> CookEvent {
    CookStarted { order_id: 9, shop_id: 1 }.into()
}

fn cooked() -> CookEvent {
    Cooked { order_id: 9, shop_id: 1 }.into()
}

#[test]
fn an_order_is_taken_and_finished_and_each_step_has_its_event_once() {
    let mut order = received();
    assert_eq!(order.advance(Step::Cooked), Err(OtherStatus(Status::Order)));
    assert_eq!(order.advance(Step::Cook), Ok(Some(started())));
    assert_eq!(order.advance(Step::Cook), Ok(None));
    assert_eq!(order.advance(Step::Cooked), Ok(Some(cooked())));
    assert_eq!(order.advance(Step::Cooked), Ok(None));
    assert_eq!(order.advance(Step::Cook), Err(OtherStatus(Status::Cooked)));
    assert_eq!(unknown().advance(Step::Cook), Err(OtherStatus(Status::Unknown)));
}

#[test]
fn an_order_is_dropped_until_it_is_taken_and_then_the_kitchen_declines_for_good() {
    let mut order = received();
    assert_eq!((order.cancel(1), order.status), (Ok(()), Status::Cancel));
    assert_eq!((order.cancel(1), order.shown()), (Ok(()), None));
    assert_eq!(order.advance(Step::Cook), Err(OtherStatus(Status::Cancel)));
    let mut order = received();
    order.advance(Step::Cook).unwrap();
    assert_eq!(order.cancel(1), Err(OtherStatus(Status::Cook)));
    order.advance(Step::Cooked).unwrap();
    assert_eq!(order.cancel(1), Err(OtherStatus(Status::Cooked)));
    assert!(apply(&mut order, &canceled(), AT).is_empty());
    assert_eq!(order.status, Status::Cooked);
}

#[test]
fn an_order_that_comes_after_its_cancellation_is_never_shown() {
    let mut order = unknown();
    assert_eq!(order.cancel(1), Ok(()));
    apply(&mut order, &ordered(), AT);
    assert_eq!((order.status, order.shown()), (Status::Cancel, None));
    assert_eq!(order.advance(Step::Cook), Err(OtherStatus(Status::Cancel)));
    assert_eq!(order.cancel(1), Ok(()));
}

/// What happens to an order, from any side.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Occurrence {
    Ordered,
    Canceled,
    Cancel,
    Step(Step),
}

proptest! {
    /// Dropped or taken, never both; what was agreed or declined once stays so; each event at most once, in its order.
    #[test]
    fn in_every_order_an_order_is_dropped_or_taken_and_never_both(
        occurrences in vec(
            select(vec![
                Occurrence::Ordered, Occurrence::Canceled, Occurrence::Cancel, Occurrence::Step(Step::Cook),
                Occurrence::Step(Step::Cooked),
            ]),
            1..20,
        ),
    ) {
        let (mut order, mut published, mut agreed) = (unknown(), Vec::new(), None);
        for occurrence in occurrences {
            match occurrence {
                Occurrence::Ordered => published.extend(apply(&mut order, &ordered(), AT)),
                Occurrence::Canceled => published.extend(apply(&mut order, &canceled(), AT)),
                Occurrence::Cancel => {
                    let is_agreed = order.cancel(1).is_ok();
                    prop_assert!(agreed.is_none_or(|before| before == is_agreed));
                    agreed = Some(is_agreed);
                }
                Occurrence::Step(step) => published.extend(order.advance(step).ok().flatten()),
            }
            prop_assert!(order.status != Status::Cancel || published.is_empty());
            prop_assert_eq!(order.shown().is_some(), order.dish.is_some() && order.status != Status::Cancel);
        }
        prop_assert!([started(), cooked()].starts_with(&published), "{:?}", published);
    }

    /// The events of the order context alone end in one state, whatever their order and repetition.
    #[test]
    fn events_in_every_order_end_in_one_state(
        mut events in vec(select(vec![ordered(), canceled()]), 0..6).prop_map(|more| [more, vec![ordered(), canceled()]].concat()),
        seed in any::<prop::sample::Index>(),
    ) {
        let middle = seed.index(events.len());
        events.rotate_left(middle);
        let mut order = unknown();
        for event in &events {
            apply(&mut order, event, AT);
        }
        let mut expected = received();
        apply(&mut expected, &canceled(), AT);
        prop_assert_eq!(order, expected);
    }
}
