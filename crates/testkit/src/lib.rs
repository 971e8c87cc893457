//! A fleet of real processes in a test: started, killed, paused, asked, and gone when the test is over.
//!
//! A fleet's tests are a binary without the usual harness. Its `main` hands its [`Case`]s to [`run`], which does each of
//! them on all [`Parts`] that there are: the embedded broker with `SQLite`, and Kafka with `PostgreSQL` where the
//! environment names them. Who is no test makes a [`Ground`] and a fleet on it. Nothing here knows any fleet.

mod api;
mod case;
mod fault;
mod fleet;
mod frames;
mod ground;
mod identified;
mod live;
mod member;
mod metrics;
mod operator;
mod parts;
mod settled;
mod stores;
mod suite;
mod topics;
mod wait;
mod wire;

pub use api::{Answer, Api};
pub use case::{Case, Run};
pub use fault::Order;
pub use fleet::Fleet;
pub use flotilla::manifest::{BROKER, GATEWAY};
pub use ground::Ground;
pub use live::{Live, Message};
pub use messaging::{Record, Status};
pub use operator::Lines;
pub use parts::Parts;
pub use suite::run;
pub use topics::{Listener, Raw, Topics};
pub use wait::{each, eventually};
pub use wire::{Flow, Wire};
