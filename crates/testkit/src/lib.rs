//! A fleet of real processes in a test: started, killed, paused, queried, and removed at the end of the test.
//!
//! The tests of a fleet are a binary without the usual harness. Its `main` passes its [`Case`]s to [`run`], which runs each
//! of them on all available [`Parts`]: the embedded broker with `SQLite`, and Kafka with `PostgreSQL` where the environment
//! names them. A program that is not a test makes a [`FleetTemplate`] and a fleet from it. This crate knows no concrete fleet.

mod faults;
mod fleet;
mod harness;
mod observe;

pub use faults::{ProxyState, ServerCommand, TcpProxy};
pub use fleet::{
    CapturedOutput, Fleet, FleetTemplate, ForgedRecord, Forger, Parts, RawRecord, Simulator, TopicConsumer, Topics,
};
pub use flotilla::manifest::{BROKER, GATEWAY};
pub use harness::{Case, Run, run};
pub use messaging::{Record, Status};
pub use observe::{Api, ApiResponse, LATER, Live, Message, RecordingApi, SOON, each, eventually};
