CREATE TABLE cooks (
    order_id BIGINT PRIMARY KEY,
    -- 0: nothing has come.
    shop_id BIGINT NOT NULL DEFAULT 0,
    -- What is ordered; NULL until the order has come.
    menu_id BIGINT,
    qty BIGINT,
    ordered_at BIGINT,
    -- unknown, order, cook, cooked or cancel: see cook-domain. A cancelled order keeps its row, so that it is not shown if it
    -- comes later.
    status TEXT NOT NULL DEFAULT 'unknown',
    -- NULL: authentication was disabled, or the order has not come.
    customer TEXT
);
CREATE INDEX cooks_by_time ON cooks (ordered_at, order_id) WHERE status <> 'cancel';
CREATE INDEX cooks_of_shop ON cooks (shop_id, ordered_at, order_id) WHERE status <> 'cancel';
