//! The document of a refund, and its request.

use ambient::Subject;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{number_or_digits, object, one_of, positive, text, text_like};
use chassis::problem::Problem;
use context::saga::Refusal;
use context::{Representation, RequestDocument};
use refund_contract::RefundStep;
use refund_domain::{InvalidReason, Offer, Reason, Refund};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::refund_row::RefundRow;
use crate::saga::REFUND_DECLINED;

/// The latest refund of an order that delivery has agreed to.
pub struct RefundDocument;

impl Representation for RefundDocument {
    type Row = RefundRow;
    const NAME: &'static str = "Refund";
    const PATH: &'static str = "/refunds";
    const REL: &'static str = "refunds";
    const TITLE: &'static str = "refund of order";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/refunds/{id}")];

    fn of(state: &Refund) -> Option<Value> {
        let (step, reason) = state.visible()?;
        let order_id = state.attempt().order_id.get();
        Some(json!({ "id": order_id, "orderId": order_id, "reason": reason.as_str(), "refundStatus": step.name() }))
    }

    fn schema() -> ObjectBuilder {
        let status = "refunded: the return is under way. returned: it has arrived, and the price is paid back.";
        object("The latest refund of an order.")
            .property("id", positive("The order."))
            .property("orderId", positive("The order."))
            .property("reason", text("The reason."))
            .property("refundStatus", one_of(&RefundStep::ALL.map(RefundStep::name)).description(Some(status)))
    }
}

/// `POST /refunds`.
pub(crate) const REQUEST: RequestDocument<Offer> = RequestDocument {
    id: "requestRefund",
    about: "Requests the refund of a delivered order. Delivery must agree.",
    id_field: "orderId",
    schema: request_schema,
    read: read_request,
    problems: || REFUND_DECLINED.iter().map(Refusal::example).chain([invalid_reason(InvalidReason)]).collect(),
};

fn read_request(fields: &Fields, customer: Option<Subject>) -> Result<Offer, Problem> {
    // The id of the request is that of the order: it is not drawn.
    required(fields.positive("orderId")?, "orderId")?;
    let reason = required(fields.text("reason", Reason::MAX_CHARS)?, "reason")?;
    Ok(Offer { reason: Reason::new(reason).map_err(invalid_reason)?, customer })
}

fn invalid_reason(rule: InvalidReason) -> Problem {
    Problem::unprocessable_field("reason", rule.to_string())
}

fn request_schema() -> ObjectBuilder {
    let reason = text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", Reason::MAX_CHARS);
    object("The request of a refund.")
        .property("orderId", number_or_digits("The order.", MAX_EXACT))
        .property("reason", reason.description(Some("Why: more than blanks.")))
        .required("orderId")
        .required("reason")
        .examples([json!({ "orderId": 1, "reason": "delivery error" })])
}
