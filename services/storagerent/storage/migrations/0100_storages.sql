CREATE TABLE storages (
    storage_id BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    -- NULL: the room cannot be reserved yet.
    price BIGINT,
    -- Of the registration: it grows by one with each change of it.
    version BIGINT NOT NULL DEFAULT 1,
    -- available, reserving, reserved or deleted. A deleted room keeps its row, so that its id is not used again.
    status TEXT NOT NULL DEFAULT 'available',
    -- The reservation that holds the room; NULL if it is neither reserving nor reserved.
    reservation_id BIGINT,
    -- The number of the latest hold.
    holds BIGINT NOT NULL DEFAULT 0,
    reviews BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX storages_by_status ON storages (status, storage_id);

-- The latest attempt of each reservation. A transaction locks rows of `storages` before rows of `holds`.
CREATE TABLE holds (
    reservation_id BIGINT PRIMARY KEY,
    -- 0: there was none.
    attempt BIGINT NOT NULL DEFAULT 0,
    storage_id BIGINT NOT NULL DEFAULT 0,
    -- Counted by the room. 0: it was released before it arrived.
    number BIGINT NOT NULL DEFAULT 0,
    price BIGINT NOT NULL DEFAULT 0,
    -- held, reserved, released or cancelled: see `HoldState` in storage-domain.
    state TEXT NOT NULL DEFAULT 'released',
    -- NULL: authentication was disabled.
    customer TEXT,
    -- 1: the customer has reviewed the room.
    reviewed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX holds_by_storage ON holds (storage_id, number);

-- The id of a review is that of its reservation.
CREATE TABLE reviews (
    reservation_id BIGINT PRIMARY KEY,
    storage_id BIGINT NOT NULL,
    content TEXT NOT NULL,
    customer TEXT,
    written_at BIGINT NOT NULL
);
CREATE INDEX reviews_by_time ON reviews (written_at, reservation_id);
CREATE INDEX reviews_by_storage ON reviews (storage_id, written_at, reservation_id);
