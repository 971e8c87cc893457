//! The way to the services: routes in use, replicas, connections, retries.

pub mod client;
pub mod exchange;
pub mod grpc;
pub mod metrics;
pub mod replicas;
pub mod route;
