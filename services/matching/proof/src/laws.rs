use audit::Law;

use crate::declared::{ASSIGN, CANCEL, MATCHES, PAGES, PAYMENTS, REQUEST, VISITS};
use crate::laws::state::{ESTABLISHED, rank};

mod money;
mod responses;
mod state;
mod topics;
mod views;

/// The laws of the fleet, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &[
    Law::answered(
        "a request that was answered 201 or 200 is established at its price, and paid or cancelled",
        REQUEST,
        ESTABLISHED,
        responses::established,
    ),
    Law::never_answered(
        "a request that was refused has neither a match nor money in the end",
        REQUEST,
        ESTABLISHED,
        responses::refused,
    ),
    Law::answered("a cancellation that was answered 200 has cancelled the match", CANCEL, &[200], responses::canceled),
    Law::answered("a visit that was answered 201 was assigned, to one tutor", ASSIGN, &[201], responses::assigned),
    Law::new("what is paid is an established match that is not cancelled, and the other way round", money::paid),
    Law::new("the money taken, in the topic and in the store, is the price of such matches", money::taken),
    Law::new("nothing is undecided, and no refund is due", money::decided),
    Law::new("a cancelled match has a cancelled payment, no open request and no assigned visit", money::canceled),
    Law::emits_exactly("the topic of match has exactly the events that its state implies", MATCHES, topics::of_match),
    Law::emits_exactly(
        "the topic of payment has exactly the events that its state implies",
        PAYMENTS,
        topics::of_payment,
    ),
    Law::emits_exactly("the topic of visit has exactly the events that its state implies", VISITS, topics::of_visit),
    Law::in_order("the events of a match are in the order of the state changes behind them", rank),
    Law::folds("the visit list is what the topics give", VISITS, views::visit),
    Law::new("the status of a match is what the topics give", views::status),
    Law::folds("every page is what the topics give", PAGES, views::page),
];
