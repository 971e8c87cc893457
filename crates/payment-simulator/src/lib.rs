//! A payment provider that takes no money, with delays, declines and failures, and faults of the whole process.
//!
//! **For demonstrations and tests only.** It is a package of its own, so that no binary has it by accident: only those whose
//! name ends with `-simulator` depend on it.

mod process_fault;
mod profile;
mod settings;
mod simulator;
mod watch;

pub use process_fault::{Kind as ProcessFaultKind, ProcessFault};
pub use profile::Profile;
pub use settings::SimulatorSettings;
pub use simulator::Simulator;
