use audit::Law;

use crate::declared::{ALARMS, CANCEL, COOKS, FINISH, ORDER, ORDERS, TAKE, VIEWS};

mod orders;
mod views;

/// The laws of the fleet, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &[
    Law::answered(
        "an order that was answered 201 or 200 is there with its contents, at the price that was expected",
        ORDER,
        &[200, 201],
        orders::answered,
    ),
    Law::never_answered("an order that was refused is not there", ORDER, &[200, 201], orders::refused),
    Law::answered("a cancellation that was answered 200 has cancelled the order", CANCEL, &[200], orders::cancelled),
    Law::answered("a cancellation that was too late has not cancelled the order", CANCEL, &[409], orders::taken),
    Law::answered("an order that a kitchen was told it has taken is not cancelled", TAKE, &[200], orders::taken),
    Law::answered("an order that a kitchen was told it has finished is cooked", FINISH, &[200], orders::finished),
    Law::new("no cancellation is undecided", orders::decided),
    Law::new(
        "an order is cancelled if its kitchen has dropped it, and only then; and it is never cooked",
        orders::agree,
    ),
    Law::new("an order is in its kitchen once, with its contents, and as far as its kitchen is", orders::received),
    Law::new(
        "what the customer pays is the price of the dish at the time of the order, times the quantity",
        orders::price,
    ),
    Law::emits_exactly("the topic of order has exactly the events that its state implies", ORDERS, orders::events),
    Law::emits_exactly("the topic of cook has exactly the events that its state implies", COOKS, orders::cook_events),
    Law::in_order("the events of an order are in the order of the state changes behind them", orders::rank),
    Law::folds("an order is announced if it is cooked, and only then, once", ALARMS, views::alarm),
    Law::folds("the view of every order is what the topics give", VIEWS, views::view),
    Law::new("the totals of a shop are the sums of its orders", views::totals),
];
