//! The circuit breaker: asks no more where asking has not helped of late.
//!
//! Three small parts. [`Rules`] and the policy say when calls are let through: a state machine without clock, lock or
//! async. The gate puts it behind a lock, gives it the time, and tells of its changes. [`Breaker`] is the tower
//! service that asks the gate before each call and tells it how the call went.

mod gate;
mod policy;
#[cfg(test)]
mod policy_model;
#[cfg(test)]
mod policy_tests;
mod service;
mod window;

pub use policy::Rules;
pub use service::{Breaker, BreakerLayer};
