CREATE TABLE order_views (
    order_id BIGINT PRIMARY KEY,
    shop_id BIGINT NOT NULL DEFAULT 0,
    -- Of the order; NULL, and the time 0, until it is known.
    menu_id BIGINT,
    qty BIGINT,
    price BIGINT,
    customer TEXT,
    ordered_at BIGINT NOT NULL DEFAULT 0,
    -- When the others were known to happen; NULL: not yet.
    cook_started_at BIGINT,
    cooked_at BIGINT,
    canceled_at BIGINT,
    -- The furthest of order, cook, cooked and cancel.
    status TEXT NOT NULL DEFAULT 'order',
    -- Of the latest change, for those who follow the list.
    change_number BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX order_views_by_time ON order_views (ordered_at, order_id);
CREATE INDEX order_views_of_shop ON order_views (shop_id, ordered_at, order_id);
CREATE INDEX order_views_by_status ON order_views (shop_id, status);
CREATE INDEX order_views_by_change ON order_views (change_number);
CREATE INDEX order_views_of_customer ON order_views (customer, ordered_at, order_id) WHERE customer IS NOT NULL;
