//! The `flotilla` command as a library: a fleet from its description to its running processes.
//!
//! The folders depend on each other in this order:
//! - `describe`: what a fleet consists of ([`fleets`]); the crate [`manifest`] reads its declaration.
//! - [`plan`]: the exact processes to start, their keys, ports and binaries.
//! - `output`: what a user sees ([`screen`]).
//! - `supervise`: one process ([`process`]) and the supervision of all of them.
//! - `commands`: one file for each command. [`up`] starts a fleet; the others reach a running one over HTTP and through
//!   its broker, or run programs that check or measure it ([`checks`]).

mod commands;
mod describe;
mod output;
pub mod plan;
mod supervise;

pub use ::manifest;
pub use commands::{checks, events as tail, fleet_client, list, rebuild, redrive, status, token, up};
pub use describe::fleets;
pub use manifest::template;
pub use output::screen;
pub use plan::{args, binaries, keyring, keys, shell};
pub use supervise::{folder, pid_file, process, ready, stop};
