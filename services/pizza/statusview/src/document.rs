use ambient::Timestamp;
use chassis::openapi::{date_times, nullable, object, one_of, positive, text};
use context::{Representation, VersionVector, Versioned};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::view::{StatusView, Step};

/// The statuses of a part, in their order, each with its step.
type Statuses = &'static [(Step, &'static str)];

const ORDER: Statuses = &[
    (Step::Ordered, "ordered"),
    (Step::PaymentApproved, "paid"),
    (Step::DeliveryStarted, "deliveryStarted"),
    (Step::Delivered, "delivered"),
    (Step::OrderCanceled, "canceled"),
];
const PAYMENT: Statuses = &[(Step::PaymentApproved, "approved"), (Step::PaymentCanceled, "canceled")];
const DELIVERY: Statuses =
    &[(Step::DeliveryStarted, "started"), (Step::DeliveryCanceled, "canceled"), (Step::Delivered, "Finished")];
const RETURN: Statuses = &[
    (Step::DeliveryRefunded, "refunded"),
    (Step::DeliveryReturned, "returned"),
    (Step::RefundDeliveryCanceled, "refundCanceled"),
];
const COUPON: Statuses = &[(Step::CouponPublished, "published"), (Step::CouponRefunded, "couponRefunded")];
const REFUND: Statuses =
    &[(Step::Refunded, "refunded"), (Step::RefundCompleted, "returned"), (Step::RefundCanceled, "refundCanceled")];

/// All that is known of an order. Unknown parts are null.
pub struct StatusDocument;

impl Representation for StatusDocument {
    type Row = StatusView;
    const NAME: &'static str = "StatusView";
    const PATH: &'static str = "/statusviews";
    const REL: &'static str = "statusviews";
    const TITLE: &'static str = "view of order";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/statusviews/{id}"), ("events", "/statusviews/{id}/events")];

    fn of(view: &StatusView) -> Option<Value> {
        let refund = view.furthest(REFUND);
        let is_refunded = refund.is_some_and(|status| status != "refundCanceled");
        let order =
            view.furthest(ORDER).map(|order| if is_refunded && order != "canceled" { "refunded" } else { order });
        let at = |step| Some(json!(Timestamp::from_micros(view.current(step)?.time).to_string()));
        let steps = Step::ALL.into_iter().filter_map(|step| Some((step.name().to_owned(), at(step)?)));
        Some(json!({
            "id": view.order_id, "orderId": view.order_id, "pizzaId": view.pizza_id, "qty": view.qty, "price": view.price,
            "orderStatus": order, "paymentStatus": view.furthest(PAYMENT),
            "deliveryStatus": view.furthest(RETURN).or_else(|| view.furthest(DELIVERY)),
            "couponStatus": view.furthest(COUPON), "refundStatus": refund, "reason": view.reason,
            "steps": steps.collect::<Map<_, _>>(),
        }))
    }

    fn schema() -> ObjectBuilder {
        let status = |all: &[Statuses], more: &[&str]| {
            let names: Vec<&str> = all.iter().flat_map(|all| all.iter().map(|(_, name)| *name)).collect();
            nullable(one_of(&[&names, more].concat()))
        };
        object("All that is known of an order. Unknown parts are null.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("pizzaId", nullable(positive("The kind of pizza.")))
            .property("qty", nullable(positive("The number of pizzas.")))
            .property("price", nullable(positive("The price of all of them.")))
            .property("orderStatus", status(&[ORDER], &["refunded"]))
            .property("paymentStatus", status(&[PAYMENT], &[]))
            .property("deliveryStatus", status(&[DELIVERY, RETURN], &[]))
            .property("couponStatus", status(&[COUPON], &[]))
            .property("refundStatus", status(&[REFUND], &[]))
            .property("reason", nullable(text("The reason of the latest refund.")))
            .property("steps", date_times("The times of the known steps.", &Step::ALL.map(Step::name)))
    }
}

/// The numbers of all steps: none of them decreases.
impl Versioned for StatusDocument {
    fn version(view: &StatusView) -> VersionVector {
        VersionVector::new(Step::ALL.map(|step| view.occurrence(step).map_or(0, |known| known.number)))
    }
}
