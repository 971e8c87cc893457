CREATE TABLE refunds (
    order_id BIGINT PRIMARY KEY,
    -- The number of the latest refund of the order: of the attempt at the saga.
    refund BIGINT NOT NULL,
    -- The attempt at the order, from delivery; NULL before delivery has agreed.
    order_attempt BIGINT,
    reason TEXT NOT NULL,
    -- pending, completing, compensating, void or established: see refund-domain. A cancelled refund is void, too.
    phase TEXT NOT NULL,
    -- When the recovery takes it over, unless it is at rest.
    retry_at BIGINT NOT NULL,
    -- refunded, returned or refundCanceled; empty if delivery has not agreed.
    status TEXT NOT NULL DEFAULT '',
    -- returned or canceled: the end of the return that was consumed before the refund was established. Else empty.
    early TEXT NOT NULL DEFAULT '',
    -- The reason of the latest cancelled refund before this one.
    canceled_before TEXT,
    -- NULL: authentication was disabled.
    customer TEXT
);
CREATE INDEX refunds_unfinished ON refunds (retry_at) WHERE phase IN ('pending', 'completing', 'compensating');
CREATE INDEX refunds_of_customer ON refunds (customer, order_id) WHERE customer IS NOT NULL;
