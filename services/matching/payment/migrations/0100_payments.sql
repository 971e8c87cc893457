CREATE TABLE payments (
    match_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    price BIGINT NOT NULL DEFAULT 0,
    -- Approved, Canceled or Void: see payment-domain.
    state TEXT NOT NULL DEFAULT 'Void'
);

-- Bills that the provider is to give back and to close. A row goes when it has said that it did.
CREATE TABLE refunds_due (
    match_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    price BIGINT NOT NULL,
    PRIMARY KEY (match_id, attempt)
);
