//! Events on their way, as spans of the trace that they happened in.

use ambient::Timestamp;
use chassis::Spans;
use chassis::spans::{Side, Span};
use events::{Envelope, TraceContext};

/// What follows events with spans: from the outbox to the broker, and from the broker into a context.
#[derive(Debug, Clone)]
pub(crate) struct Follower(pub(crate) Spans);

/// An event that is followed: all that its span will say.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    kind: String,
    topic: String,
    subject: String,
    id: String,
    parent: TraceContext,
    /// What is done because of this event is part of this.
    pub(crate) trace: TraceContext,
    began: Timestamp,
}

impl Follower {
    /// Whether anybody wants to know.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_on()
    }

    /// The step that begins with an event, if anybody wants to know.
    pub(crate) fn step(&self, topic: &str, event: &Envelope, began: Timestamp) -> Option<Step> {
        let parent = event.trace.filter(|_| self.is_on())?;
        Some(Step {
            kind: event.kind.clone(),
            topic: topic.to_owned(),
            subject: event.subject.clone(),
            id: event.id.clone(),
            parent,
            trace: self.0.within(&parent),
            began,
        })
    }

    /// The event was written into the outbox, and the broker has it now.
    pub(crate) fn published(&self, step: Step) {
        self.record(step, Side::Producer, "publish");
    }

    /// The event came from the broker, and its transaction is committed.
    pub(crate) fn applied(&self, step: Step) {
        self.record(step, Side::Consumer, "process");
    }

    fn record(&self, step: Step, side: Side, operation: &'static str) {
        self.0.record(|| Span {
            name: format!("{operation} {}", step.kind).into(),
            side,
            trace: step.trace,
            parent: Some(step.parent),
            began: step.began,
            ended: self.0.now(),
            facts: vec![
                ("messaging.system", "kafka".into()),
                ("messaging.operation.type", operation.into()),
                ("messaging.destination.name", step.topic.into()),
                ("messaging.kafka.message.key", step.subject.into()),
                ("messaging.message.id", step.id.into()),
            ],
            failed: false,
        });
    }
}
