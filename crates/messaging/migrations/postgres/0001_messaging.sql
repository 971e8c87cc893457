-- Steps 1 to 99 belong to crate messaging; a context's own begin at 100.
CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    trace TEXT,
    data TEXT NOT NULL
);
-- Rows live for milliseconds: without eager cleaning their remains would slow every look at the oldest ones.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.5);

CREATE TABLE inbox (
    event_id TEXT PRIMARY KEY,
    received_at BIGINT NOT NULL
);
-- Rows arrive in the order of time, which is all that BRIN needs; a B-tree would cost a write for each event.
CREATE INDEX inbox_received ON inbox USING brin (received_at);

-- One row. A store that is new or was emptied has a new generation, hence a new consumer group that begins at the beginning.
CREATE TABLE consumer_generation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL
);
