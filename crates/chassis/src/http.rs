//! HTTP: connections, the router, extractors and responses.

pub(crate) mod allowed_hosts;
pub mod authority;
pub mod body;
pub mod conditional;
pub(crate) mod connection;
pub(crate) mod connection_limit;
pub(crate) mod cross_origin;
pub(crate) mod handshake;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod media_types;
pub(crate) mod number;
pub mod page;
mod parse_errors;
pub(crate) mod path_id;
pub mod problem;
pub mod query;
mod request_body;
pub(crate) mod router;
pub(crate) mod server;
pub(crate) mod share;
mod unread;
