//! The outbox of a context, as `flotilla redrive` observes it.

use std::time::Duration;

use messaging::Status;

/// Interval between two requests for the status of a context.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Whether every event that entered the outbox at least `age` ago is published.
pub(crate) fn published(status: &Status, age: Duration) -> bool {
    status.outbox_depth == 0 || status.outbox_age_seconds < age.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_younger_events_may_still_wait_in_the_outbox() {
        let with = |depth, age| {
            let text = format!(
                r#"{{"context":"boat","outboxDepth":{depth},"outboxAgeSeconds":{age},"consumer":null,
                    "deadLetterTopic":"h.boat.dead-letters"}}"#
            );
            published(&serde_json::from_str(&text).unwrap(), Duration::from_secs(2))
        };
        assert_eq!([with(0, 0.0), with(1, 1.9), with(1, 2.1)], [true, true, false]);
    }
}
