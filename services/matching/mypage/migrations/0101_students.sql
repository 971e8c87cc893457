-- Whose page it is; NULL if that is not known (yet). Replicas that do not know the column leave it alone.
-- On PostgreSQL the reads of the version before (SELECT *) fail on connections that were open when this ran.
ALTER TABLE my_pages ADD COLUMN student TEXT;
CREATE INDEX my_pages_of_student ON my_pages (student, id) WHERE student IS NOT NULL;
