//! What every context has: the process, a repository, projections, resources and live streams.
//!
//! | piece | purpose |
//! |---|---|
//! | [`main`], [`build`], [`Context`] | the process: settings, store, messaging, routes |
//! | [`Repository`] | the rows of a table: find, page, change under a lock |
//! | [`Projector`] | applies the events of other contexts to rows |
//! | [`Resource`] | rows over HTTP: show, list, and their `OpenAPI` document |
//! | [`Effects`] | calls to external systems that a transaction decides on: at least once |
//! | [`Live`] | a row as a live stream, and requests that wait for a row |
//! | [`saga`] | a transaction with other contexts that ends whole or compensated |

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

pub use effects::{Effect, Effects};
pub use failure::store_problem;
pub use idempotency_keys::start_purging;
pub use list::{Filter, List};
pub use live::steps::{Position, StepLog, UnknownPosition};
pub use live::subscriptions::{Subscription, Subscriptions};
pub use live::versions::VersionVector;
pub use live::{Live, LiveLimits, Streamed, Versioned};
pub use process::{Config, Context, NoSettings, Parts, build, document, main};
pub use projector::Projector;
pub use repository::Repository;
pub use representation::Representation;
pub use resource::{Resource, Visibility, command, created, created_or};
