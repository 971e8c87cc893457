//! A fleet in one process, on simulated time, network, broker and stores. A seed repeats a run exactly.
//!
//! The services run unchanged: the simulation calls their `build` functions with its own edges in the settings.
//!
//! | edge | simulated by |
//! |---|---|
//! | time | the paused clock of tokio: a minute takes a fraction of a second |
//! | stores | real `SQLite` files, behind a driver that delays and rejects statements, loses their results, or kills the process |
//! | broker | [`Log`]: topics in memory, with consumer groups that are rebalanced, and late or repeated delivery |
//! | network | [`World::call`]: requests to routers, lost, late, or executed without a response |
//! | processes | [`World::run`]: killed at any await, and restarted on their committed state |
//!
//! A fleet declares a [`Scenario`]. A [`run`] starts its processes, actors and faults; then all faults end, and the laws of
//! the auditor must hold. A [`search`] makes many runs. A [`Mutation`] breaks one rule at an edge, to show that the
//! simulation would find the mistake.

mod assertions;
mod broker;
mod clients;
mod faults;
mod mutant;
mod mutation;
mod network;
mod oracles;
mod outages;
mod placement;
mod process;
mod program;
mod risks;
mod run;
mod running;
mod scenario;
mod search;
mod simulate;
mod sqlite;
mod trace;
mod world;

pub use assertions::{assert_finds, assert_laws_hold, assert_repeats};
pub use broker::log::Log;
pub use clients::Clients;
pub use mutant::Mutant;
pub use mutation::Mutation;
pub use network::{CallFailure, Response};
pub use placement::Placement;
pub use process::{Build, Process};
pub use program::run_program;
pub use risks::Risks;
pub use run::{Outcome, run};
pub use scenario::Scenario;
pub use search::{Failure, search};
pub use simulate::simulate;
pub use trace::TraceLine;
pub use world::World;
