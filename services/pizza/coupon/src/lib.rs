//! The coupon context: each delivered order has a coupon, which is taken back with a refund.
//!
//! The rules are in `coupon-domain`. `coupon_row.rs` maps coupons to rows and to JSON.

mod coupon_row;

use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, NoSettings, Parts, Projector, Repository, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use coupon_row::{CouponDocument, CouponRow};

/// A customer sees its own coupons, an operator all.
const READERS: Visibility = Visibility::Owned { own: "customer", all: "operator" };

/// The coupons in the order of their orders.
const COUPONS: List<1> = List::new("status <> ''", ["order_id"]).filtered_by(&[Filter {
    parameter: "orderId",
    column: "order_id",
    values: Values::Positive,
    about: "The order.",
}]);

/// The context.
pub struct Coupons;

impl Context for Coupons {
    const NAME: &'static str = "coupon";
    const ABOUT: &'static str = "Each delivered order has a coupon, which is taken back with a refund.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = Repository<CouponRow>;

    fn handlers() -> OpenApiRouter<Repository<CouponRow>> {
        Resource::<CouponDocument, _>::new(READERS)
            .list("The coupons in the order of their orders.", COUPONS)
            .show("The coupon of an order.")
            .into_router()
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(Repository<CouponRow>, Router)> {
        let coupons = parts.repository::<CouponRow>();
        Ok((coupons.clone(), parts.consume(Projector::new(coupons))?))
    }
}
