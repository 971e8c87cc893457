//! A fleet of real processes with its own folder, ports, topics and databases.

mod access;
mod authentication;
mod control;
mod credentials;
mod fixture;
mod forged;
mod forger;
mod laws;
mod operator;
pub(crate) mod parts;
mod process;
mod quiescent;
mod simulator;
mod stores;
mod template;
mod topics;

pub use fixture::Fleet;
pub use forged::ForgedRecord;
pub use forger::Forger;
pub use operator::CapturedOutput;
pub use parts::Parts;
pub use simulator::Simulator;
pub use template::FleetTemplate;
pub use topics::{RawRecord, TopicConsumer, Topics};
