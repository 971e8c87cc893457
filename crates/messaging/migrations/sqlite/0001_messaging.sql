-- Steps 1 to 99 belong to crate messaging; a context's own begin at 100.
CREATE TABLE outbox (
    -- No number is given twice: whoever deletes what it has published must not hit what came after.
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    trace TEXT,
    data TEXT NOT NULL
);

CREATE TABLE inbox (
    event_id TEXT PRIMARY KEY,
    received_at BIGINT NOT NULL
);
CREATE INDEX inbox_received ON inbox (received_at);

-- One row. A store that is new or was emptied has a new generation, hence a new consumer group that begins at the beginning.
CREATE TABLE consumer_generation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL
);
