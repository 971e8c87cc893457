CREATE TABLE calls (
    number BIGINT NOT NULL,
    part BIGINT NOT NULL,
    retry_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (number, part)
);
