//! A fleet of real processes with its own folder, ports, topics and databases.

mod access;
mod authentication;
mod control;
mod credentials;
mod fixture;
mod forged;
mod forger;
mod ground;
mod laws;
mod operator;
pub(crate) mod parts;
mod process;
mod quiescent;
mod simulator;
mod stores;
mod topics;

pub use fixture::Fleet;
pub use forged::Forged;
pub use forger::Forger;
pub use ground::Ground;
pub use operator::Lines;
pub use parts::Parts;
pub use simulator::Simulator;
pub use topics::{Listener, Raw, Topics};
