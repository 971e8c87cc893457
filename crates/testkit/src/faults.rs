//! Fault injection: killed servers, full disks, broken connections.

mod commands;
mod frames;
mod inject;
mod proxy;

pub use commands::Order;
pub use proxy::{Flow, Wire};
