//! Chaos on a fleet of real processes: load and faults at the same time, and then the auditor.
//!
//! A fleet declares a [`Scenario`]: its operations with their documented responses, its actors, its stub and its auditor.
//! [`run`] is the program.
//!
//! | file | content |
//! |---|---|
//! | `scenario.rs` | the declaration of a fleet |
//! | `fault.rs`, `schedule.rs` | the kinds of faults, and their times: drawn by a seed |
//! | `injector.rs`, `server_commands.rs`, `hostile.rs`, `greedy.rs` | the injection and the reversal of faults |
//! | `load.rs`, `pace.rs` | the arrival of actors at a steady rate |
//! | `operation.rs`, `clients.rs`, `statistics.rs` | the responses, and whether they are documented |
//! | `execution.rs`, `timeline.rs`, `report.rs` | a run and its report |
//! | `args.rs`, `program.rs` | the program |

mod args;
mod clients;
mod execution;
mod fault;
mod greedy;
mod hostile;
mod injector;
mod load;
mod operation;
mod pace;
mod program;
mod report;
mod scenario;
mod schedule;
mod server_commands;
mod statistics;
mod timeline;

pub use fault::StubFault;
pub use load::{Decision, Load};
pub use program::run;
pub use scenario::{Consumers, GreedyRequests, SampleEvent, Scenario, Stub};
