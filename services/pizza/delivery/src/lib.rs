//! The delivery context: couriers deliver paid orders, and bring refunded ones back.
//!
//! The rules are in `delivery-domain`. `delivery_row.rs` maps deliveries to rows and to JSON, `report.rs` is the command of
//! couriers, `returns.rs` what refund calls.

mod delivery_row;
mod report;
mod returns;

use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, NoSettings, Parts, Projector, Repository, Resource, Visibility};
use delivery_domain::Status;
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use delivery_row::{DeliveryDocument, DeliveryRow};

/// Sees all deliveries, and reports how far they are.
const COURIER: &str = "courier";

/// Sees all deliveries.
const OPERATOR: &str = "operator";

/// The deliveries in the order of their orders.
const DELIVERIES: List<1> = List::new("status <> ''", ["order_id"]).filtered_by(&[Filter {
    parameter: "deliveryStatus",
    column: "status",
    values: Values::OneOf(&[
        Status::Started.name(),
        Status::Finished.name(),
        Status::Canceled.name(),
        Status::Refunded.name(),
        Status::Returned.name(),
        Status::RefundCanceled.name(),
    ]),
    about: "The status.",
}]);

/// The context.
pub struct Deliveries;

impl Context for Deliveries {
    const NAME: &'static str = "delivery";
    const ABOUT: &'static str = "Couriers deliver paid orders, and bring refunded ones back.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = Repository<DeliveryRow>;

    fn handlers() -> OpenApiRouter<Repository<DeliveryRow>> {
        let reports = Resource::<DeliveryDocument, _>::new(Visibility::Shared(&[COURIER])).change(&report::REPORT);
        Resource::<DeliveryDocument, _>::new(Visibility::Shared(&[COURIER, OPERATOR]))
            .list("The deliveries in the order of their orders.", DELIVERIES)
            .show("The delivery of an order.")
            .into_router()
            .merge(reports.into_router())
            .merge(returns::handlers())
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(Repository<DeliveryRow>, Router)> {
        metrics::describe_counter!(report::REPORT.total, "Reports of couriers that have changed a delivery");
        let deliveries = parts.repository::<DeliveryRow>();
        Ok((deliveries.clone(), parts.consume(Projector::new(deliveries))?))
    }
}
