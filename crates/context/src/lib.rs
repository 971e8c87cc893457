//! What every context has: the process, a repository, projections, resources and live streams.
//!
//! | piece | purpose |
//! |---|---|
//! | [`main`], [`build`], [`Context`] | the process: settings, store, messaging, routes |
//! | [`Repository`] | the rows of a table: find, page, change under a lock |
//! | [`Projector`], [`Updater`] | apply the events of other contexts: to rows that they begin, to rows that exist |
//! | [`Resource`] | rows over HTTP: show, list, and their `OpenAPI` document |
//! | [`Effects`] | calls to external systems that a transaction decides on: at least once |
//! | [`Live`] | a row as a live stream, and requests that wait for a row |
//! | [`ServiceClient`] | another context, called over HTTP |
//! | [`saga`] | a transaction with other contexts that ends whole or compensated, and the requests that begin it |

mod batch;
mod document;
mod effects;
mod failure;
mod idempotency_keys;
mod list;
mod live;
mod process;
mod projector;
mod repository;
mod representation;
mod resource;
pub mod saga;
mod service_client;
mod updater;

pub use effects::{Effect, Effects};
pub use failure::{run_to_completion, store_problem};
pub use idempotency_keys::{read as idempotency_key, start_purging};
pub use list::{Filter, List};
pub use live::steps::{Position, StepLog, UnknownPosition};
pub use live::subscriptions::{Subscription, Subscriptions};
pub use live::versions::VersionVector;
pub use live::{Live, LiveLimits, Streamed, Versioned};
pub use process::{Config, Context, NoSettings, Parts, build, document, main, migrations};
pub use projector::Projector;
pub use repository::Repository;
pub use representation::{ConditionalLink, Representation};
pub use resource::{
    Change, Deletion, RequestDocument, Resource, Visibility, command, created, created_or, outcome_or, replacement,
    shown, shown_or,
};
pub use service_client::{CallSettings, ReceivedProblem, ServiceClient};
pub use updater::Updater;
