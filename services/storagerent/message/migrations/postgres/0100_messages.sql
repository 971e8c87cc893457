CREATE TABLE messages (
    -- Counted up, so that the messages of a reservation are in the order in which they were written.
    message_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    storage_id BIGINT NOT NULL,
    -- What a message is about; NULL in one that a manager wrote.
    reservation_id BIGINT,
    attempt BIGINT,
    kind TEXT,
    -- The customer whom it is for; NULL if that is not known: only managers see it.
    customer TEXT,
    content TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    -- One message per confirmation and per cancellation, long after the inbox has forgotten the event, too.
    UNIQUE (reservation_id, attempt, kind)
);
CREATE INDEX messages_of_storage ON messages (storage_id, message_id);
CREATE INDEX messages_of_customer ON messages (customer, message_id) WHERE customer IS NOT NULL;
