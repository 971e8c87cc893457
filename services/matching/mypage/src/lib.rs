//! The mypage context: what a student sees of a match, as it happens. Fed by events alone.

mod document;
mod page;

use axum::Router;
use context::{Context, List, Live, LiveLimits, Parts, Projector, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use document::PageDocument;
pub use page::{MyPage, PageEvent};

/// The context.
pub struct MyPages;

impl Context for MyPages {
    const NAME: &'static str = "mypage";
    const ABOUT: &'static str = "What a student sees of a match, and as it happens.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const RENAMED: &'static [(&'static str, &'static str)] =
        &[("MYPAGE_STREAMS", "LIVE_STREAMS"), ("MYPAGE_WAIT", "LIVE_WAIT"), ("MYPAGE_WAITING", "LIVE_WAITING")];

    type Settings = LiveLimits;
    type State = Live<MyPage>;

    fn handlers() -> OpenApiRouter<Live<MyPage>> {
        Resource::<PageDocument, _>::new(Visibility::Owned { own: "student", all: "operator" })
            .list("The pages in the order of their matches.", List::new("true", ["id"]))
            .show_or_wait("The page of a match.")
            .follow("The live stream of a page.")
            .into_router()
    }

    fn start(parts: Parts<LiveLimits>) -> anyhow::Result<(Live<MyPage>, Router)> {
        let live = Live::new(parts.repository::<MyPage>(), &parts.host, &parts.settings);
        let projector = Projector::new(parts.repository::<MyPage>()).notifying(live.subscriptions());
        Ok((live, parts.consume(projector)?))
    }
}
