//! The statusview context: what is known of an order and all that belongs to it. Fed by events alone.

mod document;
mod view;

use axum::Router;
use context::{Context, List, Live, LiveLimits, Parts, Projector, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use document::StatusDocument;
pub use view::{Occurrence, StatusView, Step, ViewEvent};

/// The context.
pub struct StatusViews;

impl Context for StatusViews {
    const NAME: &'static str = "statusview";
    const ABOUT: &'static str = "What is known of an order, its payment, delivery, coupon and refund, as it happens.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = LiveLimits;
    type State = Live<StatusView>;

    fn handlers() -> OpenApiRouter<Live<StatusView>> {
        Resource::<StatusDocument, _>::new(Visibility::Owned { own: "customer", all: "operator" })
            .list("The views in the order of their orders.", List::new("true", ["order_id"]))
            .show_or_wait("The view of an order.")
            .follow_versions("The live stream of a view.")
            .into_router()
    }

    fn start(parts: Parts<LiveLimits>) -> anyhow::Result<(Live<StatusView>, Router)> {
        let live = Live::new(parts.repository::<StatusView>(), &parts.host, &parts.settings);
        let projector = Projector::new(parts.repository::<StatusView>()).notifying(live.subscriptions());
        Ok((live, parts.consume(projector)?))
    }
}
