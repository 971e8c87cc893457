//! The tables, the events and the operations that the laws are about.

use audit::{EventKind, Table};

/// `POST /orders`: a customer orders a dish.
pub const ORDER: &str = "order";
/// `POST /orders/cancel`: the customer cancels the order.
pub const CANCEL: &str = "cancel";
/// `POST /cook/statusChange` to `cook`: the kitchen takes the order.
pub const TAKE: &str = "take";
/// `POST /cook/statusChange` to `cooked`: the kitchen finishes the order.
pub const FINISH: &str = "finish";

/// The orders: `order`, `cook` or `cooked`.
pub const ORDERS: Table = Table::new("order", "orders", "order_id")
    .judged(&["shop_id", "menu_id", "qty", "price", "amount", "customer", "status"])
    .not_judged(&["ordered_at"])
    .referring_by(&["shop_id"]);

/// The cancellations that the kitchen has not declined at once.
pub const CANCELLATIONS: Table = Table::new("order", "cancellations", "order_id")
    .judged(&["shop_id", "phase"])
    .not_judged(&["attempt", "retry_at"])
    .referring_by(&["shop_id"])
    .in_progress("phase NOT IN ('established', 'void')");

/// The orders in the kitchens: `order`, `cook`, `cooked` or `cancel`.
pub const COOKS: Table =
    Table::new("cook", "cooks", "order_id").judged(&["shop_id", "menu_id", "qty", "ordered_at", "status", "customer"]);

/// The announcements.
pub const ALARMS: Table =
    Table::new("notification", "alarms", "order_id").judged(&["shop_id", "cooked_at"]).not_judged(&["change_number"]);

/// The accounts of the shops.
pub const VIEWS: Table = Table::new("shopaccount", "order_views", "order_id")
    .judged(&[
        "shop_id",
        "menu_id",
        "qty",
        "price",
        "customer",
        "ordered_at",
        "cook_started_at",
        "cooked_at",
        "canceled_at",
        "status",
    ])
    .not_judged(&["change_number"])
    .referring_by(&["shop_id"]);

pub(crate) const ORDERED: EventKind = EventKind::new("order", "Ordered");
pub(crate) const CANCELED: EventKind = EventKind::new("order", "Canceled");
pub(crate) const STARTED: EventKind = EventKind::new("cook", "CookStarted");
pub(crate) const COOKED: EventKind = EventKind::new("cook", "Cooked");
