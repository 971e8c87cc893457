-- One row, which every transaction that assigns or frees a cleaner locks first: replicas do so one after the other.
CREATE TABLE dispatch (
    id BIGINT PRIMARY KEY
);
INSERT INTO dispatch (id) VALUES (1);

CREATE TABLE cleaners (
    cleaner_id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    -- NULL: any place.
    location TEXT,
    idle_since BIGINT NOT NULL,
    -- The call that they are assigned to. NULL: they are free.
    call_id BIGINT UNIQUE
);
INSERT INTO cleaners (cleaner_id, name, location, idle_since) VALUES
    (1, 'Kim', 'seoul', 0), (2, 'Lee', 'busan', 0), (3, 'Park', NULL, 0);

-- The latest attempt at each call.
CREATE TABLE cleanassigns (
    call_id BIGINT PRIMARY KEY,
    -- 0: there was none.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- NULL: any place.
    location TEXT,
    since BIGINT NOT NULL DEFAULT 0,
    -- waiting, assigned, finished or canceled: see `State` in cleanassign-domain.
    state TEXT NOT NULL DEFAULT 'canceled',
    -- The cleaner, if there is or was one, and their name at that time.
    cleaner_id BIGINT,
    cleaner TEXT
);
CREATE INDEX cleanassigns_waiting ON cleanassigns (since, call_id) WHERE state = 'waiting';
CREATE INDEX cleanassigns_waiting_in_place ON cleanassigns (location, since, call_id) WHERE state = 'waiting';
