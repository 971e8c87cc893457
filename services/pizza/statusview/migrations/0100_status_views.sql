CREATE TABLE status_views (
    order_id BIGINT PRIMARY KEY,
    -- The latest attempt that is known; 0 before the first event.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- NULL: authentication was disabled, or the order is not known.
    customer TEXT,
    pizza_id BIGINT,
    qty BIGINT,
    price BIGINT,
    -- Of the latest refund.
    reason TEXT,
    -- The latest occurrence of each step, as JSON.
    steps TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX status_views_of_customer ON status_views (customer, order_id) WHERE customer IS NOT NULL;
