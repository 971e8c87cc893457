//! The gateway between real clients and real services, on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics when it fails, its fixtures too")]

mod access;
mod bodies;
mod compression;
mod documentation;
mod errors;
mod fixture;
mod forwarding;
mod garbage;
mod greedy;
mod grpc;
mod health;
mod https;
mod identity;
mod keycloak;
mod keys;
mod overload;
mod process;
mod rates;
mod recorder;
mod reloading;
mod replicas;
mod resets;
mod shipped_routes;
mod smuggling;
mod streams;
