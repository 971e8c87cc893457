//! Transactional outbox and inbox over Kafka: relay, consumer, dead letters, replay.
