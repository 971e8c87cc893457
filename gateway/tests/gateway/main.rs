//! The gateway between real clients and real services, all on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics when it fails, its fixtures too")]

mod bodies;
mod errors;
mod fixture;
mod forwarding;
mod health;
mod process;
mod shipped_routes;
mod streams;
