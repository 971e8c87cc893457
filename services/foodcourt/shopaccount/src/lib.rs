//! The shopaccount context: the orders of a shop with both states and all times, and their totals. Fed by events alone.

mod document;
mod view;

use axum::Router;
use chassis::Tenancy;
use chassis::query::Values;
use context::{Context, Filter, List, Live, LiveLimits, Parts, Projector, Resource, Visibility};
use store::{Migrations, changes};
use utoipa_axum::router::OpenApiRouter;

pub use document::ViewDocument;
pub use view::{OrderView, ViewEvent};

const TENANCY: Tenancy = Tenancy { own: "customer", member: "shop", claim: "shopId", all: "operator" };

/// The orders, oldest first.
const OLDEST_FIRST: List<2> = List::new("true", ["ordered_at", "order_id"]).filtered_by(&[Filter {
    parameter: "shopId",
    column: "shop_id",
    values: Values::Positive,
    about: "The shop.",
}]);

/// The context.
pub struct ShopViews;

impl Context for ShopViews {
    const NAME: &'static str = "shopaccount";
    const ABOUT: &'static str = "The orders of a shop with both states and all times, and their totals, as it happens.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[changes::MIGRATIONS];

    type Settings = LiveLimits;
    type State = Live<OrderView>;

    fn handlers() -> OpenApiRouter<Live<OrderView>> {
        Resource::<ViewDocument, _>::new(Visibility::Tenants(TENANCY))
            .list("The orders with both states and all times, oldest first.", OLDEST_FIRST)
            .show_or_wait("All that is known of an order.")
            .follow_list("The live stream of the orders.", OLDEST_FIRST)
            .into_router()
    }

    fn start(parts: Parts<LiveLimits>) -> anyhow::Result<(Live<OrderView>, Router)> {
        let live = Live::new(parts.repository::<OrderView>(), &parts.host, &parts.settings);
        let projector = Projector::new(parts.repository::<OrderView>()).notifying(live.subscriptions());
        Ok((live, parts.consume(projector.numbering_changes())?))
    }
}
