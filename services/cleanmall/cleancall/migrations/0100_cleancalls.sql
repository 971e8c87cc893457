CREATE TABLE cleancalls (
    call_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL,
    -- Personal: it is in no event and in no log.
    tel TEXT NOT NULL,
    -- NULL: any place.
    location TEXT,
    -- NULL: the price is agreed on site.
    cost BIGINT,
    -- pending, compensating, void or established: see cleancall-domain.
    phase TEXT NOT NULL,
    -- The step of the saga that was reached.
    step BIGINT NOT NULL DEFAULT 0,
    -- When the recovery takes it over, while pending or compensating.
    retry_at BIGINT NOT NULL,
    -- waiting, assigned, finished or canceled: how far its assignment is.
    progress TEXT NOT NULL DEFAULT 'waiting',
    -- The name of the cleaner, once there was one.
    cleaner TEXT,
    -- 1: the customer has cancelled it.
    canceled BIGINT NOT NULL DEFAULT 0,
    -- NULL: authentication was disabled.
    customer TEXT
);
CREATE INDEX cleancalls_unfinished ON cleancalls (retry_at) WHERE phase IN ('pending', 'compensating');
CREATE INDEX cleancalls_of_customer ON cleancalls (customer, call_id) WHERE customer IS NOT NULL AND phase = 'established';
