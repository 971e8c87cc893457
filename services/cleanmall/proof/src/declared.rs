//! The tables, the events and the operations that the laws are about.

use audit::{EventKind, Table};

/// `POST /cleancalls`: a customer calls for a cleaner.
pub const CALL: &str = "call";
/// `DELETE /cleancalls/{id}`: the customer cancels the call.
pub const CANCEL: &str = "cancel";
/// `PATCH /cleanassigns/{id}`: the work is done.
pub const FINISH: &str = "finish";

/// The statuses of a response to a call that is taken, now or before.
pub(crate) const TAKEN: &[u16] = &[200, 201];

/// The calls, each with its latest attempt.
pub const CALLS: Table = Table::new("cleancall", "cleancalls", "call_id")
    .judged(&["attempt", "location", "cost", "phase", "progress", "cleaner", "canceled", "customer"])
    .not_judged(&["step", "retry_at"])
    .personal(&["tel"])
    .in_progress("phase NOT IN ('established', 'void')");

/// The calls as the management knows them: `accepted`, `canceled` or `withdrawn`.
pub const MANAGEMENTS: Table = Table::new("cleanmanage", "cleanmanages", "call_id")
    .judged(&["attempt", "location", "state", "progress", "cleaner", "customer"])
    .not_judged(&["tel"]);

/// The assignments: `waiting`, `assigned`, `finished` or `canceled`.
pub const ASSIGNMENTS: Table = Table::new("cleanassign", "cleanassigns", "call_id")
    .judged(&["attempt", "location", "state", "cleaner_id", "cleaner"])
    .not_judged(&["since"])
    .referring_by(&["cleaner_id"]);

/// The cleaners.
pub const CLEANERS: Table = Table::new("cleanassign", "cleaners", "cleaner_id")
    .judged(&["name", "location", "call_id"])
    .not_judged(&["idle_since"]);

/// What the context customer knows of calls.
pub const STEPS: Table = Table::new("customer", "steps", "call_id")
    .judged(&["attempt", "kind", "customer", "cleaner"])
    .not_judged(&["location", "cost", "happened_at"]);

/// The messages to customers.
pub const MESSAGES: Table = Table::new("customer", "messages", "message_id")
    .judged(&["call_id", "attempt", "kind", "customer"])
    .not_judged(&["content", "written_at"])
    .referring_by(&["call_id"]);

pub(crate) const CALLED: EventKind = EventKind::new("cleancall", "CleanCalled");
pub(crate) const CALL_CANCELED: EventKind = EventKind::new("cleancall", "CleanCallCanceled");
pub(crate) const MANAGED: EventKind = EventKind::new("cleanmanage", "CleanManaged");
pub(crate) const MANAGE_CANCELED: EventKind = EventKind::new("cleanmanage", "CleanManageCanceled");
/// A cleaner is assigned.
pub const ASSIGNED: EventKind = EventKind::new("cleanassign", "CleanerAssigned");
/// The assignment is cancelled.
pub const ENDED: EventKind = EventKind::new("cleanassign", "AssignmentCanceled");
/// The work is done.
pub const FINISHED: EventKind = EventKind::new("cleanassign", "AssignmentFinished");
