//! A context's own store.
//!
//! The URL chooses it: `postgres://…` or `sqlite:…`. The services speak one SQL, the subset that both understand, through
//! [`sqlx::Any`]. What only one of them can do lives in this crate and nowhere else. Ids and times are BIGINT
//! (microseconds since 1970, UTC), booleans are BIGINT 0 or 1: see `docs/decisions/0003-one-sql-two-stores.md`.

mod address;
mod config;
mod dialect;
mod failure;
pub mod idempotency;
mod lead;
mod migrate;
mod open;
mod page;
mod table;
mod wake;

pub use config::Config;
pub use dialect::{Column, Dialect, incoming};
pub use failure::{OpenError, is_transient, problem};
pub use lead::{Lead, Session};
pub use migrate::Migrations;
pub use open::{Store, Tx, create_database, install_drivers, use_drivers};
pub use page::Page;
pub use table::Table;
pub use wake::Wake;

/// Re-exported so that services name one version of it.
pub use sqlx;
