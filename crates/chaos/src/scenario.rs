use audit::{Fleet, Stores};
use tokio::task::JoinSet;

use crate::fault::StubFault;
use crate::load::Load;
use workload::Operation;

/// A chaos run of a fleet.
#[derive(Debug)]
pub struct Scenario {
    /// The declaration for the auditor.
    pub fleet: &'static Fleet,
    /// The contexts that two processes serve.
    pub replicated: &'static [&'static str],
    /// The topics that contexts consume.
    pub consumers: &'static [Consumers],
    /// The stub of an external system, if the fleet has one.
    pub stub: Option<Stub>,
    /// A valid event, which hostile records imitate.
    pub sample_event: SampleEvent,
    /// The requests of the client that takes all resources it can.
    pub greedy: GreedyRequests,
    /// Starts the actors of the load. They end soon after the load is over: see [`workload::Actor::over`].
    pub actors: fn(Load) -> JoinSet<()>,
    /// The operation that repeats another one, and has the same response.
    pub repetition: Operation,
    /// Numbers for the report, from the stores at the end, each with its unit. The first one must not be 0.
    pub counts: fn(&Stores) -> Vec<(usize, &'static str)>,
}

/// The contexts that consume a topic.
#[derive(Debug, Clone, Copy)]
pub struct Consumers {
    /// The context that publishes it.
    pub topic: &'static str,
    /// Those that consume it.
    pub contexts: &'static [&'static str],
}

/// The stub of an external system, controlled by a settings file.
#[derive(Debug)]
pub struct Stub {
    /// The context that uses it.
    pub context: &'static str,
    /// The environment variable of that context that names the file.
    pub variable: &'static str,
    /// The faults that it can simulate.
    pub faults: &'static [StubFault],
}

/// A valid event.
#[derive(Debug, Clone, Copy)]
pub struct SampleEvent {
    /// Its type.
    pub kind: &'static str,
    /// Its subject.
    pub subject: &'static str,
    /// Its data.
    pub data: &'static str,
}

/// The requests of a client that takes all resources it can.
#[derive(Debug, Clone, Copy)]
pub struct GreedyRequests {
    /// The path of a POST with a body.
    pub post: &'static str,
    /// The path of a live stream that sends nothing.
    pub stream: &'static str,
}
