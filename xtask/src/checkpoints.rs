//! The checkpoints of fleets: what each means, what shows it in a fleet, and the outputs that were kept.

mod declaration;
mod kept;

pub use declaration::{Command, Declaration, Evidence};
pub use kept::Kept;

/// What systems of this kind are judged by.
#[derive(Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The section in the declaration of a fleet.
    pub key: &'static str,
    /// The name of the mechanism.
    pub title: &'static str,
    /// What has to hold.
    pub meaning: &'static str,
}

/// All checkpoints, in their order. A checkpoint is known by its number, from 1.
pub const CHECKPOINTS: [Checkpoint; 17] = [
    Checkpoint {
        key: "saga",
        title: "Saga",
        meaning: "a transaction across contexts ends whole or compensated, whatever crashes in between",
    },
    Checkpoint {
        key: "cqrs",
        title: "CQRS",
        meaning: "a view answers from its own tables, which events alone fill, and can be rebuilt from the topics",
    },
    Checkpoint {
        key: "correlation",
        title: "Correlation key",
        meaning: "every event names its case, and a policy acts on exactly that case",
    },
    Checkpoint {
        key: "request-response",
        title: "Request/response",
        meaning: "what must be known at once is asked by a call with a time limit and a circuit breaker",
    },
    Checkpoint {
        key: "time-decoupling",
        title: "Time decoupling",
        meaning: "a context that is down stops no other, and catches up when it is back",
    },
    Checkpoint {
        key: "scale-out",
        title: "Scale-out",
        meaning: "another replica of a consumer takes a share of the work; no event is handled twice or skipped",
    },
    Checkpoint {
        key: "gateway",
        title: "Gateway",
        meaning: "one entrance with routes, CORS, tokens and rate limits; the services are closed to the outside",
    },
    Checkpoint {
        key: "circuit-breaker",
        title: "Circuit breaker",
        meaning: "while the called context is overloaded, its caller fails fast with a clear answer; it recovers alone",
    },
    Checkpoint {
        key: "autoscale",
        title: "Autoscale",
        meaning: "the autoscaler adds replicas under siege and removes them afterwards",
    },
    Checkpoint {
        key: "zero-downtime",
        title: "Zero-downtime deploy",
        meaning: "a rolling update under siege has an availability of 100.00 %",
    },
    Checkpoint {
        key: "self-healing",
        title: "Self-healing",
        meaning: "a sick process is restarted by its liveness probe, and nothing is lost",
    },
    Checkpoint {
        key: "persistence",
        title: "Configuration and persistence",
        meaning: "settings change without a rebuild, and stores survive the death of a process or a pod",
    },
    Checkpoint {
        key: "polyglot",
        title: "Polyglot persistence",
        meaning: "each context chooses its store by configuration",
    },
    Checkpoint {
        key: "open-architecture",
        title: "Open architecture",
        meaning: "a folder adds a context and changes no existing service; its removal breaks no other",
    },
    Checkpoint {
        key: "hexagonal",
        title: "Hexagonal architecture",
        meaning: "a second inbound adapter, gRPC beside REST, leaves the domain as it is",
    },
    Checkpoint {
        key: "contract-tests",
        title: "Contract tests",
        meaning: "a change that breaks a consumer of an API or an event fails a test",
    },
    Checkpoint {
        key: "observability",
        title: "Observability",
        meaning: "one trace from the gateway through HTTP and Kafka to the view; metrics; alerts that fire",
    },
];
