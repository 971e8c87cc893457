//! Fault injection: killed servers, full disks, broken connections.

mod commands;
mod frames;
mod inject;
mod proxy;

pub use commands::ServerCommand;
pub use proxy::{ProxyState, TcpProxy};
