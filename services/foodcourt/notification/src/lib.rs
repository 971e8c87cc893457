//! The notification context: the board announces finished orders. Fed by events alone.

mod alarm;

use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, Live, LiveLimits, Parts, Projector, Resource, Visibility};
use store::{Migrations, changes};
use utoipa_axum::router::OpenApiRouter;

pub use alarm::{Alarm, AlarmDocument, AlarmEvent};

/// The finished orders, newest first.
const NEWEST_FIRST: List<2> = List::new("true", ["cooked_at", "order_id"]).newest_first().filtered_by(&[Filter {
    parameter: "shopId",
    column: "shop_id",
    values: Values::Positive,
    about: "The shop.",
}]);

/// The context.
pub struct Alarms;

impl Context for Alarms {
    const NAME: &'static str = "notification";
    const ABOUT: &'static str = "The board announces finished orders, as it happens.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[changes::MIGRATIONS];

    type Settings = LiveLimits;
    type State = Live<Alarm>;

    fn handlers() -> OpenApiRouter<Live<Alarm>> {
        Resource::<AlarmDocument, _>::new(Visibility::Shared(&["board", "operator"]))
            .list("The finished orders, newest first.", NEWEST_FIRST)
            .show_or_wait("The announcement of an order.")
            .follow_list("The live stream of the finished orders.", NEWEST_FIRST)
            .into_router()
    }

    fn start(parts: Parts<LiveLimits>) -> anyhow::Result<(Live<Alarm>, Router)> {
        let live = Live::new(parts.repository::<Alarm>(), &parts.host, &parts.settings);
        let projector = Projector::new(parts.repository::<Alarm>()).notifying(live.subscriptions());
        Ok((live, parts.consume(projector.numbering_changes())?))
    }
}
