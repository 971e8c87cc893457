CREATE TABLE deliveries (
    order_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    -- What is delivered; NULL: the order is not known to be established.
    pizza_id BIGINT,
    qty BIGINT,
    -- NULL: authentication was disabled, or the order is not known.
    customer TEXT,
    paid BIGINT NOT NULL DEFAULT 0,
    -- Of the order.
    canceled BIGINT NOT NULL DEFAULT 0,
    -- started, Finished, canceled, refunded, returned or refundCanceled; empty before it has started.
    status TEXT NOT NULL DEFAULT '',
    -- The number of the latest refund that delivery has agreed to, and of the latest one that was withdrawn; 0: none.
    refund BIGINT NOT NULL DEFAULT 0,
    withdrawn BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_by_status ON deliveries (status, order_id);
