//! A fleet in one process, on simulated time, network, broker and stores. A seed repeats a run exactly.
//!
//! The services run as they are: their `build` function is called with a [`World`]'s edges in its settings. What is
//! simulated is what lies around them:
//!
//! | edge | here |
//! |---|---|
//! | time | tokio's paused clock: a run of a minute takes a fraction of a second |
//! | stores | real `SQLite` files, behind a driver that delays and refuses statements, loses their answers, or kills at them |
//! | broker | [`broker`]: a log in memory, with consumer groups that are rebalanced, delivers late and again |
//! | network | [`World::call`]: requests to routers, lost, late, or executed without an answer |
//! | processes | [`World::run`]: killed at any await, started again on what they had committed |
//!
//! A [`Mutation`] breaks one rule at an edge, to show that the simulation would find it.

mod away;
pub mod broker;
mod connection;
mod driver;
mod mutation;
mod network;
mod process;
mod risks;
mod site;
mod story;
mod world;

pub use mutation::Mutation;
pub use network::{Answer, NoAnswer};
pub use process::{Build, Process};
pub use risks::Risks;
pub use story::Line;
pub use world::{World, simulate};
