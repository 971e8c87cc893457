CREATE TABLE my_pages (
    id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    price BIGINT,
    teacher TEXT,
    visit_date TEXT,
    -- When each step happened; NULL if it is not known to have.
    match_requested_at BIGINT,
    payment_approved_at BIGINT,
    visit_assigned_at BIGINT,
    match_canceled_at BIGINT,
    payment_canceled_at BIGINT,
    visit_canceled_at BIGINT
);
