-- The menus of the shops. An order keeps the price of its time.
CREATE TABLE menus (
    -- The shop and the dish, such as '1/1'.
    dish TEXT PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    menu_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    price BIGINT NOT NULL
);
CREATE UNIQUE INDEX menus_by_shop ON menus (shop_id, menu_id);

-- The default: three shops.
INSERT INTO menus (dish, shop_id, menu_id, name, price) VALUES
    ('1/1', 1, 1, 'Bibimbap', 1000),
    ('1/2', 1, 2, 'Kimchi stew', 900),
    ('1/3', 1, 3, 'Bulgogi', 1400),
    ('2/1', 2, 1, 'Margherita', 1100),
    ('2/2', 2, 2, 'Lasagne', 1300),
    ('2/3', 2, 3, 'Minestrone', 700),
    ('3/1', 3, 1, 'Ramen', 1200),
    ('3/2', 3, 2, 'Gyoza', 600),
    ('3/3', 3, 3, 'Matcha ice cream', 500);

CREATE TABLE orders (
    order_id BIGINT PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    menu_id BIGINT NOT NULL,
    qty BIGINT NOT NULL,
    -- Of one, at the time of the order.
    price BIGINT NOT NULL,
    -- What the customer pays: price times quantity.
    amount BIGINT NOT NULL,
    -- NULL: authentication was disabled.
    customer TEXT,
    ordered_at BIGINT NOT NULL,
    -- order, cook or cooked: how far the kitchen is. Whether the order is cancelled is in `cancellations`.
    status TEXT NOT NULL DEFAULT 'order'
);
CREATE INDEX orders_of_shop ON orders (shop_id, order_id);
CREATE INDEX orders_of_customer ON orders (customer, order_id) WHERE customer IS NOT NULL;

-- The cancellations of orders: a saga with the kitchen. One that the kitchen has declined at once has no row.
CREATE TABLE cancellations (
    order_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    -- pending, completing, compensating, void or established: see crates/context.
    phase TEXT NOT NULL,
    -- When the recovery takes it over, while it is undecided.
    retry_at BIGINT NOT NULL
);
CREATE INDEX cancellations_unfinished ON cancellations (retry_at)
    WHERE phase IN ('pending', 'completing', 'compensating');

-- The orders as clients see them, each with its cancellation.
CREATE VIEW placed_orders AS
SELECT orders.order_id, orders.shop_id, orders.menu_id, orders.qty, orders.price, orders.amount, orders.customer,
    orders.ordered_at, orders.status, cancellations.phase AS cancellation
FROM orders LEFT JOIN cancellations ON cancellations.order_id = orders.order_id;
