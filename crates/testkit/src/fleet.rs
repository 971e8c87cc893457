//! A fleet of real processes with its own folder, ports, topics and databases.

mod access;
mod authentication;
mod control;
mod credentials;
mod fixture;
mod forged;
mod ground;
mod operator;
pub(crate) mod parts;
mod process;
mod quiescent;
mod stores;
mod topics;

pub use fixture::Fleet;
pub use forged::Forged;
pub use ground::Ground;
pub use operator::Lines;
pub use parts::Parts;
pub use topics::{Listener, Raw, Topics};
