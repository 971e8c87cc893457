CREATE TABLE reservations (
    reservation_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL,
    storage_id BIGINT NOT NULL,
    -- What the customer expects, or NULL; the price of the room once it is held.
    price BIGINT,
    -- The number of the hold; NULL before the room is held.
    hold BIGINT,
    -- pending, compensating, void or established: see reservation-domain.
    phase TEXT NOT NULL,
    -- The step of the saga that was reached.
    step BIGINT NOT NULL DEFAULT 0,
    -- When the recovery takes it over, while pending or compensating.
    retry_at BIGINT NOT NULL,
    -- reqReserve, reserved, reqCancel or cancelled, once established.
    status TEXT NOT NULL DEFAULT '',
    -- 1: the approval of the payment has been consumed.
    paid BIGINT NOT NULL DEFAULT 0,
    -- NULL: authentication was disabled.
    customer TEXT
);
CREATE INDEX reservations_unfinished ON reservations (retry_at) WHERE phase IN ('pending', 'compensating');
CREATE INDEX reservations_of_customer ON reservations (customer, reservation_id)
    WHERE customer IS NOT NULL AND phase = 'established';
