//! The plan of a fleet: the processes to start, and what they need before the start: keys, free ports, binaries.

pub mod args;
pub mod binaries;
mod draft;
mod fleet_plan;
pub mod keyring;
pub mod keys;
pub mod ports;
mod process_spec;
mod settings;
pub mod shell;

pub use crate::describe::role::Role;
pub use draft::{BROKER_PORT, PlanError};
pub use fleet_plan::Plan;
pub use process_spec::{ProcessSpec, Ready};
pub use settings::{Auth, Broker, Settings, Stores};

#[cfg(test)]
mod tests;
