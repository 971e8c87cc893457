//! The cook context: the kitchens of the shops take orders, finish them, and decide about cancellations.
//!
//! The rules are in `cook-domain`. `document.rs` has an order in its kitchen as JSON, `steps.rs` the commands of shops,
//! `cancellations.rs` what the order context calls.

mod cancellations;
mod document;
mod roles;
mod rows;
mod steps;

use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, NoSettings, Parts, Projector, Repository, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use document::KitchenOrderDocument;
use roles::TENANCY;
pub use rows::CookRow;

/// The orders that kitchens show, oldest first.
const OLDEST_FIRST: List<2> = List::new("status <> 'cancel' AND ordered_at IS NOT NULL", ["ordered_at", "order_id"])
    .filtered_by(&[Filter { parameter: "shopId", column: "shop_id", values: Values::Positive, about: "The shop." }]);

/// The context.
pub struct Cooks;

impl Context for Cooks {
    const NAME: &'static str = "cook";
    const ABOUT: &'static str = "Kitchens take orders, finish them, and decide about cancellations.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = Repository<CookRow>;

    fn handlers() -> OpenApiRouter<Repository<CookRow>> {
        Resource::<KitchenOrderDocument, _>::new(Visibility::Tenants(TENANCY))
            .list("The orders in the kitchens, oldest first.", OLDEST_FIRST)
            .show("An order in its kitchen.")
            .into_router()
            .merge(steps::handlers())
            .merge(cancellations::handlers())
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(Repository<CookRow>, Router)> {
        metrics::describe_counter!(steps::TOTAL, "Orders taken or finished by kitchens");
        let orders = parts.repository::<CookRow>();
        let projector = Projector::new(orders.clone());
        Ok((orders, parts.consume(projector)?))
    }
}
