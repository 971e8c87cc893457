CREATE TABLE alarms (
    order_id BIGINT PRIMARY KEY,
    shop_id BIGINT NOT NULL DEFAULT 0,
    cooked_at BIGINT NOT NULL DEFAULT 0,
    -- Of the latest change, for those who follow the list.
    change_number BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX alarms_by_time ON alarms (cooked_at, order_id);
CREATE INDEX alarms_of_shop ON alarms (shop_id, cooked_at, order_id);
CREATE INDEX alarms_by_change ON alarms (change_number);
