CREATE TABLE articles (
    number TEXT PRIMARY KEY,
    version BIGINT NOT NULL DEFAULT 0,
    position BIGINT NOT NULL DEFAULT 0,
    seller TEXT,
    price BIGINT,
    on_sale BIGINT NOT NULL DEFAULT 0,
    priced_at BIGINT,
    labels TEXT NOT NULL DEFAULT '[]',
    -- For those who follow the list.
    shelf BIGINT NOT NULL DEFAULT 0,
    change_number BIGINT NOT NULL DEFAULT 0
);
