//! The tables, the events and the operations that the laws are about.

use audit::{EventKind, Table};

/// `POST /matches`: a student requests a match.
pub const REQUEST: &str = "request";
/// `PATCH /matches/{id}`: the student cancels it.
pub const CANCEL: &str = "cancel";
/// `POST /visits`: a tutor accepts the visit.
pub const ASSIGN: &str = "assign";

/// The matches, each with its latest attempt. The phase is `established` or `void` once it is decided. The step is the
/// furthest of an established match.
pub const MATCHES: Table = Table::new("match", "matches", "id")
    .judged(&["attempt", "price", "phase", "step", "student"])
    .not_judged(&["settle_at"])
    .in_progress("phase NOT IN ('established', 'void')");

/// The payments: `Approved`, `Canceled` or `Void`. This fleet has no details.
pub const PAYMENTS: Table =
    Table::new("payment", "payments", "match_id").judged(&["attempt", "price", "state"]).not_judged(&["details"]);

/// The refunds that the provider has not confirmed yet.
pub const REFUNDS_DUE: Table = Table::new("payment", "refunds_due", "match_id")
    .judged(&["attempt", "price"])
    .not_judged(&["retry_at"])
    .in_progress("TRUE");

/// The visit requests and visits.
pub const VISITS: Table = Table::new("visit", "cases", "match_id").judged(&[
    "attempt",
    "price",
    "paid_since",
    "canceled",
    "teacher",
    "visit_date",
    "is_open",
    "tutor",
]);

/// The pages of the students. The topics do not imply the order in which steps became known.
pub const PAGES: Table = Table::new("mypage", "my_pages", "id")
    .judged(&[
        "attempt",
        "price",
        "teacher",
        "visit_date",
        "match_requested_at",
        "payment_approved_at",
        "visit_assigned_at",
        "match_canceled_at",
        "payment_canceled_at",
        "visit_canceled_at",
        "student",
    ])
    .not_judged(&["step_order"]);

pub(crate) const MATCH_REQUESTED: EventKind = EventKind::new("match", "MatchRequested");
pub(crate) const PAYMENT_APPROVED: EventKind = EventKind::new("payment", "PaymentApproved");
pub(crate) const VISIT_ASSIGNED: EventKind = EventKind::new("visit", "VisitAssigned");
pub(crate) const MATCH_CANCELED: EventKind = EventKind::new("match", "MatchCanceled");
pub(crate) const PAYMENT_CANCELED: EventKind = EventKind::new("payment", "PaymentCanceled");
pub(crate) const VISIT_CANCELED: EventKind = EventKind::new("visit", "VisitCanceled");
