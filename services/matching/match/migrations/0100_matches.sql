CREATE TABLE matches (
    id BIGINT PRIMARY KEY,
    attempt BIGINT NOT NULL,
    price BIGINT NOT NULL,
    -- pending, settling, void or established: see match-domain.
    phase TEXT NOT NULL,
    -- The furthest step that is known, once established.
    step TEXT NOT NULL,
    -- When the recovery looks at it, while pending or settling.
    settle_at BIGINT NOT NULL
);
CREATE INDEX matches_unsettled ON matches (settle_at) WHERE phase IN ('pending', 'settling');
