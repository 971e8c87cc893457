use crate::picture::Case;

mod answers;
mod cancellations;
mod money;
mod topics;
mod views;

/// A law that is held against one match at a time.
pub(crate) struct Law {
    /// The law, as a plain sentence.
    pub(crate) name: &'static str,
    /// Whether it is about what clients were told.
    pub(crate) needs_told: bool,
    /// Adds what is wrong with a match, and tells whether the law says anything about it.
    pub(crate) check: fn(&Case<'_>, &mut Vec<String>) -> bool,
}

/// The laws of the fleet, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &[
    told("a request that was answered 201 or 200 is established at its price, and paid or cancelled", answers::kept),
    told("a request that was refused has neither a match nor money in the end", answers::refused),
    told("a cancellation that was answered 200 has cancelled the match", answers::canceled),
    told("a visit that was answered 201 was assigned, to one tutor", answers::assigned),
    law("what is paid is an established match that is not cancelled, and the other way round", money::paid),
    law("the money taken, in the topic and in the store, is the price of such matches", money::taken),
    law("nothing is undecided, and no refund is due", money::decided),
    law("a cancelled match has a cancelled payment, no open request and no assigned visit", cancellations::everywhere),
    law("every event is one that its context says about its match", topics::readable),
    law("the topic of match has exactly the events that its state implies", topics::of_match),
    law("the topic of payment has exactly the events that its state implies", topics::of_payment),
    law("the topic of visit has exactly the events that its state implies", topics::of_visit),
    law("the events of a match are in the order of the state changes behind them", topics::in_order),
    law("the visit list is what the topics give", views::visits),
    law("the status of a match is what the topics give", views::status),
    law("every page is what the topics give", views::page),
];

const fn law(name: &'static str, check: fn(&Case<'_>, &mut Vec<String>) -> bool) -> Law {
    Law { name, needs_told: false, check }
}

const fn told(name: &'static str, check: fn(&Case<'_>, &mut Vec<String>) -> bool) -> Law {
    Law { name, needs_told: true, check }
}
