//! The driver of the stores: `SQLite`, with simulated time and faults at each statement.

pub(crate) mod connection;
pub(crate) mod driver;
pub(crate) mod statement;
pub(crate) mod tag;
