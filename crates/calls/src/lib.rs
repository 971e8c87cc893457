//! The guarded synchronous call: time limit, circuit breaker, bulkhead.
