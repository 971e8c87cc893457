CREATE TABLE orders (
    order_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL,
    pizza_id BIGINT NOT NULL,
    qty BIGINT NOT NULL,
    price BIGINT NOT NULL,
    -- pending, compensating, void or established: see pizza-order-domain.
    phase TEXT NOT NULL,
    -- When the recovery takes it over, while pending or compensating.
    retry_at BIGINT NOT NULL,
    -- approved or canceled; empty if nothing is known.
    payment TEXT NOT NULL DEFAULT '',
    -- started, canceled or delivered; empty if nothing is known.
    delivery TEXT NOT NULL DEFAULT '',
    canceled BIGINT NOT NULL DEFAULT 0,
    -- The number of the latest refund, and its furthest step; 0 and empty if there is none.
    refund BIGINT NOT NULL DEFAULT 0,
    refund_step TEXT NOT NULL DEFAULT '',
    -- The number of the latest change of the coupon, and its state; 0 and empty if there is none.
    coupon_version BIGINT NOT NULL DEFAULT 0,
    coupon TEXT NOT NULL DEFAULT '',
    -- NULL: authentication was disabled.
    customer TEXT
);
CREATE INDEX orders_unfinished ON orders (retry_at) WHERE phase IN ('pending', 'compensating');
CREATE INDEX orders_of_customer ON orders (customer, order_id) WHERE customer IS NOT NULL AND phase = 'established';
