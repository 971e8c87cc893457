//! Spans for the publishing and the processing of events, in the trace of the event.

use ambient::Timestamp;
use chassis::Spans;
use chassis::spans::{Side, Span};
use events::{Envelope, TraceContext};

/// Creates the spans of events: from the outbox to the broker, and from the broker into a context.
#[derive(Debug, Clone)]
pub(crate) struct TraceLinks(pub(crate) Spans);

/// The open span of an event.
#[derive(Debug, Clone)]
pub(crate) struct EventSpan {
    kind: String,
    topic: String,
    subject: String,
    id: String,
    parent: TraceContext,
    /// The parent of the spans that this event causes.
    pub(crate) trace: TraceContext,
    began: Timestamp,
}

impl TraceLinks {
    /// Whether spans are exported.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.0.is_on()
    }

    /// Begins the span of an event, if the event has a trace and spans are exported.
    pub(crate) fn begin(&self, topic: &str, event: &Envelope, began: Timestamp) -> Option<EventSpan> {
        let parent = event.trace.filter(|_| self.is_enabled())?;
        Some(EventSpan {
            kind: event.kind.clone(),
            topic: topic.to_owned(),
            subject: event.subject.clone(),
            id: event.id.clone(),
            parent,
            trace: self.0.within(&parent),
            began,
        })
    }

    /// Ends the span of an event that the broker has acknowledged.
    pub(crate) fn published(&self, span: EventSpan) {
        self.record(span, Side::Producer, "publish");
    }

    /// Ends the span of an event whose transaction is committed.
    pub(crate) fn applied(&self, span: EventSpan) {
        self.record(span, Side::Consumer, "process");
    }

    fn record(&self, span: EventSpan, side: Side, operation: &'static str) {
        self.0.record(|| Span {
            name: format!("{operation} {}", span.kind).into(),
            side,
            trace: span.trace,
            parent: Some(span.parent),
            began: span.began,
            ended: self.0.now(),
            facts: vec![
                ("messaging.system", "kafka".into()),
                ("messaging.operation.type", operation.into()),
                ("messaging.destination.name", span.topic.into()),
                ("messaging.kafka.message.key", span.subject.into()),
                ("messaging.message.id", span.id.into()),
            ],
            failed: false,
        });
    }
}
