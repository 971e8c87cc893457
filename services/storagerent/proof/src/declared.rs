//! The tables, the events and the operations that the laws are about.

use audit::{EventKind, Table};

/// `POST /reservations`: a customer reserves a room.
pub const RESERVE: &str = "reserve";
/// `PATCH /reservations/{id}`: the customer cancels the reservation.
pub const CANCEL: &str = "cancel";
/// `POST /reviews`: the customer reviews the room by the reservation.
pub const REVIEW: &str = "review";

/// The rooms. The status is `available`, `reserving`, `reserved` or `deleted`.
pub const STORAGES: Table = Table::new("storage", "storages", "storage_id").judged(&[
    "description",
    "price",
    "version",
    "status",
    "reservation_id",
    "holds",
    "reviews",
]);

/// The holds, each the latest of its reservation: `held`, `reserved`, `released` or `cancelled`.
pub const HOLDS: Table = Table::new("storage", "holds", "reservation_id")
    .judged(&["attempt", "storage_id", "number", "price", "state", "customer", "reviewed"])
    .referring_by(&["storage_id"])
    .in_progress("state = 'held'");

/// The reviews, one per reservation.
pub const REVIEWS: Table = Table::new("storage", "reviews", "reservation_id")
    .judged(&["storage_id", "customer"])
    .not_judged(&["content", "written_at"])
    .referring_by(&["storage_id"]);

/// The reservations, each with its latest attempt.
pub const RESERVATIONS: Table = Table::new("reservation", "reservations", "reservation_id")
    .judged(&["attempt", "storage_id", "price", "hold", "phase", "status", "paid", "customer"])
    .not_judged(&["step", "retry_at"])
    .referring_by(&["storage_id"])
    .in_progress(
        "phase NOT IN ('established', 'void') OR (phase = 'established' AND status NOT IN ('reserved', 'cancelled'))",
    );

/// The payments: `Approved`, `Canceled` or `Void`. The details are the room and the number of its hold, as JSON.
pub const PAYMENTS: Table =
    Table::new("payment", "payments", "reservation_id").judged(&["attempt", "price", "state", "details"]);

/// The refunds that the provider has not confirmed yet.
pub const REFUNDS_DUE: Table = Table::new("payment", "refunds_due", "reservation_id")
    .judged(&["attempt", "price"])
    .not_judged(&["retry_at"])
    .in_progress("TRUE");

/// The messages. One of a manager has no reservation.
pub const MESSAGES: Table = Table::new("message", "messages", "message_id")
    .judged(&["reservation_id", "attempt", "kind", "storage_id", "customer"])
    .not_judged(&["content", "written_at"])
    .referring_by(&["reservation_id"]);

/// The pages of the rooms.
pub const PAGES: Table = Table::new("viewpage", "storage_views", "storage_id").judged(&[
    "version",
    "description",
    "price",
    "deleted",
    "review_cnt",
    "hold",
    "reservation_id",
    "storage_status",
    "reservation_status",
    "payment_status",
]);

pub(crate) const REGISTERED: EventKind = EventKind::new("storage", "StorageRegistered");
pub(crate) const MODIFIED: EventKind = EventKind::new("storage", "StorageModified");
pub(crate) const DELETED: EventKind = EventKind::new("storage", "StorageDeleted");
pub(crate) const RESERVED: EventKind = EventKind::new("storage", "StorageReserved");
pub(crate) const FREED: EventKind = EventKind::new("storage", "StorageCancelled");
pub(crate) const REVIEWED: EventKind = EventKind::new("storage", "ReviewWritten");
pub(crate) const CREATED: EventKind = EventKind::new("reservation", "ReservationCreated");
pub(crate) const CONFIRMED: EventKind = EventKind::new("reservation", "ReservationConfirmed");
pub(crate) const CANCEL_REQUESTED: EventKind = EventKind::new("reservation", "ReservationCancelRequested");
pub(crate) const CANCELLED: EventKind = EventKind::new("reservation", "ReservationCancelled");
/// The payment of a reservation is taken.
pub const PAYMENT_APPROVED: EventKind = EventKind::new("payment", "PaymentApproved");
/// The payment of a reservation is paid back.
pub const PAYMENT_CANCELLED: EventKind = EventKind::new("payment", "PaymentCancelled");
