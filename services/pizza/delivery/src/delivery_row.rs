use chassis::openapi::{object, one_of, positive};
use context::Representation;
use delivery_domain::{Delivery, Parcel, Status};
use serde_json::{Value, json};
use store::Row;
use store::sqlx::Error;
use utoipa::openapi::schema::ObjectBuilder;

/// A row of `deliveries`.
#[derive(Debug, Row)]
#[row(table = "deliveries", key = "order_id", owner = "customer", state = "Delivery")]
pub struct DeliveryRow {
    order_id: i64,
    attempt: i64,
    pizza_id: Option<i64>,
    qty: Option<i64>,
    customer: Option<String>,
    paid: bool,
    canceled: bool,
    status: String,
    refund: i64,
    withdrawn: i64,
}

impl From<Delivery> for DeliveryRow {
    fn from(delivery: Delivery) -> Self {
        let Delivery { order_id, attempt, parcel, is_paid, is_canceled, status, refund, withdrawn } = delivery;
        let customer = parcel.as_ref().and_then(|parcel| parcel.customer.clone());
        let (pizza_id, qty) = parcel.map(|parcel| (parcel.pizza_id, parcel.qty)).unzip();
        let status = status.map_or("", Status::name).to_owned();
        let (paid, canceled) = (is_paid, is_canceled);
        Self { order_id, attempt, pizza_id, qty, customer, paid, canceled, status, refund, withdrawn }
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Self, Error> {
        let DeliveryRow { order_id, attempt, pizza_id, qty, customer, paid, canceled, status, refund, withdrawn } = row;
        let parcel = pizza_id.zip(qty).map(|(pizza_id, qty)| Parcel { pizza_id, qty, customer });
        let unknown = || Error::Decode(format!("{status:?} is no status of a delivery").into());
        let status = Some(status.as_str()).filter(|status| !status.is_empty());
        let status = status.map(|name| Status::named(name).ok_or_else(unknown)).transpose()?;
        let (is_paid, is_canceled) = (paid, canceled);
        Ok(Self { order_id, attempt, parcel, is_paid, is_canceled, status, refund, withdrawn })
    }
}

/// The delivery of an order. One that has not started has no document.
pub struct DeliveryDocument;

impl Representation for DeliveryDocument {
    type Row = DeliveryRow;
    const NAME: &'static str = "Delivery";
    const PATH: &'static str = "/deliveries";
    const REL: &'static str = "deliveries";
    const TITLE: &'static str = "delivery of order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/deliveries/{id}")];

    fn plural() -> String {
        "Deliveries".to_owned()
    }

    fn of(delivery: &Delivery) -> Option<Value> {
        let (status, parcel) = delivery.status.zip(delivery.parcel.as_ref())?;
        Some(json!({
            "id": delivery.order_id, "orderId": delivery.order_id, "pizzaId": parcel.pizza_id, "qty": parcel.qty,
            "deliveryStatus": status.name(),
        }))
    }

    fn schema() -> ObjectBuilder {
        object("The delivery of an order.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("pizzaId", positive("The kind of pizza."))
            .property("qty", positive("The number of pizzas."))
            .property("deliveryStatus", one_of(&Status::ALL.map(Status::name)))
    }
}
