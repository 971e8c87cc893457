use ambient::Timestamp;
use chassis::body::MAX_EXACT;
use chassis::openapi::{date_time, nullable, number, object, one_of, positive};
use context::{Representation, Totals};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::view::{OrderView, STATUSES};

/// All that is known of an order. Unknown parts are null.
pub struct ViewDocument;

impl Representation for ViewDocument {
    type Row = OrderView;
    const NAME: &'static str = "View";
    const PATH: &'static str = "/views";
    const REL: &'static str = "views";
    const TITLE: &'static str = "view of order";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/views/{id}"), ("events", "/views/events?shopId={shopId}")];
    const TOTALS: Option<Totals> = Some(Totals { column: "status", values: &STATUSES });

    fn of(view: &OrderView) -> Option<Value> {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let amount = view.price.zip(view.qty).map(|(price, qty)| price.saturating_mul(qty).min(MAX_EXACT));
        Some(json!({
            "id": view.order_id, "orderId": view.order_id, "shopId": view.shop_id, "menuId": view.menu_id,
            "qty": view.qty, "price": view.price, "amount": amount, "status": view.status,
            "orderStatus": view.order_status(), "cookStatus": view.cook_status(),
            "orderedAt": time(view.menu_id.map(|_| Timestamp::from_micros(view.ordered_at))), "cookStartedAt": time(view.cook_started_at),
            "cookedAt": time(view.cooked_at), "canceledAt": time(view.canceled_at),
        }))
    }

    fn schema() -> ObjectBuilder {
        let time = |about: &str| nullable(date_time(about));
        object("All that is known of an order. Unknown parts are null.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("shopId", positive("The shop."))
            .property("menuId", nullable(positive("The dish, in the menu of the shop.")))
            .property("qty", nullable(positive("How many of it.")))
            .property("price", nullable(positive("The price of one, at the time of the order.")))
            .property("amount", nullable(number(&(1..=MAX_EXACT)).description(Some("What the customer pays."))))
            .property("status", one_of(&STATUSES).description(Some("The furthest state that is known.")))
            .property("orderStatus", nullable(one_of(&["order", "cancel"])))
            .property("cookStatus", nullable(one_of(&["cook", "cooked"])))
            .property("orderedAt", time("When it was ordered."))
            .property("cookStartedAt", time("When the kitchen took it."))
            .property("cookedAt", time("When it was finished."))
            .property("canceledAt", time("When it was cancelled."))
    }
}
