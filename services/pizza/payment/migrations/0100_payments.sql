CREATE TABLE payments (
    order_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    price BIGINT NOT NULL DEFAULT 0,
    -- Approved, Canceled or Void: see crates/payment.
    state TEXT NOT NULL DEFAULT 'Void',
    -- This fleet has none.
    details TEXT
);

-- Bills that the provider is to pay back. A row is deleted when the provider has confirmed it.
CREATE TABLE refunds_due (
    order_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    price BIGINT NOT NULL,
    -- When a refund is tried, at the earliest. Later than now: a replica is working on it.
    retry_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, attempt)
);
