CREATE TABLE coupons (
    order_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    delivered BIGINT NOT NULL DEFAULT 0,
    canceled BIGINT NOT NULL DEFAULT 0,
    -- The number of the latest refund, and its furthest step; 0 and empty if there is none.
    refund BIGINT NOT NULL DEFAULT 0,
    refund_step TEXT NOT NULL DEFAULT '',
    -- published or couponRefunded; empty if the order is not delivered.
    status TEXT NOT NULL DEFAULT '',
    -- The number of published changes.
    version BIGINT NOT NULL DEFAULT 0,
    -- NULL: authentication was disabled, or the order is not delivered.
    customer TEXT
);
CREATE INDEX coupons_of_customer ON coupons (customer, order_id) WHERE customer IS NOT NULL;
