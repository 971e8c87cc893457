//! The board and the accounts are what the topics give.

use std::collections::BTreeMap;

use audit::{Case, EventKind, Fields, Table, fields};

use crate::declared::{CANCELED, CANCELLATIONS, COOKED, ORDERED, ORDERS, STARTED, VIEWS};

/// The announcement of an order that is cooked.
pub(super) fn alarm(case: &Case<'_>) -> Option<Fields> {
    let cooked = case.of_kind(COOKED).next()?;
    Some(fields! { "shop_id": cooked.fields.get("shopId"), "cooked_at": cooked.at })
}

/// The view: all that is known of an order, and its furthest state.
pub(super) fn view(case: &Case<'_>) -> Option<Fields> {
    let any = case.events().first()?;
    let (at, ordered) =
        (|kind: EventKind| case.of_kind(kind).next().map(|event| event.at), case.of_kind(ORDERED).next());
    let of_order = |name| ordered.map(|event| event.fields.get(name).clone());
    let latest_first = [(CANCELED, "cancel"), (COOKED, "cooked"), (STARTED, "cook")];
    let status = latest_first.iter().find(|(kind, _)| at(*kind).is_some()).map_or("order", |(_, status)| *status);
    Some(fields! {
        "shop_id": any.fields.get("shopId"),
        "menu_id": of_order("menuId"),
        "qty": of_order("qty"),
        "price": of_order("price"),
        "customer": of_order("customer"),
        "ordered_at": at(ORDERED).unwrap_or_default(),
        "cook_started_at": at(STARTED),
        "cooked_at": at(COOKED),
        "canceled_at": at(CANCELED),
        "status": status,
    })
}

/// The number of orders of the shop in each state, in its account and in the order context.
pub(super) fn totals(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let count = |table: &Table, state: &dyn Fn(&Fields) -> String| {
        let mut totals: BTreeMap<String, usize> = BTreeMap::new();
        for row in case.rows_referring_by(table, "shop_id") {
            *totals.entry(state(row)).or_default() += 1;
        }
        totals
    };
    let status = |row: &Fields| row.text("status").unwrap_or_default().to_owned();
    let (account, mut orders) = (count(&VIEWS, &status), count(&ORDERS, &status));
    let cancelled = case.rows_referring_by(&CANCELLATIONS, "shop_id");
    let cancelled = cancelled.iter().filter(|row| row.text("phase") == Some("established")).count();
    if cancelled > 0 {
        // A cancelled order stays in the state `order` there.
        let open = orders.entry("order".to_owned()).or_default();
        *open = open.saturating_sub(cancelled);
        orders.insert("cancel".to_owned(), cancelled);
    }
    orders.retain(|_, orders| *orders > 0);
    if account != orders {
        violations.push(format!("the account of the shop has {account:?}, but its orders are {orders:?}"));
    }
    !account.is_empty() || !orders.is_empty()
}
