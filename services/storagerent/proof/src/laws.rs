use audit::Law;

use crate::declared::{CANCEL, ESTABLISHED, PAGES, RESERVATIONS, RESERVE, REVIEW};

mod reservations;
mod rooms;

/// The laws of the fleet, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &[
    Law::answered(
        "a reservation that was answered 201 or 200 is established for its room",
        RESERVE,
        ESTABLISHED,
        reservations::answered,
    ),
    Law::never_answered(
        "a reservation that was refused has neither a hold nor money in the end",
        RESERVE,
        ESTABLISHED,
        reservations::refused,
    ),
    Law::answered(
        "a cancellation that was answered 200 has cancelled the reservation",
        CANCEL,
        &[200],
        reservations::cancelled,
    ),
    Law::answered("a review that was answered 201 is there", REVIEW, &[201], reservations::reviewed),
    Law::new("nothing is undecided, and no refund is due", reservations::decided),
    Law::new(
        "a reservation that is not cancelled holds its room and is paid, at the same attempt and price, and the other way round",
        reservations::agree,
    ),
    Law::new("the money taken, in the topic and in the store, is the price of such reservations", reservations::money),
    Law::emits_exactly(
        "the topic of reservation has exactly the events that its state implies",
        RESERVATIONS,
        reservations::events,
    ),
    Law::new("the topic of payment has exactly the events that its state implies", reservations::payment_events),
    Law::new("the events of a reservation are in the order of the state changes behind them", reservations::in_order),
    Law::new(
        "there is exactly one message per confirmation and per cancellation, for the customer",
        reservations::messages,
    ),
    Law::new("a review is of a customer who had reserved the room", reservations::review),
    Law::new("a room has at most one reservation that is not cancelled, and is reserved by that", rooms::occupied),
    Law::new("the topic of storage has the registrations of a room in their order", rooms::registrations),
    Law::new("a room is reserved and freed as its reservations are confirmed and cancelled", rooms::follows),
    Law::new("a room counts its reviews", rooms::reviews),
    Law::folds("the page of every room is what the topics give", PAGES, rooms::page),
];
