-- The number of the latest change of each table that clients follow.
CREATE TABLE change_numbers (
    table_name TEXT PRIMARY KEY,
    latest BIGINT NOT NULL
);
