//! The table of commands and queries, row by row, through the gateway.

pub mod lists;
pub mod refusals;
pub mod requests;
pub mod visits;
