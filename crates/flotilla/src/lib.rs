//! The `flotilla` command as a library: a fleet from its description to its running processes.
//!
//! [`manifest`] and [`fleets`] say what a fleet is made of, [`plan`] says exactly what to start for it, and
//! [`process`] starts and stops one process: tests use these on their own. [`up`] does all of it for a user.

pub mod args;
pub mod binaries;
pub mod crew;
pub mod fleets;
pub mod folder;
pub mod leftovers;
pub mod manifest;
pub mod member;
pub mod pids;
pub mod plan;
pub mod ports;
pub mod process;
pub mod ready;
pub mod restarts;
pub mod screen;
pub mod stop;
pub mod template;
pub mod up;
