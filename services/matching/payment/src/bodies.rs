//! What requests and answers carry.

use chassis::body::MAX_EXACT;
use chassis::openapi::number_or_digits;
use chassis::page::{Link, Listed, Page};
use payment_domain::{Bill, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::OneOfBuilder;

/// What another context asks payment to take or to give back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document: handlers read one field after the other")]
#[schema(example = json!({ "matchId": 5000, "attempt": 1, "price": 50000 }))]
pub(crate) struct BillRequest {
    #[schema(rename = "matchId", schema_with = match_id)]
    match_id: i64,
    #[schema(schema_with = attempt)]
    attempt: i64,
    #[schema(schema_with = price)]
    price: i64,
}

fn match_id() -> OneOfBuilder {
    number_or_digits("The match.", MAX_EXACT)
}

fn attempt() -> OneOfBuilder {
    number_or_digits("Which attempt at this match: later ones have greater numbers.", MAX_EXACT)
}

fn price() -> OneOfBuilder {
    number_or_digits("How much.", MAX_EXACT)
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "matchId": 5000, "paymentAction": "Approved" }))]
pub(crate) struct Settled {
    /// The match.
    #[schema(minimum = 1)]
    pub(crate) match_id: i64,
    pub(crate) payment_action: PaymentAction,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) enum PaymentAction {
    /// It is taken.
    Approved,
    /// It is given back.
    Canceled,
}

/// The payment of a match.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 5000, "matchId": 5000, "price": 50000, "paymentAction": "Approved",
    "_links": { "self": { "href": "/payments/5000" } },
}))]
pub(crate) struct Payment {
    /// The match.
    #[schema(minimum = 1)]
    id: i64,
    /// The match.
    #[schema(minimum = 1)]
    match_id: i64,
    /// How much.
    #[schema(minimum = 1)]
    price: i64,
    #[serde(rename = "paymentAction")]
    action: PaymentAction,
    #[serde(rename = "_links")]
    links: PaymentLinks,
}

#[derive(Debug, Serialize, ToSchema)]
struct PaymentLinks {
    /// The payment.
    #[serde(rename = "self")]
    this: Link,
}

impl Payment {
    pub(crate) fn new(payment: &payment_domain::Payment) -> Self {
        let Bill { match_id, price, .. } = payment.bill;
        let action = match payment.state {
            State::Approved => PaymentAction::Approved,
            // One that was cancelled before it was taken is not shown to anyone.
            State::Canceled | State::Void => PaymentAction::Canceled,
        };
        let links = PaymentLinks { this: Link::to(format!("/payments/{match_id}")) };
        Self { id: match_id, match_id, price, action, links }
    }
}

pub(crate) type PaymentList = Page<Payment>;

impl Listed for Payment {
    const PATH: &'static str = "/payments";
    const REL: &'static str = "payments";
}
