//! The gateway between real clients and real services, all on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics when it fails, its fixtures too")]

mod bodies;
mod compression;
mod documentation;
mod errors;
mod fixture;
mod forwarding;
mod garbage;
mod grpc;
mod health;
mod https;
mod identity;
mod keycloak;
mod overload;
mod process;
mod rates;
mod recorder;
mod reloading;
mod replicas;
mod shipped_routes;
mod smuggling;
mod streams;
