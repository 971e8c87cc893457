"""Spans, exported over OTLP if there is a collector. Their ids are those of headers and events."""

import random
from dataclasses import dataclass

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from .envelope import Envelope, is_trace
from .settings import NAME


@dataclass(frozen=True)
class Request:
    """The trace of a request."""

    trace_id: str
    span: trace.Span | None


class Spans:
    """Records spans. Without a collector recording costs nothing."""

    def __init__(self, endpoint: str) -> None:
        self._provider = None
        if endpoint:
            self._provider = TracerProvider(resource=Resource.create({"service.name": NAME}))
            exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
            self._tracer = self._provider.get_tracer("flotilla")

    def processed(self, event: Envelope, now: int) -> None:
        """The span of an event whose transaction is committed."""
        if self._provider is None or event.trace is None:
            return
        about = {"messaging.system": "kafka", "messaging.operation.type": "process", "messaging.message.id": event.id,
                 "messaging.kafka.message.key": event.subject, "flotilla.context": event.context}
        span = self._tracer.start_span(f"process {event.kind}", _parent(event.trace), SpanKind.CONSUMER, about,
                                       start_time=now * 1000)
        span.end()

    def begin(self, traceparent: str | None, name: str) -> Request:
        """Begins the span of a request."""
        parent = traceparent if traceparent and is_trace(traceparent) else None
        if self._provider is None:
            return Request(parent[3:35] if parent else f"{random.getrandbits(128):032x}", None)
        span = self._tracer.start_span(name, _parent(parent) if parent else context.Context(), SpanKind.SERVER)
        return Request(trace.format_trace_id(span.get_span_context().trace_id), span)

    def end(self, request: Request, status: int) -> None:
        """Ends the span of a request."""
        if request.span is not None:
            request.span.set_attribute("http.response.status_code", status)
            if status >= 500:
                request.span.set_status(trace.StatusCode.ERROR)
            request.span.end()

    def flush(self) -> None:
        """Exports what is left, at the end of the process."""
        if self._provider is not None:
            self._provider.force_flush(2_000)


def _parent(traceparent: str) -> context.Context:
    flags = TraceFlags(int(traceparent[53:55], 16))
    ids = SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(ids), context.Context())
