//! The command of couriers: they report how far a delivery is.

use chassis::body::{Fields, required};
use chassis::openapi::{object, one_of};
use chassis::problem::Problem;
use context::Change;
use delivery_contract::DeliveryEvent;
use delivery_domain::{Delivery, NoSuchStep, Status};
use serde_json::json;

/// `PATCH` and `PUT` of `/deliveries/{id}`. The same status again changes nothing.
pub(crate) const REPORT: Change<Delivery, Status, DeliveryEvent> = Change {
    id: "reportDelivery",
    about: "Reports that a delivery has arrived, or that the return of a refunded one has arrived or is cancelled.",
    total: "deliveries_reported_total",
    schema: || {
        object("A change to a delivery.")
            .property("deliveryStatus", one_of(&Status::ALL.map(Status::name)))
            .required("deliveryStatus")
            .examples([json!({ "deliveryStatus": Status::Finished.name() })])
    },
    read: |fields: &Fields| {
        let name = required(fields.text("deliveryStatus", 100)?, "deliveryStatus")?;
        Status::named(name).ok_or_else(unknown_status)
    },
    apply: |to, delivery| delivery.report(to).map_err(no_such_step),
    problems: || {
        let step = NoSuchStep { from: Status::Canceled.name(), to: Status::Finished.name() };
        vec![unknown_status(), no_such_step(step)]
    },
};

fn unknown_status() -> Problem {
    let names = Status::ALL.map(Status::name).join(", ");
    Problem::unprocessable_field("deliveryStatus", format!("must be one of: {names}"))
}

fn no_such_step(rule: NoSuchStep) -> Problem {
    Problem::conflict(rule.to_string())
}
