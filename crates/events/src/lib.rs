//! Domain events on the wire: CloudEvents envelope, catalogue, trace context.
