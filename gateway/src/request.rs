//! What is checked and prepared before a request is forwarded: authentication, limits, headers, body.

pub mod access;
pub mod authenticator;
pub mod body;
pub mod buffering;
pub mod cancellations;
pub mod client_id;
pub mod error;
pub mod headers;
pub mod identity_provider;
pub mod pool;
pub mod rate_limit;
