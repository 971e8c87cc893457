//! The store of a context: `PostgreSQL` or `SQLite`.
//!
//! The URL selects it: `postgres://…` or `sqlite:…`. Services use the common subset of SQL through [`sqlx::Any`]; all
//! that is specific to one store is in this crate. Ids and times are BIGINT (microseconds since 1970, UTC), booleans
//! are BIGINT 0 or 1: see `docs/decisions/0003-one-sql-two-stores.md`.

mod address;
pub mod changes;
mod column_value;
mod config;
mod dialect;
mod error;
pub mod idempotency;
mod leadership;
mod migrate;
mod open;
mod page;
mod row;
mod sqlite_file;
mod table;
mod wake;

pub use column_value::{ColumnValue, Json, read_column};
pub use config::Config;
pub use dialect::{Column, Dialect, incoming};
pub use error::{OpenError, is_transient};
pub use leadership::{Leadership, Session};
pub use migrate::Migrations;
pub use open::{Store, Tx, create_database, install_drivers, use_drivers};
pub use page::Page;
pub use row::Row;
pub use sqlite_file::{driver_url, file_url};
pub use table::Table;
pub use wake::Wake;

pub use store_derive::Row;

/// For the derive.
#[doc(hidden)]
pub use serde;

/// Re-exported so that all services use one version.
pub use sqlx;
