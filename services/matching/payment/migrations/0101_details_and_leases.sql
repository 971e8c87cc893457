-- What a fleet stores with a payment besides key, attempt and price, as JSON.
ALTER TABLE payments ADD COLUMN details TEXT;

-- When a refund is tried, at the earliest. Later than now: a replica is working on it.
ALTER TABLE refunds_due ADD COLUMN retry_at BIGINT NOT NULL DEFAULT 0;
