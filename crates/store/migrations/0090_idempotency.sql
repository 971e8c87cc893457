-- Steps 90 to 99 belong to crate store.
CREATE TABLE idempotency_keys (
    idempotency_key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    resource_id BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_claimed ON idempotency_keys (claimed_at);
