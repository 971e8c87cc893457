CREATE TABLE storage_views (
    storage_id BIGINT PRIMARY KEY,
    -- The registration: its latest known version, 0 if none is known.
    version BIGINT NOT NULL DEFAULT 0,
    description TEXT,
    price BIGINT,
    deleted BIGINT NOT NULL DEFAULT 0,
    review_cnt BIGINT NOT NULL DEFAULT 0,
    -- The latest known hold of the room, 0 if none is known, and how far it is. A status is empty if none is known.
    hold BIGINT NOT NULL DEFAULT 0,
    reservation_id BIGINT,
    storage_status TEXT NOT NULL DEFAULT '',
    reservation_status TEXT NOT NULL DEFAULT '',
    payment_status TEXT NOT NULL DEFAULT ''
);
