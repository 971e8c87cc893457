//! What a service is: configuration, HTTP server, health, problem+json, metrics, shutdown.
