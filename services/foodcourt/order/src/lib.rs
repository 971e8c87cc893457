//! The order context: menus, and orders of customers, which may be cancelled until the kitchen takes them.
//!
//! | file | content |
//! |---|---|
//! | `foodcourt-order-domain` | the rules, as pure functions |
//! | `rows.rs`, `store.rs` | the tables; orders with their events in one statement |
//! | `saga.rs` | the saga of a cancellation, whose participant is the kitchen |
//! | `state.rs` | the state of the handlers, and the roles |
//! | `orders.rs`, `cancel.rs`, `menus.rs` | inbound: the commands of customers and shops |
//! | `documents.rs` | orders and dishes as JSON |

mod cancel;
mod documents;
mod menus;
mod orders;
mod rows;
mod saga;
mod state;
mod store;

use ::store::{Migrations, idempotency};
use axum::Router;
use chassis::query::Values;
use context::saga::SagaSettings;
use context::{Context, Filter, List, Parts, Resource, Updater, Visibility};
use utoipa_axum::router::OpenApiRouter;

pub use documents::{Dish, OrderDocument};
pub use rows::{CancellationRow, CookedRow, DishRow, OrderRow};
pub use saga::{CancelSaga, Kitchen};
pub use state::OrderState;
use state::{CUSTOMER, OPERATOR, SHOP, TENANCY};
pub use store::{NotPlaced, OrderStore};

/// The parameter of both lists.
const OF_SHOP: &[Filter] =
    &[Filter { parameter: "shopId", column: "shop_id", values: Values::Positive, about: "The shop." }];

/// The context.
pub struct Orders;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of cook
    #[arg(long, env = "COOK_URL", default_value = "http://127.0.0.1:8082")]
    pub cook_url: String,
}

impl Context for Orders {
    const NAME: &'static str = "order";
    const ABOUT: &'static str = "Menus, and orders of customers, which may be cancelled until the kitchen takes them.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = OrderState;

    fn handlers() -> OpenApiRouter<OrderState> {
        let dishes = List::new("true", ["shop_id", "menu_id"]).filtered_by(OF_SHOP);
        let menus = Resource::<Dish, _>::new(Visibility::Shared(&[CUSTOMER, SHOP, "board", OPERATOR]))
            .list("The dishes of the menus, in the order of their shops.", dishes);
        Resource::<OrderDocument, _>::new(Visibility::Tenants(TENANCY))
            .list("The orders in the order of their ids.", List::new("true", ["order_id"]).filtered_by(OF_SHOP))
            .show("An order.")
            .post("placeOrder", orders::ABOUT, orders::request(), orders::responses(), orders::place)
            .into_router()
            .merge(orders::handlers())
            .merge(cancel::handlers())
            .merge(menus.into_router())
            .merge(menus::handlers())
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(OrderState, Router)> {
        metrics::describe_counter!(store::ORDERED_TOTAL, "Orders placed by customers");
        let Settings { saga, cook_url } = parts.settings.clone();
        let kitchen = Kitchen(parts.client("cook", &cook_url, &saga.calls)?);
        let cancellations = parts.requests(vec![kitchen], &saga)?;
        let (store, host) = (OrderStore::new(&parts), parts.host.clone());
        let cooked = Updater::new(parts.repository::<CookedRow>());
        Ok((OrderState { store, cancellations, host }, parts.consume(cooked)?))
    }
}
