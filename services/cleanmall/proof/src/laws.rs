use audit::Law;

use crate::declared::{ASSIGNMENTS, CALL, CALLS, CANCEL, FINISH, TAKEN};

mod calls;
mod cleaners;
mod messages;

/// The laws about the contexts in Rust, in the order in which they are shown.
pub(crate) const LAWS: &[Law] = &LAWS_OF_ALL;

/// The same, and those about the messages to customers.
pub(crate) const WITH_MESSAGES: &[Law] = &[
    ANSWERED,
    REFUSED,
    CANCELED,
    FINISHED,
    DECIDED,
    AGREE,
    NO_OPEN_ASSIGNMENT,
    CALL_EVENTS,
    MANAGE_EVENTS,
    ASSIGN_EVENTS,
    IN_ORDER,
    LIST,
    PROGRESS,
    CLEANERS,
    Law::new("there is exactly one message per step of a call that is taken, for its customer", messages::messages),
    Law::new("what customer knows of a call is what the topics give", messages::steps),
];

const LAWS_OF_ALL: [Law; 14] = [
    ANSWERED,
    REFUSED,
    CANCELED,
    FINISHED,
    DECIDED,
    AGREE,
    NO_OPEN_ASSIGNMENT,
    CALL_EVENTS,
    MANAGE_EVENTS,
    ASSIGN_EVENTS,
    IN_ORDER,
    LIST,
    PROGRESS,
    CLEANERS,
];

const ANSWERED: Law =
    Law::answered("a call that was answered 201 or 200 is taken, for its place", CALL, TAKEN, calls::answered);
const REFUSED: Law =
    Law::never_answered("a call that was refused is neither taken nor managed in the end", CALL, TAKEN, calls::refused);
const CANCELED: Law =
    Law::answered("a cancellation that was answered 204 has cancelled the call", CANCEL, &[204], calls::canceled);
const FINISHED: Law = Law::answered("work that was answered 200 is done", FINISH, &[200], calls::finished);
const DECIDED: Law = Law::new("nothing is undecided", calls::decided);
const AGREE: Law =
    Law::new("a call is taken if and only if it is managed, at the same attempt and place", calls::agree);
const NO_OPEN_ASSIGNMENT: Law = Law::new("a cancelled call has no open assignment", calls::no_open_assignment);
const CALL_EVENTS: Law =
    Law::emits_exactly("the topic of cleancall has exactly the events that its state implies", CALLS, calls::events);
const MANAGE_EVENTS: Law =
    Law::new("the topic of cleanmanage has exactly the events that its state implies", calls::management_events);
const ASSIGN_EVENTS: Law = Law::emits_exactly(
    "the topic of cleanassign has exactly the events that its state implies",
    ASSIGNMENTS,
    calls::assignment_events,
);
const IN_ORDER: Law =
    Law::new("the events of a call are in the order of the state changes behind them", calls::in_order);
const LIST: Law = Law::new("the list of the management is what the topics give", calls::list);
const PROGRESS: Law =
    Law::new("a call shows the progress and the cleaner that the topic of cleanassign gives", calls::progress);
const CLEANERS: Law = Law::new("a cleaner has at most one open call, and that names them", cleaners::one_call);
