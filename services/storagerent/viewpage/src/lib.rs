//! The viewpage context: what is known of a room, its reservation, its payment and its reviews. Fed by events alone.

mod document;
mod page;

use axum::Router;
use context::{Context, List, Live, LiveLimits, Parts, Projector, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use document::PageDocument;
pub use page::{PageEvent, StorageView};

/// The context.
pub struct StorageViews;

impl Context for StorageViews {
    const NAME: &'static str = "viewpage";
    const ABOUT: &'static str = "What is known of a room, its reservation, its payment and its reviews, as it happens.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = LiveLimits;
    type State = Live<StorageView>;

    fn handlers() -> OpenApiRouter<Live<StorageView>> {
        Resource::<PageDocument, _>::new(Visibility::Shared(&["customer", "manager"]))
            .list("The pages in the order of their rooms.", List::new("true", ["storage_id"]))
            .show_or_wait("The page of a room.")
            .follow_versions("The live stream of a page.")
            .into_router()
    }

    fn start(parts: Parts<LiveLimits>) -> anyhow::Result<(Live<StorageView>, Router)> {
        let live = Live::new(parts.repository::<StorageView>(), &parts.host, &parts.settings);
        let projector = Projector::new(parts.repository::<StorageView>()).notifying(live.subscriptions());
        Ok((live, parts.consume(projector)?))
    }
}
