use std::marker::PhantomData;

use chassis::openapi::{object, one_of, positive};
use context::Representation;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::payable::Payable;
use crate::row::PaymentRow;
use crate::rules::State;

/// The states as clients see them.
pub(crate) const APPROVED: &str = "Approved";
pub(crate) const CANCELED: &str = "Canceled";

/// A payment over HTTP. One that was cancelled before it was approved has no document.
pub struct PaymentDocument<P>(PhantomData<fn() -> P>);

impl<P: Payable> Representation for PaymentDocument<P> {
    type Row = PaymentRow<P>;
    const NAME: &'static str = "Payment";
    const PATH: &'static str = "/payments";
    const REL: &'static str = "payments";
    const TITLE: &'static str = P::TITLE;
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/payments/{id}")];

    fn of(row: &PaymentRow<P>) -> Option<Value> {
        let bill = row.payment.bill;
        let action = match row.payment.state {
            State::Approved => APPROVED,
            State::Canceled => CANCELED,
            State::Void => return None,
        };
        let fields = [
            ("id", json!(bill.key)),
            (P::KEY_FIELD, json!(bill.key)),
            ("price", json!(bill.price)),
            ("paymentAction", json!(action)),
        ];
        Some(Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))).into())
    }

    fn schema() -> ObjectBuilder {
        let key = format!("The {}.", P::NAME);
        object(&format!("The payment of a {}.", P::NAME))
            .property("id", positive(&key))
            .property(P::KEY_FIELD, positive(&key))
            .property("price", positive("The amount."))
            .property("paymentAction", action())
    }
}

/// The schema of the state.
pub(crate) fn action() -> ObjectBuilder {
    let about = "Approved: the money is taken. Canceled: it is paid back, or was never taken.";
    one_of(&[APPROVED, CANCELED]).description(Some(about))
}
