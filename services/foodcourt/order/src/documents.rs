use chassis::body::MAX_EXACT;
use chassis::openapi::{date_time, nullable, number, object, one_of, positive, text};
use context::{ConditionalLink, Representation};
use foodcourt_order_domain::{CANCEL, Cancelled, Order, Placement, Progress, Quantity};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::rows::{DishRow, OrderRow};

/// The value of `cancellation` while the kitchen has not decided.
const UNDECIDED: &str = "undecided";

/// An order.
pub struct OrderDocument;

/// A dish in the menu of a shop.
pub struct Dish;

impl Representation for OrderDocument {
    type Row = OrderRow;
    const NAME: &'static str = "Order";
    const PATH: &'static str = "/orders";
    const REL: &'static str = "orders";
    const TITLE: &'static str = "order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/orders/{id}")];
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] =
        &[("cancel", "/orders/{id}", |order| order.progress == Progress::Order && order.cancelled != Cancelled::Yes)];

    fn of(order: &Order) -> Option<Value> {
        let Placement { shop_id, menu_id, qty, price, ordered_at, .. } = &order.placement;
        let (id, undecided) = (order.id.get(), order.cancelled == Cancelled::Undecided);
        Some(json!({
            "id": id, "orderId": id, "shopId": shop_id.get(), "menuId": menu_id.get(), "qty": qty.get(),
            "price": price.get(), "amount": order.placement.amount(), "status": order.status(),
            "cancellation": undecided.then_some(UNDECIDED), "orderedAt": ordered_at.to_string(),
        }))
    }

    fn schema() -> ObjectBuilder {
        let [order, cook, cooked] = Progress::ALL.map(Progress::name);
        let cancellation = "undecided: it was requested, and the kitchen has not answered. The order is cancelled once it does, \
                            unless it has taken the order.";
        object("An order.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("shopId", positive("The shop."))
            .property("menuId", positive("The dish, in the menu of the shop."))
            .property("qty", number(&(1..=Quantity::MAX)).description(Some("How many of it.")))
            .property("price", positive("The price of one, at the time of the order."))
            .property("amount", number(&(1..=MAX_EXACT)).description(Some("What the customer pays.")))
            .property("status", one_of(&[order, cook, cooked, CANCEL]))
            .property("cancellation", nullable(one_of(&[UNDECIDED]).description(Some(cancellation))))
            .property("orderedAt", date_time("When it was ordered."))
    }
}

impl Representation for Dish {
    type Row = DishRow;
    const NAME: &'static str = "Dish";
    const PATH: &'static str = "/menus";
    const REL: &'static str = "menus";
    const TITLE: &'static str = "dish";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/menus/{shopId}/{menuId}")];

    fn plural() -> String {
        "Menus".to_owned()
    }

    fn of(DishRow { dish, shop_id, menu_id, name, price }: &DishRow) -> Option<Value> {
        Some(json!({ "id": dish, "shopId": shop_id, "menuId": menu_id, "name": name, "price": price.get() }))
    }

    fn schema() -> ObjectBuilder {
        object("A dish in the menu of a shop.")
            .property("id", text("The shop and the dish."))
            .property("shopId", positive("The shop."))
            .property("menuId", positive("The dish, in the menu of the shop."))
            .property("name", text("The name."))
            .property("price", positive("The price of one."))
    }
}
