CREATE TABLE cases (
    match_id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL DEFAULT 0,
    price BIGINT,
    -- When the payment was approved; NULL if it is not known to be.
    paid_since BIGINT,
    canceled BIGINT NOT NULL DEFAULT 0,
    teacher TEXT,
    visit_date TEXT,
    -- 1 while it is in the list of visit requests.
    is_open BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX cases_open ON cases (paid_since, match_id) WHERE is_open = 1;
CREATE INDEX cases_assigned ON cases (match_id) WHERE teacher IS NOT NULL;
