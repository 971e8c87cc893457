-- The latest attempt at each call.
CREATE TABLE cleanmanages (
    call_id BIGINT PRIMARY KEY,
    -- 0: there was none.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- NULL: any place.
    location TEXT,
    -- The telephone number, masked.
    tel TEXT NOT NULL DEFAULT '',
    -- accepted, canceled or withdrawn: see `State` in cleanmanage-domain.
    state TEXT NOT NULL DEFAULT 'withdrawn',
    -- waiting, assigned, finished or canceled: how far its assignment is.
    progress TEXT NOT NULL DEFAULT 'waiting',
    -- The name of the cleaner, once there was one.
    cleaner TEXT,
    -- NULL: authentication was disabled.
    customer TEXT
);
CREATE INDEX cleanmanages_open ON cleanmanages (call_id) WHERE state = 'accepted' AND progress IN ('waiting', 'assigned');
CREATE INDEX cleanmanages_of_customer ON cleanmanages (customer, call_id) WHERE customer IS NOT NULL;

-- One row: what is accepted.
CREATE TABLE places (
    id BIGINT PRIMARY KEY,
    -- A list in JSON. NULL: all places.
    served TEXT,
    -- How many calls may be open at the same time. NULL: any number.
    call_limit BIGINT
);
INSERT INTO places (id) VALUES (1);
