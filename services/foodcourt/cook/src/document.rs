use chassis::openapi::{date_time, object, one_of, positive};
use context::Representation;
use cook_domain::{KitchenOrder, Status};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::rows::CookRow;

/// An order in its kitchen. One that is cancelled has no document.
pub struct KitchenOrderDocument;

impl Representation for KitchenOrderDocument {
    type Row = CookRow;
    const NAME: &'static str = "Cook";
    const PATH: &'static str = "/cooks";
    const REL: &'static str = "cooks";
    const TITLE: &'static str = "order in the kitchen:";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/cooks/{id}"), ("status", "/cook/cookStatusCheck?orderId={id}")];

    fn of(order: &KitchenOrder) -> Option<Value> {
        let dish = order.shown()?;
        Some(json!({
            "id": order.order_id, "orderId": order.order_id, "shopId": order.shop_id, "menuId": dish.menu_id,
            "qty": dish.qty, "cookStatus": order.status.name(), "orderedAt": dish.ordered_at.to_string(),
        }))
    }

    fn schema() -> ObjectBuilder {
        let statuses = [Status::Order, Status::Cook, Status::Cooked].map(Status::name);
        object("An order in its kitchen.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("shopId", positive("The shop."))
            .property("menuId", positive("The dish, in the menu of the shop."))
            .property("qty", positive("How many of it."))
            .property("cookStatus", one_of(&statuses).description(Some("Whether it is taken or finished.")))
            .property("orderedAt", date_time("When it was ordered."))
    }
}
