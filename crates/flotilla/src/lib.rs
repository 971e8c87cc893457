//! The `flotilla` command as a library: a fleet from its description to its running processes.
//!
//! [`manifest`] and [`fleets`] say what a fleet is made of, [`plan`] says exactly what to start for it, and
//! [`process`] starts and stops one process: tests use these on their own. [`up`] does all of it for a user.
//!
//! The other commands ask a fleet that runs, which [`running`] reaches over HTTP and through its broker: [`status`],
//! [`tail`] (`flotilla events`), [`redrive`] and [`rebuild`]. Who asks is what [`keyring`], [`keys`] and [`token`] are about. What a fleet itself declares to check it is run by [`checks`].

pub mod args;
pub mod binaries;
pub mod checks;
pub mod columns;
pub mod crew;
pub mod event;
pub mod fleets;
pub mod folder;
pub mod keyring;
pub mod keys;
pub mod leftovers;
pub mod manifest;
pub mod member;
pub mod pids;
pub mod plan;
pub mod ports;
pub mod process;
pub mod ready;
pub mod rebuild;
pub mod redrive;
pub mod restarts;
pub mod running;
pub mod screen;
pub mod shell;
pub mod status;
pub mod stop;
pub mod tail;
pub mod template;
pub mod token;
pub mod up;
