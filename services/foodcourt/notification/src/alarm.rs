use ambient::Timestamp;
use chassis::openapi::{date_time, object, positive, text};
use context::Representation;
use cook_contract::Cooked;
use events::{Inbound, Never, Projection};
use serde_json::{Value, json};
use store::Row;
use utoipa::openapi::schema::ObjectBuilder;

/// A row of `alarms`: an order that is finished.
#[derive(Debug, Clone, PartialEq, Eq, Row)]
#[row(table = "alarms", key = "order_id", tenant = "shop_id")]
pub struct Alarm {
    /// The order.
    pub order_id: i64,
    /// The shop.
    pub shop_id: i64,
    /// When it was finished.
    pub cooked_at: Timestamp,
    /// The number of its latest change.
    pub change_number: i64,
}

/// The event that is announced. An order is finished once, so the start of it is of no interest, nor is its order.
#[derive(Debug, Clone, Inbound)]
pub enum AlarmEvent {
    /// An order is finished.
    Cooked(Cooked),
}

impl Projection for Alarm {
    type Event = AlarmEvent;
    type Emits = Never;

    fn begin(order_id: i64, _epoch: i64) -> Self {
        Self { order_id, shop_id: 0, cooked_at: Timestamp::from_micros(0), change_number: 0 }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, AlarmEvent::Cooked(event): &AlarmEvent, at: Timestamp) -> Option<Never> {
        (self.shop_id, self.cooked_at) = (event.shop_id, at);
        None
    }
}

/// An announcement over HTTP.
pub struct AlarmDocument;

impl Representation for AlarmDocument {
    type Row = Alarm;
    const NAME: &'static str = "Alarm";
    const PATH: &'static str = "/alarms";
    const REL: &'static str = "alarms";
    const TITLE: &'static str = "announcement of order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/alarms/{id}")];

    fn of(alarm: &Alarm) -> Option<Value> {
        let Alarm { order_id, shop_id, cooked_at, .. } = alarm;
        Some(json!({
            "id": order_id, "orderId": order_id, "shopId": shop_id, "cookedAt": cooked_at.to_string(),
            "message": format!("Order {order_id} of shop {shop_id} is ready."),
        }))
    }

    fn schema() -> ObjectBuilder {
        object("The announcement of a finished order.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("shopId", positive("The shop."))
            .property("cookedAt", date_time("When it was finished."))
            .property("message", text("The announcement."))
    }
}
