//! The circuit breaker: rejects calls while recent ones have failed.
//!
//! [`Rules`] and the policy decide: a state machine without clock, lock or async. `locked_policy` puts it behind a
//! lock, passes the time, and logs its changes. [`Breaker`] is the tower service: it acquires a permit before each call
//! and records the result.

mod locked_policy;
mod policy;
#[cfg(test)]
mod policy_model;
#[cfg(test)]
mod policy_tests;
mod service;
mod window;

pub use policy::Rules;
pub use service::{Breaker, BreakerLayer};
