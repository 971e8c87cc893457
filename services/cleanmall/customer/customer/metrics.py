"""The figures of `/metrics`, with the names that the other contexts use."""

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)

EVENTS = Counter("consumer_events", "Events of a batch, by outcome", ["outcome"])
LAG = Gauge("consumer_lag", "Events that the consumer has not committed")
OUTBOX = Gauge("outbox_depth", "Dead letters that are not published yet")
OUTBOX_AGE = Gauge("outbox_oldest_age_seconds", "Age of the oldest of them")
REFUSED = Gauge("outbox_refused_events", "Events that the broker refuses for good: this context has none")
PUBLISHED = Counter("outbox_published", "Dead letters that the broker has")
REQUESTS = Counter("http_requests", "Requests answered, by route", ["method", "route", "status"])
SECONDS = Histogram("http_request_duration_seconds", "Time to the head of the answer, by route", ["method", "route"],
                    buckets=_BUCKETS)
