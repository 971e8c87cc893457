-- Events that the broker will never take: the relay moves them here, so that they hold nobody up. An operator puts them back.
CREATE TABLE refused_events (
    -- The number that the event had in the outbox, which it gets again when it is put back.
    seq BIGINT PRIMARY KEY,
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    trace TEXT,
    data TEXT NOT NULL,
    reason TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    refusals BIGINT NOT NULL
);

-- How often the broker has refused an event that was put back.
ALTER TABLE outbox ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;
