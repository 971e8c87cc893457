//! The document of an order, its request, and its cancellation.

use ambient::{Positive, Subject};
use axum::http::StatusCode;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{nullable, number_or_digits, object, one_of, or_null, positive};
use chassis::problem::Problem;
use context::{Change, ConditionalLink, Representation, RequestDocument, Visibility};
use pizza_order_contract::OrderEvent;
use pizza_order_domain::{
    AlreadyDelivered, CouponState, DeliveryState, InvalidQuantity, Offer, Order, PaymentState, Pizza, Quantity, Status,
};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::order_row::OrderRow;
use crate::saga::PAYMENT_DECLINED;

/// A customer orders, and sees and cancels its own orders. An operator sees all.
pub(crate) const READERS: Visibility = Visibility::Owned { own: "customer", all: "operator" };

/// The only change that is possible.
const CANCEL_WORD: &str = "cancel";

/// An order. It is paid; its status shows how far it is.
pub struct OrderDocument;

impl Representation for OrderDocument {
    type Row = OrderRow;
    const NAME: &'static str = "Order";
    const PATH: &'static str = "/orders";
    const REL: &'static str = "orders";
    const TITLE: &'static str = "order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/orders/{id}")];
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] = &[("cancel", "/orders/{id}", |state| {
        state.established().is_some_and(|order| !order.progress.is_canceled && !order.progress.is_delivered())
    })];

    fn of(state: &Order) -> Option<Value> {
        let established = state.established()?;
        let (attempt, progress) = (&established.attempt, established.progress);
        let (id, pizza_id, price) = (attempt.id.get(), attempt.pizza_id.get(), attempt.price.get());
        Some(json!({
            "id": id, "orderId": id, "pizzaId": pizza_id, "qty": attempt.qty.get(), "price": price,
            "status": progress.status().name(), "paymentStatus": progress.payment.map(PaymentState::name),
            "deliveryStatus": progress.delivery.map(DeliveryState::name),
            "couponStatus": progress.coupon.map(|coupon| coupon.state.name()),
        }))
    }

    fn schema() -> ObjectBuilder {
        let status = one_of(&Status::ALL.map(Status::name)).description(Some("How far it is."));
        object("An order. It is paid; its status shows how far it is.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("pizzaId", positive("The kind of pizza."))
            .property("qty", positive("The number of pizzas."))
            .property("price", positive("The price of all of them."))
            .property("status", status)
            .property("paymentStatus", nullable(one_of(&PaymentState::ALL.map(PaymentState::name))))
            .property("deliveryStatus", nullable(one_of(&DeliveryState::ALL.map(DeliveryState::name))))
            .property("couponStatus", nullable(one_of(&CouponState::ALL.map(CouponState::name))))
    }
}

/// `POST /orders`.
pub(crate) const REQUEST: RequestDocument<Offer> = RequestDocument {
    id: "requestOrder",
    about: "Orders pizzas and pays for them. An unpaid order is never established.",
    id_field: "id",
    schema: request_schema,
    read: read_request,
    problems: || {
        let invalid = Problem::unprocessable_field("qty", InvalidQuantity.to_string());
        vec![PAYMENT_DECLINED.example(), unknown_pizza(7), invalid]
    },
};

fn read_request(fields: &Fields, customer: Option<Subject>) -> Result<Offer, Problem> {
    let pizza_id = required(fields.positive("pizzaId")?, "pizzaId")?;
    let qty = required(fields.whole_number("qty", 1..=Quantity::MAX)?, "qty")?;
    let qty = Quantity::new(qty).map_err(|rule| Problem::unprocessable_field("qty", rule.to_string()))?;
    let pizza = Pizza::with_id(pizza_id).ok_or_else(|| unknown_pizza(pizza_id.get()))?;
    let price = Positive::new(pizza.price * qty.get());
    let price = price.map_err(|rule| Problem::unprocessable_field("qty", rule.to_string()))?;
    Ok(Offer { pizza_id, qty, price, customer })
}

fn unknown_pizza(id: i64) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "pizza-unknown", "There is no such pizza")
        .detail(format!("pizzaId: there is no pizza {id}; /pizzas has all kinds"))
}

fn request_schema() -> ObjectBuilder {
    object("An order of pizzas.")
        .property("id", or_null(number_or_digits("The order. Without it, an id is assigned.", MAX_EXACT)))
        .property("pizzaId", number_or_digits("The kind of pizza.", MAX_EXACT))
        .property("qty", number_or_digits("The number of pizzas.", Quantity::MAX))
        .required("pizzaId")
        .required("qty")
        .examples([json!({ "pizzaId": 10, "qty": 1 })])
}

/// `PATCH` and `PUT` of `/orders/{id}`. Idempotent.
pub(crate) const CANCEL: Change<Order, (), OrderEvent> = Change {
    id: "cancelOrder",
    about: "Cancels an order before it is delivered: its delivery is stopped, and its price paid back. Idempotent.",
    total: "orders_canceled_total",
    schema: || {
        object("A change to an order.")
            .property("status", one_of(&[CANCEL_WORD]))
            .required("status")
            .examples([json!({ "status": CANCEL_WORD })])
    },
    read: read_change,
    apply: |(), state| match state {
        Order::Established(established) => Ok(established.cancel().map_err(delivered)?.map(OrderEvent::from)),
        _ => Ok(None),
    },
    problems: || vec![no_such_change(), delivered(AlreadyDelivered)],
};

fn read_change(fields: &Fields) -> Result<(), Problem> {
    if required(fields.text("status", 100)?, "status")? == CANCEL_WORD { Ok(()) } else { Err(no_such_change()) }
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"cancel\": that is all that can be changed")
}

fn delivered(rule: AlreadyDelivered) -> Problem {
    Problem::conflict(rule.to_string())
}
